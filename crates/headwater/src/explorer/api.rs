//! What the page asks and is told, as JSON. Instants are milliseconds since 1970, so that the page shows them in the reader's time.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// An error with its causes and what to do about it.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub(super) error: String,
    pub(super) because: Vec<String>,
    pub(super) help: Option<String>,
}

/// What is explored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) local: bool,
    pub(super) read_only: bool,
    pub(super) event_queue: String,
    pub(super) dead_letter_queue: String,
}

/// What was read of the journal, since that is what it costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Read {
    /// Events that were read for this, some more than once.
    pub(super) events: u64,
    /// About how large they are.
    pub(super) bytes: u64,
    /// Items that are no events.
    pub(super) skipped: u64,
    /// Before this instant not all was read, since that would have been too much.
    pub(super) cut_at_millis: Option<i64>,
    /// About how much was read for all questions since the explorer began.
    pub(super) all_bytes: u64,
}

/// Which part of the journal: RFC 3339, or an age such as `15m`. The whole of what has happened since where no end is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Period {
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

/// Which requests, and what the page knows already.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct List {
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    /// A part of the request's id.
    pub(super) request: Option<String>,
    /// The type of one of its events.
    pub(super) r#type: Option<String>,
    /// The source of one of its events.
    pub(super) source: Option<String>,
    /// A service that was called for it.
    pub(super) service: Option<String>,
    /// How it ended.
    pub(super) outcome: Option<Ended>,
    /// The service at fault.
    pub(super) culprit: Option<String>,
    /// The version that the page has; it is told what has changed since.
    pub(super) after: Option<u64>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Ended {
    Failed,
    Answered,
    Pending,
    Unanswered,
    /// Its sender gave it up.
    Dropped,
    /// It has no call.
    Noted,
}

/// Requests: all that fit, or what has changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Requests {
    pub(super) version: u64,
    /// Whether the page forgets what it had.
    pub(super) reset: bool,
    pub(super) rows: Vec<Row>,
    pub(super) removed: Vec<String>,
    pub(super) names: Names,
    /// The likeliest culprit of the whole period.
    pub(super) culprit: Option<String>,
    pub(super) read: Read,
}

/// What there is to filter by, the most frequent first.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Names {
    pub(super) types: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) services: Vec<String>,
}

/// A request in a line. Long texts are cut, but for its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) started_millis: Option<i64>,
    pub(super) duration_microseconds: u64,
    pub(super) events: usize,
    pub(super) calls: usize,
    pub(super) outcome: Ended,
    pub(super) caller: Option<String>,
    pub(super) service: Option<String>,
    pub(super) method: Option<String>,
    pub(super) route: Option<String>,
    pub(super) culprit: Option<String>,
}

/// Which request.
#[derive(Debug, Deserialize)]
pub(super) struct ById {
    pub(super) id: String,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) started_millis: Option<i64>,
    pub(super) duration_microseconds: u64,
    pub(super) failed: bool,
    pub(super) calls: Vec<Call>,
    pub(super) entries: Vec<Entry>,
    /// The calls at fault, by their places.
    pub(super) culprits: Vec<usize>,
    /// Whether it has more events than are read.
    pub(super) cut: bool,
    pub(super) read: Read,
}

/// A call of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    pub(super) caller: String,
    pub(super) service: String,
    pub(super) method: Option<String>,
    pub(super) route: Option<String>,
    pub(super) attempt: Option<u64>,
    pub(super) offset_microseconds: u64,
    pub(super) duration_microseconds: Option<u64>,
    pub(super) outcome: Ended,
    pub(super) status: Option<u64>,
    pub(super) error: Option<String>,
    pub(super) parent: Option<usize>,
    pub(super) depth: usize,
    pub(super) verdict: Option<flow::Verdict>,
    /// Where it is a culprit: the service at fault, which may be the caller.
    pub(super) at_fault: String,
}

/// An event of it, without its data.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) offset_microseconds: u64,
    pub(super) timestamp: String,
    pub(super) id: String,
    pub(super) source: String,
    pub(super) r#type: String,
    pub(super) call: Option<usize>,
    /// Its key in the journal.
    pub(super) key: String,
    /// How large it is as JSON.
    pub(super) bytes: usize,
}

/// Which event.
#[derive(Debug, Deserialize)]
pub(super) struct ByKey {
    pub(super) request: String,
    pub(super) key: String,
}

/// What an event carries, as text: its numbers have more digits than a page's numbers can.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub(super) data: String,
    pub(super) extensions: Option<String>,
}

/// Services over time, the likeliest culprit first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Services {
    /// Where each part of the period begins.
    pub(super) times_millis: Vec<i64>,
    pub(super) bucket_seconds: f64,
    pub(super) services: Vec<Service>,
    pub(super) read: Read,
}

/// A service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) figures: flow::Figures,
    /// In how many requests it is at fault for the first call that failed: as many as have it as their culprit.
    pub(super) culprit: u64,
    /// In how many of them because it did not call at all, by its own limit.
    pub(super) overloaded: u64,
    pub(super) evidence: Option<Evidence>,
    pub(super) buckets: Vec<flow::Figures>,
}

/// A call that shows what is wrong with a service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Evidence {
    pub(super) request_id: String,
    pub(super) caller: String,
    pub(super) method: Option<String>,
    pub(super) route: Option<String>,
    pub(super) started_millis: i64,
    pub(super) because_of_it: u64,
}

/// How the dead-letter queue is looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Look {
    /// Whether a look of some seconds ago is not good enough.
    pub(super) fresh: Option<bool>,
}

/// What lies in the dead-letter queue.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeadLetters {
    /// How many SQS says there are.
    pub(super) waiting: u64,
    pub(super) letters: Vec<Letter>,
    pub(super) at_millis: i64,
}

/// A dead letter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Letter {
    pub(super) id: String,
    /// `rejected`, `exhausted` or `unknown`.
    pub(super) cause: &'static str,
    pub(super) reason: String,
    pub(super) sent_at_millis: Option<u64>,
    pub(super) bytes: usize,
    /// Where its body begins.
    pub(super) preview: String,
}

/// How many messages wait.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Depth {
    pub(super) waiting: u64,
}

/// The body of a dead letter.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    pub(super) body: String,
}

/// What a redrive did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redriven {
    pub(super) moved: u64,
    /// Whether SQS does it, from now on.
    pub(super) by_sqs: bool,
}

/// Milliseconds since 1970.
pub(super) fn millis(instant: OffsetDateTime) -> i64 {
    // Four digits of years fit.
    i64::try_from(instant.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

/// The text, or its beginning and `…` where it has more characters than `most`.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
