//! Between CloudWatch's alarm and ours.

use aws_sdk_cloudwatch::types::{self, MetricAlarm};
use resource::{Class, Error, Result};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as NotOneOfThem};

use super::{AlarmSpec, ComparisonOperator, DESCRIBE, Statistic, TreatMissingData};

/// The alarm as we would set it. What it has beyond (a formula, a band) reads as a metric without a name, which differs
/// from all that we set.
pub(super) fn spec(name: &str, alarm: MetricAlarm) -> Result<AlarmSpec> {
    let dimension = |one: types::Dimension| (one.name.unwrap_or_default(), one.value.unwrap_or_default());
    let evaluation_periods = alarm.evaluation_periods.unwrap_or_default();
    Ok(AlarmSpec {
        statistic: statistic(name, &alarm)?,
        comparison_operator: match alarm.comparison_operator() {
            Some(operator) => one_of(name, operator.as_str())?,
            None => ComparisonOperator::GreaterThanThreshold,
        },
        // Told only where somebody set it: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
        treat_missing_data: match alarm.treat_missing_data() {
            Some(missing) => one_of(name, missing)?,
            None => TreatMissingData::Missing,
        },
        description: alarm.alarm_description.unwrap_or_default(),
        namespace: alarm.namespace.unwrap_or_default(),
        metric_name: alarm.metric_name.unwrap_or_default(),
        dimensions: alarm.dimensions.unwrap_or_default().into_iter().map(dimension).collect(),
        period_seconds: alarm.period.unwrap_or_default(),
        evaluation_periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm.unwrap_or(evaluation_periods),
        threshold: alarm.threshold.unwrap_or_default(),
        alarm_actions: alarm.alarm_actions.unwrap_or_default().into_iter().collect(),
        ok_actions: alarm.ok_actions.unwrap_or_default().into_iter().collect(),
    })
}

/// An extended statistic comes first: an emulator tells a statistic beside it.
fn statistic(name: &str, alarm: &MetricAlarm) -> Result<Statistic> {
    match (alarm.extended_statistic(), alarm.statistic()) {
        (Some(extended), _) => Ok(Statistic::Extended(extended.to_owned())),
        (None, Some(statistic)) => one_of(name, statistic.as_str()),
        (None, None) => Ok(Statistic::Average),
    }
}

/// One of the names that `T` knows.
fn one_of<T: DeserializeOwned>(alarm: &str, text: &str) -> Result<T> {
    T::deserialize(text.into_deserializer())
        .map_err(|error: NotOneOfThem| Error::new(DESCRIBE, alarm, Class::Fatal, error))
}

/// CloudWatch takes a statistic or an extended statistic, never both.
pub(super) fn written_statistic(statistic: &Statistic) -> (Option<types::Statistic>, Option<String>) {
    let plain = match statistic {
        Statistic::Average => types::Statistic::Average,
        Statistic::Maximum => types::Statistic::Maximum,
        Statistic::Minimum => types::Statistic::Minimum,
        Statistic::SampleCount => types::Statistic::SampleCount,
        Statistic::Sum => types::Statistic::Sum,
        Statistic::Extended(extended) => return (None, Some(extended.clone())),
    };
    (Some(plain), None)
}

pub(super) fn written_operator(operator: ComparisonOperator) -> types::ComparisonOperator {
    match operator {
        ComparisonOperator::GreaterThanThreshold => types::ComparisonOperator::GreaterThanThreshold,
        ComparisonOperator::GreaterThanOrEqualToThreshold => {
            types::ComparisonOperator::GreaterThanOrEqualToThreshold
        }
        ComparisonOperator::LessThanThreshold => types::ComparisonOperator::LessThanThreshold,
        ComparisonOperator::LessThanOrEqualToThreshold => {
            types::ComparisonOperator::LessThanOrEqualToThreshold
        }
        ComparisonOperator::LessThanLowerOrGreaterThanUpperThreshold => {
            types::ComparisonOperator::LessThanLowerOrGreaterThanUpperThreshold
        }
        ComparisonOperator::LessThanLowerThreshold => types::ComparisonOperator::LessThanLowerThreshold,
        ComparisonOperator::GreaterThanUpperThreshold => types::ComparisonOperator::GreaterThanUpperThreshold,
    }
}

pub(super) fn written_missing(missing: TreatMissingData) -> &'static str {
    match missing {
        TreatMissingData::Breaching => "breaching",
        TreatMissingData::NotBreaching => "notBreaching",
        TreatMissingData::Ignore => "ignore",
        TreatMissingData::Missing => "missing",
    }
}
