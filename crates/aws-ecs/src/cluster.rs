//! A cluster as others speak of it, and what we set of one.

use resource::{Scope, Spec};
use serde::{Deserialize, Serialize};

use crate::words::words;

/// The fields of a cluster that we set. All can be changed in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterSpec {
    /// Which metrics CloudWatch gets of it.
    pub container_insights: ContainerInsights,
    /// Where sessions of ECS Exec are logged.
    pub execute_command_logging: ExecuteCommandLogging,
}

impl Spec for ClusterSpec {}

impl Default for ClusterSpec {
    /// No metrics that cost, no logs of sessions.
    fn default() -> Self {
        Self {
            container_insights: ContainerInsights::Disabled,
            execute_command_logging: ExecuteCommandLogging::None,
        }
    }
}

words! {
    /// How much CloudWatch Container Insights is told.
    ContainerInsights {
        /// Nothing.
        Disabled = "disabled",
        /// Metrics of cluster, services and task families.
        Enabled = "enabled",
        /// Of tasks and containers as well.
        Enhanced = "enhanced",
    }
}

words! {
    /// Where sessions of ECS Exec are logged.
    ExecuteCommandLogging {
        /// Nowhere.
        None = "NONE",
        /// To the log group of the container; what ECS does where nothing is said.
        Default = "DEFAULT",
        /// Elsewhere. We never set it: the places themselves are not part of the spec.
        Override = "OVERRIDE",
    }
}

/// A cluster of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    scope: Scope,
    name: String,
}

impl Cluster {
    /// The cluster whose physical name ends in `suffix`: `eventstore` is `headwater-prod-eventstore`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.scope.arn("ecs", &format!("cluster/{}", self.name))
    }
}
