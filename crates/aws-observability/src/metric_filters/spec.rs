//! What we set of a metric filter, and the name that tells whose it is.

use resource::{Effect, Key, Scope, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a metric filter that we set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricFilterSpec {
    /// The log group whose lines it looks at; of class [`Standard`](crate::LogGroupClass::Standard). Another makes
    /// another filter.
    pub log_group_name: String,
    /// Which lines match; empty is all. The syntax:
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
    pub filter_pattern: String,
    /// The namespace of the metric, which may not begin with `AWS/`.
    pub metric_namespace: String,
    /// The metric's name.
    pub metric_name: String,
    /// What a line that matches adds to the metric: a number such as `1`, or the field of the line that holds it, `$.count`.
    pub metric_value: String,
    /// What is reported for a minute in which there were lines and none matched; `None` is nothing.
    pub default_value: Option<f64>,
}

impl Spec for MetricFilterSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "logGroupName" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

/// The name of the metric filter with that key: `/headwater/prod/relay/refused`. It holds the key, since a filter has no
/// tags that could.
pub fn metric_filter_name(scope: &Scope, key: &Key) -> String {
    format!("{}{key}", scope.path())
}

/// The key of the metric filter with that name; `None` where the environment has none of that name.
pub fn metric_filter_key(scope: &Scope, name: &str) -> Option<Key> {
    name.strip_prefix(&scope.path())?.parse().ok()
}
