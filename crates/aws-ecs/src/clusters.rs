//! The family `AWS::ECS::Cluster`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while, wait_until};
use aws_sdk_ecs::{
    Client,
    types::{self, ClusterConfiguration, ClusterField, ClusterSetting, ClusterSettingName},
};
use futures::future::try_join_all;
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within,
};

use crate::scopes::{CLUSTERS, OWN_CLUSTERS};
use crate::{
    ClusterSpec, ContainerInsights, ExecuteCommandLogging, listing,
    races::{DRAIN, SETTLE, cluster_drains, gone, settles},
    tags,
    words::Unknown,
};

/// How many clusters DescribeClusters takes at once.
const AT_ONCE: usize = 100;

const CREATE: &str = "ecs:CreateCluster";
const DELETE: &str = "ecs:DeleteCluster";
const DESCRIBE: &str = "ecs:DescribeClusters";

/// ECS's clusters.
#[derive(Clone, Debug)]
pub struct Clusters {
    client: Client,
}

impl Clusters {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Those of these names or ARNs that are there and are not going away.
    async fn describe(&self, scope: &Scope, clusters: &[String]) -> Result<Vec<Observed<ClusterSpec>>> {
        let include = [ClusterField::Tags, ClusterField::Settings, ClusterField::Configurations];
        let call = self.client.describe_clusters().set_clusters(Some(clusters.to_vec()));
        let answer =
            call.set_include(Some(include.to_vec())).send().await.at(DESCRIBE, clusters.join(", "))?;
        let clusters = answer.clusters.unwrap_or_default();
        let there =
            clusters.iter().filter(|one| !matches!(one.status(), Some("INACTIVE" | "DEPROVISIONING")));
        there.map(|one| observe(scope, one)).collect()
    }

    async fn one(&self, scope: &Scope, cluster: &str) -> Result<Option<Observed<ClusterSpec>>> {
        Ok(self.describe(scope, &[cluster.to_owned()]).await?.pop())
    }

    /// Makes the cluster, unless it is there: then ECS answers as if it had made it, whosever it is.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<ClusterSpec>,
        progress: &Progress,
    ) -> Result<Observed<ClusterSpec>> {
        let Desired { key, name, spec } = desired;
        let Some(name) = name else {
            return Err(Error::new(CREATE, key, Class::Fatal, "a cluster needs a name"));
        };
        let call = self
            .client
            .create_cluster()
            .cluster_name(name)
            .settings(setting(spec))
            .configuration(configuration(spec))
            .set_tags(Some(tags::write(scope, key)));
        let create = || async { call.clone().send().await.at(CREATE, key).map(drop) };
        retry_while(&SETTLE, progress, "the service-linked role to reach ECS", settles, create).await?;
        let waits_for = "the new cluster to be ACTIVE";
        let made = wait_until(&SETTLE, progress, DESCRIBE, key, waits_for, || async {
            Ok(self.one(scope, name).await?.filter(|cluster| cluster.pending.is_none()))
        })
        .await?;
        tags::hold(CREATE, key, "cluster", made)
    }
}

fn observe(scope: &Scope, cluster: &types::Cluster) -> Result<Observed<ClusterSpec>> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let (name, arn) = (text(cluster.cluster_name()), text(cluster.cluster_arn()));
    let spec = read(cluster).map_err(|error| Error::new(DESCRIBE, &name, Class::Fatal, error))?;
    Ok(Observed {
        id: name.clone(),
        owner: scope.owner(&tags::read(cluster.tags())),
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), arn), ("name".to_owned(), name.clone())]),
        created: None,
        pending: cluster.status().filter(|status| *status != "ACTIVE").map(str::to_owned),
        name: Some(name),
    })
}

