//! What EventStoreDB holds of an environment's events.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use event::Event;
use futures::{StreamExt, TryStreamExt, stream};
use headwater::streams::{Recorded, Streams};
use serde_json::{Value, json};

use crate::{Local, until};

/// How many streams are read at once.
const AT_ONCE: usize = 16;

/// Events of EventStoreDB by request, each request's in the order of its stream.
pub type Relayed = BTreeMap<String, Vec<Recorded>>;

impl Local {
    /// A reader of EventStoreDB.
    ///
    /// # Errors
    /// It does not run.
    pub async fn streams(&self) -> Result<Streams> {
        self.task.streams(&self.bench).await
    }

    /// Waits until EventStoreDB holds every event of the journal, each once and whole in the stream of its request, and none
    /// besides.
    ///
    /// # Errors
    /// It does not within the bound, or it holds others.
    pub async fn expect_relayed(&self) -> Result<Relayed> {
        let mut by_request: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for event in self.stored().await? {
            by_request.entry(event.request_id().to_owned()).or_default().push(event);
        }
        let streams = &self.streams().await?;
        let compared = by_request.into_iter().map(|(request, events)| async move {
            let recorded = expect_stream(streams, &request, events.len()).await?;
            is_same(&recorded, &events).with_context(|| format!("the stream of request {request}"))?;
            anyhow::Ok((request, recorded))
        });
        stream::iter(compared).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// Waits until the stream of a request has that many events.
async fn expect_stream(streams: &Streams, request: &str, count: usize) -> Result<Vec<Recorded>> {
    let name = format!("request-{request}");
    until(&format!("{count} events in stream {name}"), || async {
        let recorded = streams.read(&name).await?;
        Ok((recorded.len() >= count).then_some(recorded))
    })
    .await
}

/// Reads the streams of these requests, several at once, and gives what `look` makes of each, in any order.
///
/// # Errors
/// EventStoreDB refuses, or an event is no JSON.
pub(crate) async fn look_at<'a, T>(
    streams: &Streams,
    requests: impl Iterator<Item = &'a str>,
    look: impl Fn(&'a str, Vec<Recorded>) -> T,
) -> Result<Vec<T>> {
    let look = &look;
    let looked = requests
        .map(|request| async move { Ok(look(request, streams.read(&format!("request-{request}")).await?)) });
    stream::iter(looked).buffer_unordered(AT_ONCE).try_collect().await
}

/// Compares event by event; the order is the relay's, not the journal's, which is by time.
pub(crate) fn is_same(recorded: &[Recorded], events: &[Event]) -> Result<()> {
    ensure!(recorded.len() == events.len(), "{} events, not {}", recorded.len(), events.len());
    for event in events {
        let key = String::from(event.key());
        let found: Vec<_> = recorded.iter().filter(|one| one.metadata["eventKey"] == *key).collect();
        ensure!(found.len() == 1, "{key} is there {} times", found.len());
        let mut metadata = json!({
            "$correlationId": event.request_id(), "id": event.id(), "source": event.source(),
            "timestamp": event.timestamp().as_sent(), "eventKey": key,
        });
        if !event.extensions().is_empty() {
            metadata["extensions"] = Value::Object(event.extensions().clone());
        }
        let is = (found[0].event_type.as_str(), &found[0].data, &found[0].metadata);
        let data = Value::Object(event.data().clone());
        ensure!(is == (event.event_type(), &data, &metadata), "{key} is another event: {:?}", found[0]);
    }
    Ok(())
}
