//! The family `AWS::CloudWatch::Dashboard`.

mod body;
mod spec;
#[cfg(test)]
mod tests;
mod widget;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_cloudwatch::{Client, types::Tag};
pub use body::DashboardBody;
use futures::future::try_join_all;
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};
pub use spec::{DashboardSpec, dashboard_key, dashboard_name};
pub use widget::{Line, Widget};

use crate::races::{PATIENCE, adopt_by_name, found, gone, owner_by_name};
use crate::scopes::DASHBOARDS;

const LIST: &str = "cloudwatch:ListDashboards";
const GET: &str = "cloudwatch:GetDashboard";
const PUT: &str = "cloudwatch:PutDashboard";
const DELETE: &str = "cloudwatch:DeleteDashboards";

/// CloudWatch's dashboards, of which an account has one set for all regions.
///
/// They are known by their names, which [`dashboard_name`] makes of their keys. The tags that they are made with are for
/// people and policies: dashboards made before AWS had tags for them have none.
#[derive(Clone, Debug)]
pub struct Dashboards {
    client: Client,
}

impl Dashboards {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The names of the dashboards that begin with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_dashboards().dashboard_name_prefix(prefix).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let entries = page.at(LIST, prefix)?.dashboard_entries.unwrap_or_default();
            names.extend(entries.into_iter().filter_map(|entry| entry.dashboard_name));
        }
        Ok(names)
    }

    /// `None` where there is none of that name.
    async fn get(&self, scope: &Scope, name: &str) -> Result<Option<Observed<DashboardSpec>>> {
        let answer = self.client.get_dashboard().dashboard_name(name).send().await.at(GET, name);
        let answer = found(answer.map_err(classed))?;
        Ok(answer.map(|answer| {
            let body = DashboardBody::read(answer.dashboard_body().unwrap_or_default());
            let owner = owner_by_name(dashboard_key(scope, name));
            observed(scope, name, owner, DashboardSpec { body })
        }))
    }

    async fn put(&self, scope: &Scope, key: &Key, name: &str, spec: &DashboardSpec, new: bool) -> Result<()> {
        let tag = |(key, value)| Tag::builder().key(key).value(value).build();
        let tags = || scope.tags(key).into_iter().map(tag).collect();
        let call = self
            .client
            .put_dashboard()
            .dashboard_name(name)
            .dashboard_body(spec.body.to_string())
            .set_tags(new.then(tags));
        call.send().await.at(PUT, key).map(drop)
    }
}

/// By the name of CloudWatch's error and not by its code, one that is not there looks like no other that is not.
fn classed(error: Error) -> Error {
    let class = if error.says("DashboardNotFoundError") { Class::NotFound } else { error.class };
    Error { class, ..error }
}

fn observed(scope: &Scope, name: &str, owner: Owner, spec: DashboardSpec) -> Observed<DashboardSpec> {
    // A dashboard belongs to no region.
    let arn = format!("arn:{}:cloudwatch::{}:dashboard/{name}", scope.partition(), scope.account);
    Observed {
        id: name.to_owned(),
        name: Some(name.to_owned()),
        owner,
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        created: None,
        pending: None,
    }
}

impl Family for Dashboards {
    type Spec = DashboardSpec;

    const KIND: Kind = Kind::new("AWS::CloudWatch::Dashboard");
    const REFERS_TO: &'static [Kind] =
        &[Kind::new("AWS::CloudWatch::Alarm"), Kind::new("AWS::EFS::FileSystem")];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("cloudwatch:GetDashboard").within(DASHBOARDS),
        IamAction::read("cloudwatch:ListDashboards").within(Within::IN_ACCOUNT),
        IamAction::write("cloudwatch:DeleteDashboards").within(DASHBOARDS),
        IamAction::write("cloudwatch:PutDashboard").within(DASHBOARDS),
        IamAction::dependent(
            "cloudwatch:TagResource",
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html",
        )
        .within(DASHBOARDS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<DashboardSpec>>> {
        let names = self.list(&spec::prefix(scope)).await?;
        let dashboards = try_join_all(names.iter().map(|name| self.get(scope, name))).await?;
        Ok(dashboards.into_iter().flatten().collect())
    }

    /// One call makes and changes a dashboard.
    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<DashboardSpec>,
        there: Option<&Observed<DashboardSpec>>,
        progress: &Progress,
    ) -> Result<Observed<DashboardSpec>> {
        let Desired { key, name: Some(name), spec: want } = desired else {
            return Err(Error::new(PUT, &desired.key, Class::Fatal, "a dashboard needs a name"));
        };
        if let Some(found) = there.filter(|found| found.spec == *want) {
            return Ok(found.clone());
        }
        let put = || self.put(scope, key, name, want, there.is_none());
        let conflicts = |error: &Error| error.class == Class::Conflict;
        retry_while(&PATIENCE, progress, "CloudWatch", conflicts, put).await?;
        Ok(observed(scope, name, Owner::Us(key.clone()), want.clone()))
    }

    async fn delete(&self, observed: &Observed<DashboardSpec>, progress: &Progress) -> Result<()> {
        let name = &observed.id;
        let conflicts = |error: &Error| error.class == Class::Conflict;
        let delete = || async {
            let call = self.client.delete_dashboards().dashboard_names(name);
            gone(call.send().await.at(DELETE, name).map_err(classed))
        };
        retry_while(&PATIENCE, progress, "CloudWatch", conflicts, delete).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<DashboardSpec>>> {
        self.get(scope, id.split_once(":dashboard/").map_or(id, |(_, name)| name)).await
    }

    async fn adopt(&self, _: &Scope, key: &Key, observed: &Observed<DashboardSpec>) -> Result<()> {
        adopt_by_name(PUT, &observed.owner, key, &observed.id)
    }
}