fn read(cluster: &types::Cluster) -> Result<ClusterSpec, Unknown> {
    let insights =
        cluster.settings().iter().find(|one| one.name() == Some(&ClusterSettingName::ContainerInsights));
    let session = cluster.configuration().and_then(ClusterConfiguration::execute_command_configuration);
    let logging = session.and_then(|session| session.logging());
    Ok(ClusterSpec {
        container_insights: insights
            .and_then(ClusterSetting::value)
            .map_or(Ok(ContainerInsights::Disabled), ContainerInsights::read)?,
        execute_command_logging: logging
            .map_or(Ok(ExecuteCommandLogging::Default), |word| ExecuteCommandLogging::read(word.as_str()))?,
    })
}

fn setting(spec: &ClusterSpec) -> ClusterSetting {
    let name = ClusterSettingName::ContainerInsights;
    ClusterSetting::builder().name(name).value(spec.container_insights.as_str()).build()
}

fn configuration(spec: &ClusterSpec) -> ClusterConfiguration {
    let logging = types::ExecuteCommandLogging::from(spec.execute_command_logging.as_str());
    let session = types::ExecuteCommandConfiguration::builder().logging(logging).build();
    ClusterConfiguration::builder().execute_command_configuration(session).build()
}

impl Family for Clusters {
    type Spec = ClusterSpec;

    const KIND: Kind = Kind::new("AWS::ECS::Cluster");
    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::IAM::ServiceLinkedRole")];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ecs:DescribeClusters").within(CLUSTERS),
        IamAction::read("ecs:ListClusters").within(Within::IN_REGION),
        IamAction::write("ecs:CreateCluster").within(OWN_CLUSTERS),
        IamAction::write("ecs:DeleteCluster").within(OWN_CLUSTERS),
        // Called to adopt, and asked for besides CreateCluster with tags:
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html
        IamAction::write("ecs:TagResource").within(OWN_CLUSTERS),
        IamAction::write("ecs:UpdateCluster").within(OWN_CLUSTERS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<ClusterSpec>>> {
        let arns = listing::clusters(&self.client, &scope.name_prefix()).await?;
        let described = try_join_all(arns.chunks(AT_ONCE).map(|some| self.describe(scope, some))).await?;
        Ok(described.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<ClusterSpec>,
        observed: Option<&Observed<ClusterSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ClusterSpec>> {
        let Desired { key, spec: want, .. } = desired;
        let found = match observed {
            Some(observed) => observed.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        if found.spec == *want {
            return Ok(Observed { pending: None, ..found });
        }
        let call = self.client.update_cluster().cluster(&found.id);
        let call = call.settings(setting(want)).configuration(configuration(want));
        let update = || async { call.clone().send().await.at("ecs:UpdateCluster", key).map(drop) };
        retry_while(&SETTLE, progress, "another update of the cluster", cluster_drains, update).await?;
        Ok(Observed { spec: want.clone(), pending: None, ..found })
    }

    async fn delete(&self, observed: &Observed<ClusterSpec>, progress: &Progress) -> Result<()> {
        let id = &observed.id;
        let delete = || async { gone(self.client.delete_cluster().cluster(id).send().await.at(DELETE, id)) };
        retry_while(&DRAIN, progress, "the cluster to be empty", cluster_drains, delete).await?;
        let is_gone = || async {
            let answer = self.client.describe_clusters().clusters(id).send().await.at(DESCRIBE, id)?;
            let there = answer.clusters().iter().any(|one| one.status() != Some("INACTIVE"));
            Ok((!there).then_some(()))
        };
        wait_until(&DRAIN, progress, DELETE, id, "the cluster to be gone", is_gone).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ClusterSpec>>> {
        let name = listing::name_in(id);
        if id.starts_with("arn:") && id != scope.arn("ecs", &format!("cluster/{name}")) {
            return Ok(None);
        }
        self.one(scope, name).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<ClusterSpec>) -> Result<()> {
        let arn = observed.outputs.get("arn").unwrap_or(&observed.id);
        let call = self.client.tag_resource().resource_arn(arn).set_tags(Some(tags::write(scope, key)));
        call.send().await.at("ecs:TagResource", key).map(drop)
    }
}
