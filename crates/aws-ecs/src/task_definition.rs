//! A task definition as others speak of it, and what we set of one.

use std::collections::BTreeMap;

use resource::{Key, Reference, Scope, Spec};
use serde::{Deserialize, Serialize};

use crate::{ContainerDefinition, Switch, words::words};

/// The fields of a task definition that we set; it is for Fargate on Linux, in network mode `awsvpc`.
///
/// A revision never changes: another spec is registered as the next revision of the same family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskDefinitionSpec {
    /// The processor's share: 1,024 is one vCPU. Which amounts of memory go with it:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
    pub cpu_units: u32,
    /// The memory, in MiB.
    pub memory_mib: u32,
    /// The processor's kind.
    pub cpu_architecture: CpuArchitecture,
    /// The role by which ECS pulls images, reads secrets and writes logs.
    pub execution_role_arn: String,
    /// The role that the containers have.
    pub task_role_arn: String,
    /// The volumes: name → what it is.
    pub volumes: BTreeMap<String, Volume>,
    /// The containers, by name. They are registered so that each comes after those that it depends on.
    pub container_definitions: BTreeMap<String, ContainerDefinition>,
}

impl Spec for TaskDefinitionSpec {}

words! {
    /// A processor's kind.
    CpuArchitecture {
        /// What Fargate takes where nothing is said.
        X86_64 = "X86_64",
        /// Graviton.
        Arm64 = "ARM64",
    }
}

/// A volume of a task. One that is nothing else is the task's own: it begins empty, belongs to root, and ends with the task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// A part of a file system on EFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efs_volume_configuration: Option<EfsVolumeConfiguration>,
}

impl Volume {
    /// What the access point shows of the file system, encrypted on its way and with the task role's permissions.
    pub fn efs(file_system_id: impl Into<String>, access_point_id: impl Into<String>) -> Self {
        let efs_volume_configuration = Some(EfsVolumeConfiguration {
            file_system_id: file_system_id.into(),
            access_point_id: Some(access_point_id.into()),
            transit_encryption: Switch::Enabled,
            iam: Switch::Enabled,
        });
        Self { efs_volume_configuration }
    }

    /// The task's own.
    pub fn task_local() -> Self {
        Self::default()
    }
}

/// A part of a file system on EFS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EfsVolumeConfiguration {
    /// The file system.
    pub file_system_id: String,
    /// The access point, which says directory and user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_point_id: Option<String>,
    /// Whether TLS is used on the way. An access point asks for it.
    pub transit_encryption: Switch,
    /// Whether the task role's permissions decide.
    pub iam: Switch,
}

/// A task definition of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinition {
    scope: Scope,
    key: Key,
    family: String,
}

impl TaskDefinition {
    /// The task definition with that key, whose family ends in `suffix`: `eventstore` is `headwater-prod-eventstore`.
    pub fn new(scope: &Scope, key: &Key, suffix: &str) -> Self {
        Self { scope: scope.clone(), key: key.clone(), family: scope.physical_name(suffix) }
    }

    /// Its family, which is its physical name.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// A reference to the ARN of its newest revision.
    pub fn arn(&self) -> String {
        Reference::output(&self.key, "arn").to_string()
    }

    /// The ARNs of all its revisions, as policies name them.
    pub fn revisions_arn(&self) -> String {
        self.scope.arn("ecs", &format!("task-definition/{}:*", self.family))
    }
}
