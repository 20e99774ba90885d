//! What the function is invoked with: a batch of the table's stream, or a request to relay again.
//!
//! Format of a batch: "Using AWS Lambda with Amazon DynamoDB", AWS Lambda Developer Guide. Each record is read by itself, so
//! that one that is malformed does not hold back the others.

use std::fmt;

use journal::{replay, schema};
use serde::Deserialize;
use serde_json::Value;

/// The payload as it came.
#[derive(Debug, Default, Deserialize)]
pub struct Payload {
    #[serde(rename = "Records")]
    records: Option<Vec<Value>>,
    replay: Option<replay::Items>,
}

/// A payload that is neither of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the payload has neither Records (a batch of the table's stream) nor replay (a request of `headwater replay`)"
)]
pub struct UnknownPayload;

/// What the function is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The records, in the order of the stream or of the request.
    pub records: Vec<Record>,
    /// Whether it is a request to relay again, which is answered.
    pub is_replay: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The `eventID` of a stream's record, or `replay`.
    pub id: String,
    /// When the change was made, in milliseconds since 1970 (UTC), as far as it is known.
    pub changed_at: Option<f64>,
    /// What happened to the journal.
    pub change: Change,
}

/// What happened to the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An item was added: this one, in DynamoDB's JSON.
    Inserted(Value),
    /// An item was changed or removed, which the journal never does.
    Altered {
        /// `MODIFY` or `REMOVE`.
        how: String,
        /// Which.
        key: ItemKey,
    },
    /// The record cannot be read.
    Unreadable {
        /// It, as it came.
        record: Value,
        /// Why.
        reason: &'static str,
    },
}

/// The key of an item as far as it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemKey {
    /// `RequestId`, or `(none)`.
    pub request_id: String,
    /// `EventKey`, or `(none)`.
    pub event_key: String,
}

impl TryFrom<Payload> for Invocation {
    type Error = UnknownPayload;

    fn try_from(payload: Payload) -> Result<Self, UnknownPayload> {
        let (records, is_replay): (Vec<Record>, bool) = match (payload.records, payload.replay) {
            (Some(records), None) => (records.into_iter().map(Record::of_stream).collect(), false),
            (None, Some(replay)) => (replay.items.into_iter().map(Record::of_replay).collect(), true),
            _ => return Err(UnknownPayload),
        };
        Ok(Self { records, is_replay })
    }
}

impl Record {
    fn of_stream(mut record: Value) -> Self {
        let id = record["eventID"].as_str().filter(|id| !id.is_empty()).unwrap_or("unknown").to_owned();
        // In seconds.
        let changed_at =
            record["dynamodb"]["ApproximateCreationDateTime"].as_f64().map(|seconds| seconds * 1e3);
        let how = record["eventName"].as_str().unwrap_or_default();
        let change = match how {
            "INSERT" if record["dynamodb"]["NewImage"].is_object() => {
                Change::Inserted(record["dynamodb"]["NewImage"].take())
            }
            "INSERT" => Change::Unreadable { record, reason: "the stream's record has no NewImage" },
            "MODIFY" | "REMOVE" => {
                Change::Altered { how: how.to_owned(), key: ItemKey::of(&record["dynamodb"]["Keys"]) }
            }
            _ => Change::Unreadable { record, reason: "not a record of a DynamoDB stream" },
        };
        Self { id, changed_at, change }
    }

    fn of_replay(item: Value) -> Self {
        Self { id: "replay".to_owned(), changed_at: None, change: Change::Inserted(item) }
    }
}

impl ItemKey {
    /// Of an item, or of a record's keys, in DynamoDB's JSON.
    pub fn of(item: &Value) -> Self {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or("(none)").to_owned();
        Self { request_id: text(schema::REQUEST_ID), event_key: text(schema::EVENT_KEY) }
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.request_id, self.event_key)
    }
}
