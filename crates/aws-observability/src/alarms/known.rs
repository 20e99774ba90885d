//! The alarms that we know, as data. Each tells nobody until it is given a topic, and every field may be set otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{AlarmSpec, ComparisonOperator, Statistic, TreatMissingData};
use crate::MetricFilterSpec;

/// What of DynamoDB is throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `ReadThrottleEvents`.
    Read,
    /// `WriteThrottleEvents`.
    Write,
}

/// Messages lie in a queue where none should: a dead-letter queue.
///
/// A queue tells nothing when nobody has used it for six hours, so the alarm then stays as it is.
///
/// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html>
pub fn queue_not_empty(queue_name: &str) -> AlarmSpec {
    AlarmSpec {
        description: format!("Messages lie in the queue {queue_name}."),
        statistic: Statistic::Maximum,
        treat_missing_data: TreatMissingData::Ignore,
        ..on("AWS/SQS", "ApproximateNumberOfMessagesVisible", [("QueueName", queue_name)])
    }
}

/// The oldest message of a queue waits for more than `seconds`: its consumer does not keep up, or fails.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
pub fn oldest_message_age(queue_name: &str, seconds: u32) -> AlarmSpec {
    AlarmSpec {
        description: format!("A message has been in the queue {queue_name} for more than {seconds} s."),
        statistic: Statistic::Maximum,
        threshold: f64::from(seconds),
        ..on("AWS/SQS", "ApproximateAgeOfOldestMessage", [("QueueName", queue_name)])
    }
}

/// An invocation of a function failed. What failed for one record alone is no error of the invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
pub fn function_errors(function_name: &str) -> AlarmSpec {
    AlarmSpec {
        description: format!("The function {function_name} fails."),
        ..on("AWS/Lambda", "Errors", [("FunctionName", function_name)])
    }
}

/// A function is not run for want of concurrency, in three of five minutes: once in a while does no harm, since whatever
/// feeds it tries again.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
pub fn function_throttles(function_name: &str) -> AlarmSpec {
    lasting(AlarmSpec {
        description: format!("Lambda throttles the function {function_name}."),
        ..on("AWS/Lambda", "Throttles", [("FunctionName", function_name)])
    })
}

/// The last record of a batch was in its stream for more than `seconds` when the function got it. DynamoDB's streams
/// forget after 24 hours. The metric counts milliseconds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
pub fn iterator_age(function_name: &str, seconds: u32) -> AlarmSpec {
    AlarmSpec {
        description: format!("The function {function_name} is more than {seconds} s behind its stream."),
        statistic: Statistic::Maximum,
        threshold: f64::from(seconds) * 1000.0,
        ..on("AWS/Lambda", "IteratorAge", [("FunctionName", function_name)])
    }
}

/// DynamoDB throttles a table, in three of five minutes. Its indexes have metrics of their own.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>
pub fn table_throttles(table_name: &str, access: Access) -> AlarmSpec {
    lasting(AlarmSpec {
        description: format!("DynamoDB throttles {} the table {table_name}.", access.words()),
        ..on("AWS/DynamoDB", access.metric(), [("TableName", table_name)])
    })
}

/// DynamoDB throttles a global secondary index, in three of five minutes. What throttles the writes to an index throttles
/// those to its table.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>
pub fn index_throttles(table_name: &str, index_name: &str, access: Access) -> AlarmSpec {
    let dimensions = [("TableName", table_name), ("GlobalSecondaryIndexName", index_name)];
    lasting(AlarmSpec {
        description: format!(
            "DynamoDB throttles {} the index {index_name} of the table {table_name}.",
            access.words()
        ),
        ..on("AWS/DynamoDB", access.metric(), dimensions)
    })
}

/// No task of a service has run for five minutes. The metric is Container Insights', which the cluster must have turned
/// on; that it tells nothing counts as no task.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html>
pub fn no_running_task(cluster_name: &str, service_name: &str) -> AlarmSpec {
    let dimensions = [("ClusterName", cluster_name), ("ServiceName", service_name)];
    AlarmSpec {
        description: format!("No task of the service {service_name} runs."),
        statistic: Statistic::Maximum,
        comparison_operator: ComparisonOperator::LessThanThreshold,
        threshold: 1.0,
        evaluation_periods: 5,
        datapoints_to_alarm: 5,
        treat_missing_data: TreatMissingData::Breaching,
        ..on("ECS/ContainerInsights", "RunningTaskCount", dimensions)
    }
}

/// A file system in bursting mode has fewer burst credits left than `least_bytes`; without any it is slow.
///
/// Source: <https://docs.aws.amazon.com/efs/latest/ug/efs-metrics.html>
pub fn efs_burst_credits(file_system_id: &str, least_bytes: u64) -> AlarmSpec {
    AlarmSpec {
        description: format!("The file system {file_system_id} runs out of burst credits."),
        statistic: Statistic::Minimum,
        comparison_operator: ComparisonOperator::LessThanThreshold,
        threshold: least_bytes as f64,
        period_seconds: 300,
        ..on("AWS/EFS", "BurstCreditBalance", [("FileSystemId", file_system_id)])
    }
}

/// A file system in general purpose mode is at more than `percent` of the operations that it can do, for a quarter of an
/// hour.
///
/// Source: <https://docs.aws.amazon.com/efs/latest/ug/efs-metrics.html>
pub fn efs_percent_io_limit(file_system_id: &str, percent: u8) -> AlarmSpec {
    AlarmSpec {
        description: format!("The file system {file_system_id} is near its limit of I/O operations."),
        statistic: Statistic::Average,
        threshold: f64::from(percent),
        period_seconds: 300,
        evaluation_periods: 3,
        datapoints_to_alarm: 3,
        ..on("AWS/EFS", "PercentIOLimit", [("FileSystemId", file_system_id)])
    }
}

/// A metric filter counted something.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>
pub fn metric_filter(description: &str, filter: &MetricFilterSpec) -> AlarmSpec {
    AlarmSpec { description: description.to_owned(), ..on(&filter.metric_namespace, &filter.metric_name, []) }
}

impl Access {
    fn metric(self) -> &'static str {
        match self {
            Self::Read => "ReadThrottleEvents",
            Self::Write => "WriteThrottleEvents",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Read => "reads of",
            Self::Write => "writes to",
        }
    }
}

/// An alarm that rings in the minute in which the metric's sum is not 0.
fn on<const N: usize>(namespace: &str, metric_name: &str, dimensions: [(&str, &str); N]) -> AlarmSpec {
    let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    AlarmSpec {
        description: String::new(),
        namespace: namespace.to_owned(),
        metric_name: metric_name.to_owned(),
        dimensions: BTreeMap::from(dimensions.map(text)),
        statistic: Statistic::Sum,
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        threshold: 0.0,
        comparison_operator: ComparisonOperator::GreaterThanThreshold,
        treat_missing_data: TreatMissingData::NotBreaching,
        alarm_actions: BTreeSet::new(),
        ok_actions: BTreeSet::new(),
    }
}

fn lasting(alarm: AlarmSpec) -> AlarmSpec {
    AlarmSpec { evaluation_periods: 5, datapoints_to_alarm: 3, ..alarm }
}
