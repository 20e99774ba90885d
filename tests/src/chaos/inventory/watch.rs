//! What tells how it goes: logs, alarms, dashboards, topics.

use anyhow::Result;
use aws_env::SdkConfig;
use futures::{future::try_join_all, try_join};
use serde_json::json;

use super::{Seen, label, parsed, sorted, tags, text};

pub(super) async fn list(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let (logs, alarms, dashboards, topics) = try_join!(logs(sdk), alarms(sdk), dashboards(sdk), topics(sdk))?;
    Ok([logs, alarms, dashboards, topics].into_iter().flatten().collect())
}

/// Log groups and metric filters.
async fn logs(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let logs = &aws_sdk_cloudwatchlogs::Client::new(sdk);
    let groups: Vec<_> = logs.describe_log_groups().into_paginator().items().send().try_collect().await?;
    let filters: Vec<_> =
        logs.describe_metric_filters().into_paginator().items().send().try_collect().await?;
    let described = groups.iter().map(|group| async move {
        // The ARN of the group itself, without what stands for its streams.
        let arn = text(group.arn());
        let listed = logs.list_tags_for_resource().resource_arn(arn.trim_end_matches(":*")).send().await?;
        let label = label(&text(group.log_group_name()), &tags(listed.tags.unwrap_or_default()));
        anyhow::Ok(Seen::new("log group", label, json!({ "days": group.retention_in_days() })))
    });
    let mut seen = try_join_all(described).await?;
    for filter in &filters {
        let metrics = filter
            .metric_transformations()
            .iter()
            .map(|one| format!("{} {} {}", one.metric_namespace(), one.metric_name(), one.metric_value()));
        let facts = json!({
            "group": filter.log_group_name(), "pattern": filter.filter_pattern(), "metrics": sorted(metrics),
        });
        seen.push(Seen::new("metric filter", text(filter.filter_name()), facts));
    }
    Ok(seen)
}

async fn alarms(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let cloudwatch = &aws_sdk_cloudwatch::Client::new(sdk);
    let mut pages = cloudwatch.describe_alarms().into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        alarms.extend(page?.metric_alarms.unwrap_or_default());
    }
    let described = alarms.iter().map(|alarm| async move {
        let listed = cloudwatch.list_tags_for_resource().resource_arn(text(alarm.alarm_arn())).send().await?;
        let given = listed.tags.unwrap_or_default().into_iter();
        let given = given.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
        let dimensions = alarm.dimensions().iter();
        let dimensions = dimensions.map(|one| format!("{}={}", text(one.name()), text(one.value())));
        let facts = json!({
            "metric": [alarm.namespace(), alarm.metric_name()], "dimensions": sorted(dimensions),
            "threshold": alarm.threshold(), "periods": alarm.evaluation_periods(), "period": alarm.period(),
            "alarms": sorted(alarm.alarm_actions()), "clears": sorted(alarm.ok_actions()),
            "enabled": alarm.actions_enabled(), "description": alarm.alarm_description(),
        });
        Ok(Seen::new("alarm", label(&text(alarm.alarm_name()), &tags(given)), facts))
    });
    try_join_all(described).await
}

async fn dashboards(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let cloudwatch = &aws_sdk_cloudwatch::Client::new(sdk);
    let mut seen = Vec::new();
    for dashboard in cloudwatch.list_dashboards().send().await?.dashboard_entries() {
        let name = text(dashboard.dashboard_name());
        let got = cloudwatch.get_dashboard().dashboard_name(&name).send().await?;
        seen.push(Seen::new("dashboard", name, parsed(got.dashboard_body().unwrap_or_default())));
    }
    Ok(seen)
}

async fn topics(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let sns = &aws_sdk_sns::Client::new(sdk);
    let topics: Vec<_> = sns.list_topics().into_paginator().items().send().try_collect().await?;
    let subscriptions: Vec<_> =
        sns.list_subscriptions().into_paginator().items().send().try_collect().await?;
    let described = topics.iter().map(|topic| async move {
        let arn = text(topic.topic_arn());
        let (listed, attributes) = try_join!(
            async { anyhow::Ok(sns.list_tags_for_resource().resource_arn(&arn).send().await?) },
            async { Ok(sns.get_topic_attributes().topic_arn(&arn).send().await?) }
        )?;
        let key = attributes.attributes.and_then(|all| all.get("KmsMasterKeyId").cloned());
        let name = arn.rsplit(':').next().unwrap_or_default();
        let given = listed.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
        anyhow::Ok(Seen::new("topic", label(name, &tags(given)), json!({ "key": key })))
    });
    let mut seen = try_join_all(described).await?;
    for one in &subscriptions {
        let facts = json!({ "topic": one.topic_arn(), "protocol": one.protocol(), "to": one.endpoint() });
        seen.push(Seen::new("subscription", String::new(), facts));
    }
    Ok(seen)
}
