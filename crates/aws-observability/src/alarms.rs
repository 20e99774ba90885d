//! The family `AWS::CloudWatch::Alarm`.

mod alarm;
mod known;
mod read;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use alarm::Alarm;
use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_cloudwatch::{
    Client,
    types::{self, Dimension, MetricAlarm, Tag},
};
use aws_smithy_types::date_time::Format;
use futures::future::try_join_all;
pub use known::{
    Access, efs_burst_credits, efs_percent_io_limit, function_errors, function_throttles, index_throttles,
    iterator_age, metric_filter, no_running_task, oldest_message_age, queue_not_empty, table_throttles,
};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};
pub use spec::{AlarmSpec, ComparisonOperator, Statistic, TreatMissingData};

use crate::races::{PATIENCE, found, gone};
use crate::scopes::{ALARMS, OWN_ALARMS};

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";
const LIST_TAGS: &str = "cloudwatch:ListTagsForResource";
const PUT: &str = "cloudwatch:PutMetricAlarm";
const DELETE: &str = "cloudwatch:DeleteAlarms";
const TAG: &str = "cloudwatch:TagResource";

/// CloudWatch's alarms on one metric each.
#[derive(Clone, Debug)]
pub struct Alarms {
    client: Client,
}

impl Alarms {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The alarms whose names begin with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Vec<MetricAlarm>> {
        let mut pages = self.client.describe_alarms().alarm_name_prefix(prefix).into_paginator().send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            alarms.extend(page.at(DESCRIBE, prefix)?.metric_alarms.unwrap_or_default());
        }
        Ok(alarms)
    }

    /// `None` where the alarm is deleted meanwhile.
    async fn observe(&self, scope: &Scope, alarm: MetricAlarm) -> Result<Option<Observed<AlarmSpec>>> {
        let name = alarm.alarm_name.clone().unwrap_or_default();
        let arn = alarm::arn(scope, &name);
        let tags = self.client.list_tags_for_resource().resource_arn(&arn).send().await.at(LIST_TAGS, &name);
        let Some(tags) = found(tags)? else { return Ok(None) };
        let tag = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        let tags = tags.tags.unwrap_or_default().into_iter().map(tag).collect();
        let state = alarm.state_value().map_or("", types::StateValue::as_str).to_owned();
        Ok(Some(Observed {
            id: name.clone(),
            owner: scope.owner(&tags),
            outputs: BTreeMap::from([("arn".to_owned(), arn), ("state".to_owned(), state)]),
            // When it was made is not told.
            created: alarm
                .alarm_configuration_updated_timestamp()
                .and_then(|at| at.fmt(Format::DateTime).ok()),
            spec: read::spec(&name, alarm)?,
            name: Some(name),
            pending: None,
        }))
    }

    /// Makes the alarm or replaces all of its settings. Its state stays as it is.
    async fn put(&self, key: &Key, name: &str, spec: &AlarmSpec, tags: Option<Vec<Tag>>) -> Result<()> {
        let dimension =
            |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
        let (statistic, extended_statistic) = read::written_statistic(&spec.statistic);
        let call = self
            .client
            .put_metric_alarm()
            .alarm_name(name)
            .alarm_description(&spec.description)
            .namespace(&spec.namespace)
            .metric_name(&spec.metric_name)
            .set_dimensions(Some(spec.dimensions.iter().map(dimension).collect()))
            .set_statistic(statistic)
            .set_extended_statistic(extended_statistic)
            .period(spec.period_seconds)
            .evaluation_periods(spec.evaluation_periods)
            .datapoints_to_alarm(spec.datapoints_to_alarm)
            .threshold(spec.threshold)
            .comparison_operator(read::written_operator(spec.comparison_operator))
            .treat_missing_data(read::written_missing(spec.treat_missing_data))
            .set_alarm_actions(Some(spec.alarm_actions.iter().cloned().collect()))
            .set_ok_actions(Some(spec.ok_actions.iter().cloned().collect()))
            .set_tags(tags);
        call.send().await.at(PUT, key).map(drop)
    }
}

fn tags(scope: &Scope, key: &Key) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    scope.tags(key).into_iter().map(tag).collect()
}

impl Family for Alarms {
    type Spec = AlarmSpec;

    const KIND: Kind = Kind::new("AWS::CloudWatch::Alarm");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::DynamoDB::Table"),
        Kind::new("AWS::ECS::Service"),
        Kind::new("AWS::EFS::FileSystem"),
        Kind::new("AWS::Lambda::Function"),
        Kind::new("AWS::Logs::MetricFilter"),
        Kind::new("AWS::SNS::Topic"),
        Kind::new("AWS::SQS::Queue"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("cloudwatch:DescribeAlarms").within(Within::IN_REGION),
        IamAction::read("cloudwatch:ListTagsForResource").within(ALARMS),
        IamAction::write("cloudwatch:DeleteAlarms").within(OWN_ALARMS),
        IamAction::write("cloudwatch:PutMetricAlarm").within(OWN_ALARMS),
        // Called to adopt, and asked for besides PutMetricAlarm with tags:
        // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        IamAction::write("cloudwatch:TagResource").within(OWN_ALARMS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<AlarmSpec>>> {
        let alarms = self.list(&scope.name_prefix()).await?;
        let observed = try_join_all(alarms.into_iter().map(|alarm| self.observe(scope, alarm))).await?;
        Ok(observed.into_iter().flatten().collect())
    }

    /// One call makes and changes an alarm. CloudWatch heeds its tags only where it makes one.
    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<AlarmSpec>,
        observed: Option<&Observed<AlarmSpec>>,
        progress: &Progress,
    ) -> Result<Observed<AlarmSpec>> {
        let Desired { key, name: Some(name), spec: want } = desired else {
            return Err(Error::new(PUT, &desired.key, Class::Fatal, "an alarm needs a name"));
        };
        if let Some(found) = observed.filter(|found| found.spec == *want) {
            return Ok(found.clone());
        }
        let put = || self.put(key, name, want, observed.is_none().then(|| tags(scope, key)));
        let conflicts = |error: &Error| error.class == Class::Conflict;
        retry_while(&PATIENCE, progress, "CloudWatch", conflicts, put).await?;
        let made = || Observed {
            id: name.clone(),
            name: Some(name.clone()),
            owner: Owner::Us(key.clone()),
            spec: want.clone(),
            outputs: BTreeMap::from([("arn".to_owned(), alarm::arn(scope, name))]),
            created: None,
            pending: None,
        };
        Ok(observed.cloned().map_or_else(made, |found| Observed { spec: want.clone(), ..found }))
    }

    async fn delete(&self, observed: &Observed<AlarmSpec>, progress: &Progress) -> Result<()> {
        let name = &observed.id;
        let conflicts = |error: &Error| error.class == Class::Conflict;
        let delete =
            || async { gone(self.client.delete_alarms().alarm_names(name).send().await.at(DELETE, name)) };
        retry_while(&PATIENCE, progress, "CloudWatch", conflicts, delete).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<AlarmSpec>>> {
        let name = id.split_once(":alarm:").map_or(id, |(_, name)| name);
        let answer = self.client.describe_alarms().alarm_names(name).send().await.at(DESCRIBE, name)?;
        match answer.metric_alarms.unwrap_or_default().into_iter().next() {
            Some(alarm) => self.observe(scope, alarm).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<AlarmSpec>) -> Result<()> {
        let call = self.client.tag_resource().resource_arn(alarm::arn(scope, &observed.id));
        call.set_tags(Some(tags(scope, key))).send().await.at(TAG, key).map(drop)
    }
}
