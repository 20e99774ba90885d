//! What we set of a log group.

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a log group that we set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogGroupSpec {
    /// How long an event is kept; `None` is for ever. CloudWatch takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365,
    /// 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653 days.
    pub retention_in_days: Option<i32>,
    /// The ARN of the KMS key that encrypts what comes from now on; `None` is CloudWatch's own key.
    pub kms_key_id: Option<String>,
    /// The class, which is fixed when the group is made.
    pub log_group_class: LogGroupClass,
}

/// What a log group costs and can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogGroupClass {
    /// All features. Metrics in the Embedded Metric Format need it.
    Standard,
    /// Half the price of ingestion, without metrics, filters or live tail.
    InfrequentAccess,
    /// For delivery to S3 or Firehose; events stay two days.
    Delivery,
}

impl Spec for LogGroupSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "logGroupClass" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}
