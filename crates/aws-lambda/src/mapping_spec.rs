//! What we set of an event source mapping.

use std::collections::BTreeSet;

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a mapping from an SQS queue or a DynamoDB stream to a function that we set.
///
/// A mapping has no name: our tags, written when it is made, are its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSourceMappingSpec {
    /// The function's ARN.
    pub function_arn: String,
    /// The queue's ARN, or the stream's with its label. Lambda cannot change it: another makes another mapping.
    pub event_source_arn: String,
    /// The most records in a batch: 1 to 10,000. More than 10 of a queue need a batching window.
    pub batch_size: i32,
    /// How long to gather a batch: 0 to 300 s.
    pub maximum_batching_window_in_seconds: i32,
    /// How many invocations run at once at most, of a queue alone: 2 to 1,000; `None` is no limit of the mapping's own.
    pub maximum_concurrency: Option<i32>,
    /// What of the function's answer Lambda heeds.
    pub function_response_types: BTreeSet<FunctionResponseType>,
    /// The patterns of which a record must match one; without any, all records come. Sorted.
    pub filter_patterns: BTreeSet<String>,
    /// Whether Lambda polls the queue or stream.
    pub enabled: bool,
    /// How a stream is read: there for a stream, and absent for a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamOptions>,
}

/// How a stream is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamOptions {
    /// Where reading begins when the mapping is made. Lambda cannot change it later: another makes another mapping.
    pub starting_position: StartingPosition,
    /// Whether a batch that failed is split in two, to get at the record that is to blame.
    pub bisect_batch_on_function_error: bool,
    /// How old a record may be that the function still gets: 60 to 604,800 s; -1 is without limit.
    pub maximum_record_age_in_seconds: i32,
    /// How often a batch that failed comes again: 0 to 10,000 times; -1 is until the stream forgets it.
    pub maximum_retry_attempts: i32,
    /// How many batches of one shard are under way at once: 1 to 10. The records of one partition key stay in order.
    pub parallelization_factor: i32,
    /// The ARN of the queue or topic that is told of records that were given up: where they were in the stream, not what
    /// they were.
    pub on_failure_destination_arn: Option<String>,
}

/// Where the reading of a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// At the oldest record that the stream still has.
    TrimHorizon,
    /// At what comes from now on.
    Latest,
}

/// What of a function's answer Lambda heeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FunctionResponseType {
    /// `batchItemFailures`: only those records come again.
    ReportBatchItemFailures,
}

impl Spec for EventSourceMappingSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "eventSourceArn" | "stream" | "stream.startingPosition" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}
