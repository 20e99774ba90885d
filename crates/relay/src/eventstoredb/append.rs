//! Appending at an exact revision.

use bytes::Bytes;
use eventstore_protocol::shared::{Empty, StreamIdentifier, Uuid as WireUuid, uuid::Structured, uuid::Value};
use eventstore_protocol::streams::{
    AppendReq, ProposedMessage, WriteOptions,
    append_req::Content,
    append_resp::{Result as Answer, wrong_expected_version::CurrentRevisionOption},
    write_options::ExpectedStreamRevision,
};
use tokio::time::timeout;

use super::{ANSWER_TIMEOUT, CallError, Connection};
use crate::store::{Proposed, StoreError};

impl Connection {
    pub(super) async fn append(
        &self,
        stream: &str,
        behind: Option<u64>,
        events: Vec<Proposed>,
    ) -> Result<(), CallError> {
        let options = Content::Options(WriteOptions {
            stream_identifier: Some(StreamIdentifier { stream_name: Bytes::from(stream.to_owned()) }),
            expected_stream_revision: Some(
                behind.map_or(ExpectedStreamRevision::NoStream(Empty {}), ExpectedStreamRevision::Revision),
            ),
        });
        let events = events.into_iter().map(|event| Content::ProposedMessage(message(event)));
        let messages: Vec<AppendReq> = std::iter::once(options)
            .chain(events)
            .map(|content| AppendReq { content: Some(content) })
            .collect();
        let request = self.request(futures::stream::iter(messages));
        let mut client = self.client.clone();
        match timeout(ANSWER_TIMEOUT, client.append(request)).await??.into_inner().result {
            Some(Answer::Success(_)) => Ok(()),
            Some(Answer::WrongExpectedVersion(wrong)) => {
                let current = match wrong.current_revision_option {
                    Some(CurrentRevisionOption::CurrentRevision(revision)) => Some(revision),
                    Some(CurrentRevisionOption::CurrentNoStream(_)) | None => None,
                };
                Err(CallError::Answered(StoreError::WrongExpectedVersion { current }))
            }
            None => Err(CallError::Broken { reason: "its answer to an append says nothing".to_owned() }),
        }
    }
}

fn message(event: Proposed) -> ProposedMessage {
    let Proposed { id, event_type, data, metadata } = event;
    let (high, low) = id.as_u64_pair();
    let id =
        Structured { most_significant_bits: high.cast_signed(), least_significant_bits: low.cast_signed() };
    let content_type = "application/json".to_owned();
    ProposedMessage {
        id: Some(WireUuid { value: Some(Value::Structured(id)) }),
        metadata: [("type".to_owned(), event_type), ("content-type".to_owned(), content_type)].into(),
        custom_metadata: metadata,
        data,
    }
}
