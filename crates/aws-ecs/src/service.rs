//! A service as others speak of it, and what we set of one.

use std::collections::BTreeSet;

use resource::{Effect, Grantee, Scope, Spec, Statement};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Cluster, Switch, words::words};

/// The fields of a service that we set; it runs on Fargate, by rolling deployments, and is not moved between availability
/// zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSpec {
    /// The cluster. Fixed when the service is made.
    pub cluster_arn: String,
    /// The revision that runs.
    pub task_definition_arn: String,
    /// How many tasks run: 0 or 1 where the service is a single writer.
    pub desired_count: i32,
    /// Fargate's platform version, as in `1.4.0`.
    pub platform_version: String,
    /// Where the tasks have their addresses.
    pub subnet_ids: BTreeSet<String>,
    /// What may reach them, and what they may reach.
    pub security_group_ids: BTreeSet<String>,
    /// Whether they have public addresses as well.
    pub assign_public_ip: Switch,
    /// The service of Cloud Map that tells their addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_registry_arn: Option<String>,
    /// What becomes of a deployment whose tasks fail.
    pub deployment_circuit_breaker: DeploymentCircuitBreaker,
    /// How many tasks must run while they are replaced, in percent of the desired count.
    pub minimum_healthy_percent: i32,
    /// How many may run meanwhile, in percent of the desired count.
    pub maximum_percent: i32,
    /// Whether people may open a shell in its containers.
    pub enable_execute_command: bool,
    /// Whose tags the tasks have.
    pub propagate_tags: PropagateTags,
    /// Whether the tasks have the names of cluster and service as tags.
    pub enable_ecs_managed_tags: bool,
}

/// What becomes of a deployment whose tasks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentCircuitBreaker {
    /// Whether it is given up after some failures.
    pub enable: bool,
    /// Whether the last one that was done takes its place then.
    pub rollback: bool,
}

words! {
    /// Whose tags a task has.
    PropagateTags {
        /// Those of the service.
        Service = "SERVICE",
        /// Those of the task definition.
        TaskDefinition = "TASK_DEFINITION",
        /// None.
        None = "NONE",
    }
}

impl ServiceSpec {
    /// One task, never two, in private subnets: the old one goes before the new one comes, and a deployment that fails
    /// is taken back.
    pub fn single_writer(
        cluster: &Cluster,
        task_definition_arn: impl Into<String>,
        subnet_ids: impl IntoIterator<Item = String>,
        security_group_ids: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            minimum_healthy_percent: 0,
            maximum_percent: 100,
            ..Self::rolling(cluster, task_definition_arn, subnet_ids, security_group_ids, 1)
        }
    }

    /// So many tasks, all alike, in private subnets: the new ones come before the old ones go, and a deployment that fails
    /// is taken back.
    pub fn rolling(
        cluster: &Cluster,
        task_definition_arn: impl Into<String>,
        subnet_ids: impl IntoIterator<Item = String>,
        security_group_ids: impl IntoIterator<Item = String>,
        desired_count: i32,
    ) -> Self {
        Self {
            cluster_arn: cluster.arn(),
            task_definition_arn: task_definition_arn.into(),
            desired_count,
            platform_version: "1.4.0".to_owned(),
            subnet_ids: subnet_ids.into_iter().collect(),
            security_group_ids: security_group_ids.into_iter().collect(),
            assign_public_ip: Switch::Disabled,
            service_registry_arn: None,
            deployment_circuit_breaker: DeploymentCircuitBreaker { enable: true, rollback: true },
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            enable_execute_command: false,
            propagate_tags: PropagateTags::Service,
            enable_ecs_managed_tags: true,
        }
    }

    /// Whether never more tasks may run than are desired: each is then stopped before the one that takes its place.
    pub fn is_single_writer(&self) -> bool {
        self.maximum_percent <= 100
    }
}

/// Lets ECS Exec open shells in the tasks of a role. AWS knows no narrower resource.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions>
pub fn grant_execute_command(task_role: &mut impl Grantee) {
    let channels = [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ];
    task_role.grant(Statement::allow("", channels, ["*"]));
}

impl Spec for ServiceSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "clusterArn" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

/// A service of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    scope: Scope,
    cluster: String,
    name: String,
}

impl Service {
    /// The service in `cluster` whose physical name ends in `suffix`: `eventstore` is `headwater-prod-eventstore`.
    pub fn new(scope: &Scope, cluster: &Cluster, suffix: &str) -> Self {
        let cluster = cluster.name().to_owned();
        Self { scope: scope.clone(), cluster, name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its cluster's physical name.
    pub fn cluster_name(&self) -> &str {
        &self.cluster
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.scope.arn("ecs", &format!("service/{}/{}", self.cluster, self.name))
    }
}
