//! What we set of an event source mapping.

use std::collections::BTreeSet;

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a mapping from an SQS queue to a function that we set.
///
/// A mapping has no name: our tags, written when it is made, are its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSourceMappingSpec {
    /// The function's ARN.
    pub function_arn: String,
    /// The queue's ARN. Lambda cannot change it: another makes another mapping.
    pub event_source_arn: String,
    /// The most records in a batch: 1 to 10,000. More than 10 needs a batching window.
    pub batch_size: i32,
    /// How long to gather a batch: 0 to 300 s.
    pub maximum_batching_window_in_seconds: i32,
    /// How many invocations run at once at most: 2 to 1,000; `None` is no limit of the mapping's own.
    pub maximum_concurrency: Option<i32>,
    /// What of the function's answer Lambda heeds.
    pub function_response_types: BTreeSet<FunctionResponseType>,
    /// The patterns of which a record must match one; without any, all records come. Sorted.
    pub filter_patterns: BTreeSet<String>,
    /// Whether Lambda polls the queue.
    pub enabled: bool,
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
            "eventSourceArn" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}
