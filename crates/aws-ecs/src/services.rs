//! The family `AWS::ECS::Service`.

mod change;
mod create;
mod delete;
mod observe;
mod rollout;
mod story;
mod tasks;
#[cfg(test)]
mod tests;

use aws_env::{At, SdkConfig};
use aws_sdk_ecs::Client;
use futures::future::try_join_all;
use resource::{Desired, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within};

use crate::scopes::{IN_CLUSTERS, LOGS, OWN_SERVICES, PASS_ROLE, SERVICES, TASKS};
use crate::{ServiceSpec, listing, tags};

/// How many services DescribeServices takes at once.
const AT_ONCE: usize = 10;

/// ECS's services, in the environment's clusters. A service that drains or is inactive counts as absent.
///
/// What tasks do not notice is changed in place, and for all else a deployment is made and followed to its end. Of a single
/// writer ([`ServiceSpec::is_single_writer`]) the tasks are stopped first, every one is waited for until it is STOPPED, and
/// only then the new ones start; of others ECS starts the new ones beside the old ones.
#[derive(Clone, Debug)]
pub struct Services {
    client: Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

/// A service by its cluster and name, and what errors call it.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    resource: &'a str,
    cluster: &'a str,
    name: &'a str,
}

impl Services {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config), logs: aws_sdk_cloudwatchlogs::Client::new(config) }
    }

    /// The ARNs of a cluster's services.
    async fn list(&self, cluster: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_services().cluster(cluster).into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            arns.extend(page.at("ecs:ListServices", cluster)?.service_arns.unwrap_or_default());
        }
        Ok(arns)
    }

    /// The services of one cluster; none where it is gone meanwhile.
    async fn in_cluster(&self, scope: &Scope, cluster: &str) -> Result<Vec<Observed<ServiceSpec>>> {
        let arns = observe::or_none(self.list(cluster).await)?;
        let described = arns.chunks(AT_ONCE).map(|some| self.describe(cluster, some));
        let services = try_join_all(described).await?.into_iter().flatten();
        services.filter(observe::is_active).map(|service| observe::observe(scope, &service)).collect()
    }
}

impl Family for Services {
    type Spec = ServiceSpec;

    const KIND: Kind = Kind::new("AWS::ECS::Service");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EC2::SecurityGroup"),
        Kind::new("AWS::EC2::Subnet"),
        Kind::new("AWS::ECS::Cluster"),
        Kind::new("AWS::ECS::TaskDefinition"),
        // Its tasks mount what the mount targets lead to, and use the task definition's roles and secrets.
        Kind::new("AWS::EFS::MountTarget"),
        Kind::new("AWS::IAM::Role"),
        Kind::new("AWS::IAM::ServiceLinkedRole"),
        Kind::new("AWS::ServiceDiscovery::Service"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ecs:DescribeServices").within(SERVICES),
        IamAction::read("ecs:DescribeTaskDefinition").within(Within::IN_REGION),
        IamAction::read("ecs:DescribeTasks").within(TASKS),
        IamAction::read("ecs:ListClusters").within(Within::IN_REGION),
        IamAction::read("ecs:ListServices").within(IN_CLUSTERS),
        IamAction::read("ecs:ListTasks").within(IN_CLUSTERS),
        IamAction::write("ecs:CreateService").within(OWN_SERVICES),
        IamAction::write("ecs:DeleteService").within(OWN_SERVICES),
        // Called to adopt, and asked for besides CreateService with tags:
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html
        IamAction::write("ecs:TagResource").within(OWN_SERVICES),
        IamAction::write("ecs:UpdateService").within(OWN_SERVICES),
        // It changes nothing, but is called when a rollout failed and never by a survey: who only plans reads no logs.
        IamAction::write("logs:GetLogEvents").within(LOGS),
        IamAction::dependent(
            "iam:PassRole",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
        )
        .within(PASS_ROLE),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<ServiceSpec>>> {
        let clusters = listing::clusters(&self.client, &scope.name_prefix()).await?;
        let services = clusters.iter().map(|cluster| self.in_cluster(scope, cluster));
        Ok(try_join_all(services).await?.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        observed: Option<&Observed<ServiceSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ServiceSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<ServiceSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(observed, progress).await
    }

    /// An ARN says the cluster; a name is looked for in the environment's clusters.
    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ServiceSpec>>> {
        let name = listing::name_in(id);
        let of_arn = id.strip_prefix(&scope.arn("ecs", "service/")).and_then(|rest| rest.split_once('/'));
        let clusters = match of_arn {
            Some((cluster, _)) => vec![cluster.to_owned()],
            None if id.starts_with("arn:") => Vec::new(),
            None => listing::clusters(&self.client, &scope.name_prefix()).await?,
        };
        for cluster in &clusters {
            let found = self.one(Place { resource: id, cluster, name }).await?.filter(observe::is_active);
            if let Some(service) = found {
                return observe::observe(scope, &service).map(Some);
            }
        }
        Ok(None)
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<ServiceSpec>) -> Result<()> {
        let call = self.client.tag_resource().resource_arn(&observed.id);
        let call = call.set_tags(Some(tags::write(scope, key)));
        call.send().await.at("ecs:TagResource", key).map(drop)
    }
}
