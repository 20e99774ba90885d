//! The family `AWS::Logs::MetricFilter`.

mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_cloudwatchlogs::{Client, types};
use aws_smithy_types::date_time::{DateTime, Format};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};
pub use spec::{MetricFilterSpec, metric_filter_key, metric_filter_name};

use crate::races::{PATIENCE, adopt_by_name, gone, owner_by_name};
use crate::scopes::LOG_GROUPS;

const DESCRIBE: &str = "logs:DescribeMetricFilters";
const PUT: &str = "logs:PutMetricFilter";
const DELETE: &str = "logs:DeleteMetricFilter";

/// CloudWatch's metric filters: each counts the lines of a log group that match a pattern.
///
/// A filter has no tags. Ours are known by their names, which [`metric_filter_name`] makes of their keys. A filter goes
/// with its log group.
#[derive(Clone, Debug)]
pub struct MetricFilters {
    client: Client,
}

impl MetricFilters {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// All filters of account and region: a listing by the beginning of their names asks for their log group.
    async fn list(&self, scope: &Scope) -> Result<Vec<Observed<MetricFilterSpec>>> {
        let mut pages = self.client.describe_metric_filters().into_paginator().send();
        let mut filters = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.at(DESCRIBE, scope.path())?.metric_filters.unwrap_or_default();
            filters.extend(page.into_iter().map(|filter| observe(scope, filter)));
        }
        Ok(filters)
    }

    async fn put(&self, key: &Key, name: &str, spec: &MetricFilterSpec) -> Result<()> {
        let transformation = types::MetricTransformation::builder()
            .metric_namespace(&spec.metric_namespace)
            .metric_name(&spec.metric_name)
            .metric_value(&spec.metric_value)
            .set_default_value(spec.default_value)
            .build()
            .map_err(|error| Error::new(PUT, key, Class::Fatal, error))?;
        let call = self
            .client
            .put_metric_filter()
            .log_group_name(&spec.log_group_name)
            .filter_name(name)
            .filter_pattern(&spec.filter_pattern)
            .metric_transformations(transformation);
        call.send().await.at(PUT, key).map(drop)
    }
}

/// CloudWatch takes one transformation a filter:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>
fn observe(scope: &Scope, filter: types::MetricFilter) -> Observed<MetricFilterSpec> {
    let name = filter.filter_name.unwrap_or_default();
    let log_group_name = filter.log_group_name.unwrap_or_default();
    let made = filter.metric_transformations.unwrap_or_default().into_iter().next();
    Observed {
        id: id(&log_group_name, &name),
        owner: owner_by_name(metric_filter_key(scope, &name)),
        name: Some(name),
        created: filter
            .creation_time
            .and_then(|millis| DateTime::from_millis(millis).fmt(Format::DateTime).ok()),
        spec: MetricFilterSpec {
            log_group_name,
            filter_pattern: filter.filter_pattern.unwrap_or_default(),
            default_value: made.as_ref().and_then(|made| made.default_value),
            metric_value: made.as_ref().map(|made| made.metric_value.clone()).unwrap_or_default(),
            metric_namespace: made.as_ref().map(|made| made.metric_namespace.clone()).unwrap_or_default(),
            metric_name: made.map(|made| made.metric_name).unwrap_or_default(),
        },
        outputs: BTreeMap::new(),
        pending: None,
    }
}

/// Neither part may have a colon.
fn id(log_group_name: &str, name: &str) -> String {
    format!("{log_group_name}:{name}")
}

impl Family for MetricFilters {
    type Spec = MetricFilterSpec;

    const KIND: Kind = Kind::new("AWS::Logs::MetricFilter");
    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::Logs::LogGroup")];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("logs:DescribeMetricFilters").within(Within::IN_REGION),
        IamAction::write("logs:DeleteMetricFilter").within(LOG_GROUPS),
        IamAction::write("logs:PutMetricFilter").within(LOG_GROUPS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<MetricFilterSpec>>> {
        let mut filters = self.list(scope).await?;
        let path = scope.path();
        filters.retain(|filter| filter.name.as_ref().is_some_and(|name| name.starts_with(&path)));
        Ok(filters)
    }

    /// Its log group may be so new that it is not found for a moment.
    async fn ensure(
        &self,
        _: &Scope,
        desired: &Desired<MetricFilterSpec>,
        observed: Option<&Observed<MetricFilterSpec>>,
        progress: &Progress,
    ) -> Result<Observed<MetricFilterSpec>> {
        let Desired { key, name: Some(name), spec: want } = desired else {
            return Err(Error::new(PUT, &desired.key, Class::Fatal, "a metric filter needs a name"));
        };
        if let Some(found) = observed.filter(|found| found.spec == *want) {
            return Ok(found.clone());
        }
        let settles = |error: &Error| matches!(error.class, Class::Conflict | Class::NotFound);
        let put = || self.put(key, name, want);
        retry_while(&PATIENCE, progress, "the log group", settles, put).await?;
        Ok(Observed {
            id: id(&want.log_group_name, name),
            name: Some(name.clone()),
            owner: Owner::Us(key.clone()),
            spec: want.clone(),
            outputs: BTreeMap::new(),
            created: observed.and_then(|found| found.created.clone()),
            pending: None,
        })
    }

    async fn delete(&self, observed: &Observed<MetricFilterSpec>, progress: &Progress) -> Result<()> {
        let conflicts = |error: &Error| error.class == Class::Conflict;
        let delete = || async {
            let call = self
                .client
                .delete_metric_filter()
                .log_group_name(&observed.spec.log_group_name)
                .set_filter_name(observed.name.clone());
            gone(call.send().await.at(DELETE, &observed.id))
        };
        retry_while(&PATIENCE, progress, "the log group", conflicts, delete).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<MetricFilterSpec>>> {
        let filters = self.list(scope).await?;
        Ok(filters.into_iter().find(|filter| filter.id == id || filter.name.as_deref() == Some(id)))
    }

    async fn adopt(&self, _: &Scope, key: &Key, observed: &Observed<MetricFilterSpec>) -> Result<()> {
        adopt_by_name(PUT, &observed.owner, key, &observed.id)
    }
}
