use anyhow::Result;
use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
use aws_sdk_cloudwatchlogs::types::MetricTransformation;
use end_to_end::Local;

use super::{Touched, arn};

/// A put of an alarm is of all its fields; its tags stay.
pub(super) async fn change(local: &Local) -> Result<Vec<Touched>> {
    let sdk = &local.bench.session.sdk;
    let cloudwatch = aws_sdk_cloudwatch::Client::new(sdk);
    cloudwatch
        .put_metric_alarm()
        .alarm_name(local.name("dead-letters"))
        .alarm_description("Somebody's.")
        .namespace("Elsewhere")
        .metric_name("Elsewhere")
        .statistic(Statistic::Minimum)
        .period(300)
        .evaluation_periods(7)
        .datapoints_to_alarm(6)
        .threshold(17.5)
        .comparison_operator(ComparisonOperator::LessThanThreshold)
        .treat_missing_data("breaching")
        .alarm_actions(arn(local, "sns", "elsewhere"))
        .send()
        .await?;
    let body =
        r#"{"widgets":[{"type":"text","x":0,"y":0,"width":6,"height":6,"properties":{"markdown":"x"}}]}"#;
    let dashboard = local.id("alarms/dashboard").await?;
    let name = dashboard.rsplit('/').next().unwrap_or(&dashboard);
    cloudwatch.put_dashboard().dashboard_name(name).dashboard_body(body).send().await?;

    let logs = aws_sdk_cloudwatchlogs::Client::new(sdk);
    let group = logs.describe_metric_filters().send().await?.metric_filters.unwrap_or_default();
    for filter in group {
        let other = MetricTransformation::builder()
            .metric_namespace("Elsewhere")
            .metric_name("Elsewhere")
            .metric_value("2");
        logs.put_metric_filter()
            .set_log_group_name(filter.log_group_name)
            .set_filter_name(filter.filter_name)
            .filter_pattern("ERROR")
            .metric_transformations(other.build()?)
            .send()
            .await?;
    }
    let topic = arn(local, "sns", &local.name("alarms"));
    aws_sdk_sns::Client::new(sdk)
        .set_topic_attributes()
        .topic_arn(topic)
        .attribute_name("KmsMasterKeyId")
        .attribute_value("alias/elsewhere")
        .send()
        .await?;
    Ok(vec![
        (
            "alarms/dead-letters-alarm",
            &[
                "description",
                "namespace",
                "metricName",
                "dimensions",
                "statistic",
                "periodSeconds",
                "evaluationPeriods",
                "datapointsToAlarm",
                "threshold",
                "comparisonOperator",
                "treatMissingData",
                "alarmActions",
                "okActions",
            ],
        ),
        ("alarms/dashboard", &["body"]),
        (
            "alarms/eventstore-errors",
            &["filterPattern", "metricNamespace", "metricName", "metricValue", "defaultValue"],
        ),
        ("alarms/topic", &["kmsMasterKeyId"]),
    ])
}
