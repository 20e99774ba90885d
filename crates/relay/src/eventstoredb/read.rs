//! Reading a stream backwards.

use bytes::Bytes;
use eventstore_protocol::shared::{
    Empty, RecordedEvent, StreamIdentifier, StreamOptions, UuidOption, stream_options::RevisionOption,
    uuid::Structured, uuid::Value, uuid_option,
};
use eventstore_protocol::streams::{
    ReadReq,
    read_req::{
        Options, ReadDirection,
        options::{CountOption, FilterOption, StreamOption},
    },
    read_resp::Content,
};
use serde::Deserialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::{ANSWER_TIMEOUT, CallError, Connection};
use crate::store::Stored;

/// What is read of an event's metadata.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    event_key: String,
}

impl Connection {
    pub(super) async fn read_backwards(
        &self,
        stream: &str,
        from: Option<u64>,
        count: usize,
    ) -> Result<Vec<Stored>, CallError> {
        let request = self.request(request(stream, from, count));
        let mut client = self.client.clone();
        let mut answers = timeout(ANSWER_TIMEOUT, client.read(request)).await??.into_inner();
        let mut events = Vec::new();
        while let Some(answer) = timeout(ANSWER_TIMEOUT, answers.message()).await?? {
            // That there is no such stream is said, too: then there are no events. The other answers are of subscriptions.
            if let Some(Content::Event(read)) = answer.content {
                // Links are not resolved, so each has its event.
                events.push(stored(&read.event.ok_or_else(|| broken("an event without content"))?)?);
            }
        }
        Ok(events)
    }
}

fn request(stream: &str, from: Option<u64>, count: usize) -> ReadReq {
    let revision = from.map_or(RevisionOption::End(Empty {}), RevisionOption::Revision);
    let stream = StreamOptions {
        stream_identifier: Some(StreamIdentifier { stream_name: Bytes::from(stream.to_owned()) }),
        revision_option: Some(revision),
    };
    let options = Options {
        stream_option: Some(StreamOption::Stream(stream)),
        read_direction: ReadDirection::Backwards.into(),
        resolve_links: false,
        count_option: Some(CountOption::Count(u64::try_from(count).unwrap_or(u64::MAX))),
        filter_option: Some(FilterOption::NoFilter(Empty {})),
        uuid_option: Some(UuidOption { content: Some(uuid_option::Content::Structured(Empty {})) }),
        control_option: None,
    };
    ReadReq { options: Some(options) }
}

fn stored(event: &RecordedEvent) -> Result<Stored, CallError> {
    let id = match event.id.as_ref().and_then(|id| id.value.as_ref()) {
        Some(Value::Structured(Structured { most_significant_bits, least_significant_bits })) => {
            Uuid::from_u64_pair(most_significant_bits.cast_unsigned(), least_significant_bits.cast_unsigned())
        }
        Some(Value::String(text)) => text.parse().map_err(|_| broken("an event whose id is no UUID"))?,
        None => return Err(broken("an event without an id")),
    };
    // Other writers' metadata may be anything.
    let metadata = serde_json::from_slice::<Metadata>(&event.custom_metadata).ok();
    Ok(Stored { revision: event.stream_revision, id, event_key: metadata.map(|metadata| metadata.event_key) })
}

fn broken(what: &str) -> CallError {
    CallError::Broken { reason: format!("it sent {what}") }
}
