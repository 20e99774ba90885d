//! One request: its flow and its events, read from the journal's table, which has all of them at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use axum::{
    Json,
    extract::{Query, State},
};
use event::{Event, Timestamp};
use flow::{Flow, Outcome};
use futures::{StreamExt, TryStreamExt};
use journal::{Journal, ReadError, ReadOptions};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{Explored, api, held::ended, problem::Problem, slots::Slots};

/// The most events of a request that are read.
const MAX_EVENTS: usize = 5_000;
/// About how large they may be.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How old what is shown may be.
const FRESH: Duration = Duration::from_secs(1);
/// How many requests are held.
const REQUESTS: usize = 8;
/// How the timestamp begins an event's key, in bytes.
const TIMESTAMP_BYTES: usize = 30;

/// The requests that are looked at.
#[derive(Debug)]
pub(super) struct Requests {
    journal: Journal,
    slots: Slots<String, (Instant, api::Request)>,
}

/// Answers the question for a request.
pub(super) async fn request(
    State(explored): State<Arc<Explored>>,
    Query(by): Query<api::ById>,
) -> Result<Json<api::Request>, Problem> {
    let slot = explored.requests.slots.of(&by.id);
    let mut slot = slot.lock().await;
    match &*slot {
        Some((at, request)) if at.elapsed() < FRESH => return Ok(Json(request.clone())),
        _ => {}
    }
    let request = explored.requests.read(&by.id, |bytes| explored.windows.count(bytes)).await?;
    if request.entries.is_empty() {
        return Err(Problem::not_found("The journal has no event of this request."));
    }
    *slot = Some((Instant::now(), request.clone()));
    Ok(Json(request))
}

/// Answers the question for what an event carries.
pub(super) async fn event(
    State(explored): State<Arc<Explored>>,
    Query(by): Query<api::ByKey>,
) -> Result<Json<api::Event>, Problem> {
    let timestamp = by.key.get(..TIMESTAMP_BYTES).and_then(|text| Timestamp::parse(text).ok());
    let since = timestamp.ok_or_else(|| Problem::bad_request(anyhow!("`key` is no key of an event")))?;
    // Nothing is later than the last instant that there is.
    let until = since.instant().checked_add(time::Duration::NANOSECOND);
    let until = until.and_then(|until| Timestamp::try_from(until).ok());
    let options = ReadOptions { since: Some(since), until, ..ReadOptions::default() };
    let mut events = explored.requests.journal.by_request(&by.request, &options);
    while let Some(event) = events.try_next().await.context("the journal could not be read")? {
        explored.windows.count(event.to_json().len() as u64);
        if event.key().as_str() == by.key {
            let text =
                |map: &Map<String, Value>| serde_json::to_string_pretty(map).map_err(anyhow::Error::from);
            let extensions = Some(event.extensions()).filter(|map| !map.is_empty());
            return Ok(Json(api::Event {
                data: text(event.data())?,
                extensions: extensions.map(text).transpose()?,
            }));
        }
    }
    Err(Problem::not_found("The journal has no such event."))
}

impl Requests {
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, slots: Slots::new(REQUESTS) }
    }

    async fn read(&self, id: &str, count: impl Fn(u64) -> u64) -> Result<api::Request> {
        let mut stream = self.journal.by_request(id, &ReadOptions::default());
        let mut read = api::Read::default();
        let (mut events, mut cut) = (Vec::new(), false);
        while let Some(next) = stream.next().await {
            match next {
                _ if events.len() == MAX_EVENTS || read.bytes > MAX_BYTES => {
                    cut = true;
                    break;
                }
                Ok(event) => {
                    let bytes = event.to_json().len();
                    read.bytes += bytes as u64;
                    events.push((event, bytes));
                }
                Err(ReadError::Item { .. }) => read.skipped += 1,
                Err(error) => return Err(error).context("the journal could not be read"),
            }
        }
        read.events = events.len() as u64;
        read.all_bytes = count(read.bytes);
        // What lies behind the last event that was read is not known.
        let last = events.last().filter(|_| cut).map(|(event, _)| event.timestamp().instant());
        let known = last.unwrap_or_else(OffsetDateTime::now_utc);
        let flow = Flow::of(id, events.iter().map(|(event, _)| event), known, flow::PATIENCE);
        Ok(shown(flow, &events, cut, read))
    }
}

fn shown(flow: Flow, events: &[(Event, usize)], cut: bool, read: api::Read) -> api::Request {
    // An event of the flow is told by its id and time; of two that have both the same, the first in the journal comes first.
    let mut known = HashMap::<(&str, &str), VecDeque<(String, usize)>>::new();
    for (event, bytes) in events {
        let which = (event.timestamp().as_sent(), event.id());
        known.entry(which).or_default().push_back((event.key().to_string(), *bytes));
    }
    let entries = flow.entries.iter().map(|entry| {
        let same = known.get_mut(&(&*entry.timestamp, &*entry.id));
        let (key, bytes) = same.and_then(VecDeque::pop_front).unwrap_or_default();
        api::Entry {
            offset_microseconds: entry.offset_microseconds,
            timestamp: entry.timestamp.clone(),
            id: entry.id.clone(),
            source: entry.source.clone(),
            r#type: entry.r#type.clone(),
            call: entry.call,
            key,
            bytes,
        }
    });
    api::Request {
        started_millis: flow.started.map(api::millis),
        duration_microseconds: flow.duration_microseconds,
        failed: flow.failed,
        entries: entries.collect(),
        calls: flow.calls.iter().map(call).collect(),
        culprits: flow.culprits,
        cut,
        read,
    }
}

fn call(call: &flow::Call) -> api::Call {
    const CHARACTERS: usize = 500;
    let short = |text: &String| api::cut(text, CHARACTERS);
    let (status, error, duration_microseconds) = match &call.outcome {
        Outcome::Answered { status, duration_microseconds } => (*status, None, *duration_microseconds),
        Outcome::Failed { status, error, duration_microseconds } => {
            (*status, error.as_ref(), *duration_microseconds)
        }
        Outcome::Unanswered { .. } | Outcome::Pending { .. } => (None, None, None),
    };
    api::Call {
        caller: short(&call.caller),
        service: short(&call.service),
        method: call.method.as_ref().map(short),
        route: call.route.as_ref().map(short),
        attempt: call.attempt,
        offset_microseconds: call.offset_microseconds,
        duration_microseconds,
        outcome: ended(&call.outcome),
        status,
        error: error.map(short),
        parent: call.parent,
        depth: call.depth,
        verdict: call.verdict.clone(),
        at_fault: api::cut(call.at_fault(), CHARACTERS),
    }
}
