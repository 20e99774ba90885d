//! What we set of a container.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::words::words;

/// A container of a task. What is empty or absent is not sent.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerDefinition {
    /// The image, best by its digest: `docker.io/library/busybox@sha256:…`.
    pub image: String,
    /// Whether the task stops when the container does.
    pub essential: bool,
    /// Who runs in it: `1000:1000`; absent, whom the image names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What runs instead of the image's own entry point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entry_point: Vec<String>,
    /// What the entry point is given instead of the image's own command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Where it runs instead of the image's own directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Variables: name → value. Whoever may describe task definitions reads them.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables whose values ECS takes from a secret when the task starts: name → the secret's ARN, with
    /// `:<JSON key>:<stage>:<version>` after it where not the whole is meant.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The ports that it listens on.
    #[serde(default)]
    pub port_mappings: BTreeSet<PortMapping>,
    /// Where it sees which volume.
    #[serde(default)]
    pub mount_points: BTreeSet<MountPoint>,
    /// Which other containers must have come how far before it starts.
    #[serde(default)]
    pub depends_on: BTreeMap<String, ContainerCondition>,
    /// How ECS tells whether it is well. Health checks of the image itself do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Whether its own file system cannot be written to.
    pub readonly_root_filesystem: bool,
    /// What it may do in the kernel.
    #[serde(default, skip_serializing_if = "LinuxParameters::is_default")]
    pub linux_parameters: LinuxParameters,
    /// Where its output goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_configuration: Option<LogConfiguration>,
    /// How long it has between the signal to stop and its end: 2 to 120 s; 30 s where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout_seconds: Option<i32>,
    /// Whether ECS starts it anew in the same task where it ends; absent, the task ends with an essential container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    /// Limits: name → limit. Fargate takes `nofile` alone.
    #[serde(default)]
    pub ulimits: BTreeMap<String, Ulimit>,
}

impl ContainerDefinition {
    /// An essential container of that image, all else as the image has it.
    pub fn new(image: impl Into<String>) -> Self {
        Self { image: image.into(), essential: true, ..Self::default() }
    }
}

/// A port. On Fargate the task has an address of its own, so host and container have the same port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortMapping {
    /// The port.
    pub container_port: i32,
    /// Its protocol.
    pub protocol: TransportProtocol,
}

impl PortMapping {
    /// A TCP port.
    pub const fn tcp(container_port: i32) -> Self {
        Self { container_port, protocol: TransportProtocol::Tcp }
    }
}

words! {
    /// A port's protocol.
    TransportProtocol {
        /// TCP, which is what ECS takes where nothing is said.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

/// Where a container sees a volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MountPoint {
    /// The path in the container.
    pub container_path: String,
    /// The volume's name in the task definition.
    pub source_volume: String,
    /// Whether it cannot be written to.
    pub read_only: bool,
}

words! {
    /// How far another container must have come.
    ContainerCondition {
        /// It was started.
        Start = "START",
        /// It ended, however it ended.
        Complete = "COMPLETE",
        /// It ended with exit code 0.
        Success = "SUCCESS",
        /// Its health check passes.
        Healthy = "HEALTHY",
    }
}

/// How ECS tells whether a container is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// `["CMD", …]` or `["CMD-SHELL", …]`; exit code 0 means well.
    pub command: Vec<String>,
    /// Between two checks: 5 to 300 s.
    pub interval_seconds: i32,
    /// After which a check has failed: 2 to 60 s.
    pub timeout_seconds: i32,
    /// How many must fail in a row: 1 to 10.
    pub retries: i32,
    /// For how long after the start failures do not count: 0 to 300 s.
    pub start_period_seconds: i32,
}

/// That ECS starts a container anew in the same task, with the same volumes, whatever code it ended with. It is not for a
/// container that is merely unhealthy: that ends the task.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestartPolicy {
    /// How long it must have run to be started anew: 60 to 1,800 s. One that ends sooner ends the task.
    pub restart_attempt_period_seconds: i32,
}

/// What a container may do in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinuxParameters {
    /// The capabilities that it has more or less than Docker's default.
    #[serde(default)]
    pub capabilities: KernelCapabilities,
    /// Whether a process of its own forwards signals and reaps children.
    #[serde(default)]
    pub init_process_enabled: bool,
}

impl LinuxParameters {
    /// The same, with all of the default capabilities dropped but these.
    ///
    /// Fargate adds none but `SYS_PTRACE`, so what is kept cannot be said by dropping `ALL` and adding it:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html>
    #[must_use]
    pub fn dropping_all_but(self, kept: &[&str]) -> Self {
        let drop = match kept {
            [] => BTreeSet::from(["ALL".to_owned()]),
            kept => {
                let dropped = DEFAULT_CAPABILITIES.iter().filter(|one| !kept.contains(one));
                dropped.map(|one| (*one).to_owned()).collect()
            }
        };
        Self { capabilities: KernelCapabilities { drop, ..self.capabilities }, ..self }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a container may do on Fargate unless it is taken away:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-security-considerations.html>
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Capabilities, without `CAP_`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KernelCapabilities {
    /// More than the default. Fargate takes `SYS_PTRACE` alone.
    #[serde(default)]
    pub add: BTreeSet<String>,
    /// Less than the default.
    #[serde(default)]
    pub drop: BTreeSet<String>,
}

/// Where a container's output goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogConfiguration {
    /// `awslogs`.
    pub log_driver: String,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
}

const GROUP: &str = "awslogs-group";
const PREFIX: &str = "awslogs-stream-prefix";

impl LogConfiguration {
    /// CloudWatch's log group of that name, in streams `<stream_prefix>/<container>/<task>`.
    pub fn awslogs(group: &str, region: &str, stream_prefix: &str, mode: LogMode) -> Self {
        let mut options: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: &str| options.insert(name.to_owned(), value.to_owned());
        set(GROUP, group);
        set("awslogs-region", region);
        set(PREFIX, stream_prefix);
        match mode {
            LogMode::Blocking => {
                set("mode", "blocking");
            }
            LogMode::NonBlocking => {
                set("mode", "non-blocking");
                // So much is held while CloudWatch does not take it; what is beyond is lost.
                set("max-buffer-size", "25m");
            }
        }
        Self { log_driver: "awslogs".to_owned(), options }
    }

    /// Log group and stream of a container of that name in the task of that id.
    pub(crate) fn stream(&self, container: &str, task: &str) -> Option<(&str, String)> {
        let (group, prefix) = (self.options.get(GROUP)?, self.options.get(PREFIX)?);
        Some((group, format!("{prefix}/{container}/{task}")))
    }
}

/// What a container does while its output cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMode {
    /// It waits, and may fail its health check by that.
    Blocking,
    /// It goes on, and output may be lost.
    NonBlocking,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ulimit {
    /// What holds.
    pub soft_limit: i32,
    /// What the container may raise it to.
    pub hard_limit: i32,
}
