//! What we set of an alarm.

use std::collections::{BTreeMap, BTreeSet};

use resource::Spec;
use serde::{Deserialize, Serialize};

/// The fields of an alarm on one metric that we set. All of them change in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlarmSpec {
    /// What it means that the alarm rings, for whoever gets the mail.
    pub description: String,
    /// The metric's namespace: `AWS/SQS`.
    pub namespace: String,
    /// The metric's name.
    pub metric_name: String,
    /// Of what it is the metric: name → value. All dimensions that the metric has, or there is no such metric.
    pub dimensions: BTreeMap<String, String>,
    /// How the values of one period become one.
    pub statistic: Statistic,
    /// How long a period is: 10, 30, or a multiple of 60 s.
    pub period_seconds: i32,
    /// How many of the last periods are looked at.
    pub evaluation_periods: i32,
    /// In how many of them the threshold must be crossed.
    pub datapoints_to_alarm: i32,
    /// What is not to be crossed, in the metric's own unit.
    pub threshold: f64,
    /// What it is to cross it.
    pub comparison_operator: ComparisonOperator,
    /// What a period without a value counts as.
    pub treat_missing_data: TreatMissingData,
    /// The ARNs of whom it tells that it rings; of topics say.
    pub alarm_actions: BTreeSet<String>,
    /// The ARNs of whom it tells that all is well again.
    pub ok_actions: BTreeSet<String>,
}

impl AlarmSpec {
    /// The same, telling this topic when it rings and when all is well again.
    #[must_use]
    pub fn notify(mut self, topic_arn: impl Into<String>) -> Self {
        let topic_arn = topic_arn.into();
        self.alarm_actions.insert(topic_arn.clone());
        self.ok_actions.insert(topic_arn);
        self
    }
}

impl Spec for AlarmSpec {}

/// How the values of one period become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statistic {
    /// Their mean.
    Average,
    /// The greatest.
    Maximum,
    /// The least.
    Minimum,
    /// How many there are.
    SampleCount,
    /// All together.
    Sum,
    /// What CloudWatch calls an extended statistic: a percentile (`p99`) or a trimmed mean (`tm95`), say.
    #[serde(untagged)]
    Extended(String),
}

/// How a value compares with the threshold where it crosses it. The last three are for bands, which an alarm of ours has
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say all")]
pub enum ComparisonOperator {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
    LessThanLowerOrGreaterThanUpperThreshold,
    LessThanLowerThreshold,
    GreaterThanUpperThreshold,
}

/// What a period without a value counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissingData {
    /// As one that crosses the threshold.
    Breaching,
    /// As one that does not.
    NotBreaching,
    /// As nothing: the alarm stays as it is.
    Ignore,
    /// As nothing: without any value, the alarm says that it does not know.
    Missing,
}
