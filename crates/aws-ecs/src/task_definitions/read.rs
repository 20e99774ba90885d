//! From ECS's form of a task definition to ours: the one place where what ECS adds by default is taken away again.
//!
//! ECS gives back `cpu: 0`, a host port and protocol for each port, empty lists for what was not said, a root directory, and
//! attributes and compatibilities of its own. None of it is in our spec, or it means the same as saying nothing.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types;

use crate::{
    ContainerCondition, ContainerDefinition, CpuArchitecture, EfsVolumeConfiguration, HealthCheck,
    KernelCapabilities, LinuxParameters, LogConfiguration, MountPoint, PortMapping, RestartPolicy, Switch,
    TaskDefinitionSpec, TransportProtocol, Ulimit, Volume, words::Unknown,
};

pub(crate) fn spec(definition: &types::TaskDefinition) -> Result<TaskDefinitionSpec, Unknown> {
    let architecture = definition.runtime_platform().and_then(|platform| platform.cpu_architecture());
    let containers = definition.container_definitions().iter();
    Ok(TaskDefinitionSpec {
        cpu_units: number(definition.cpu()),
        memory_mib: number(definition.memory()),
        cpu_architecture: architecture
            .map_or(Ok(CpuArchitecture::X86_64), |word| CpuArchitecture::read(word.as_str()))?,
        execution_role_arn: text(definition.execution_role_arn()),
        task_role_arn: text(definition.task_role_arn()),
        volumes: definition.volumes().iter().map(|one| (text(one.name()), volume(one))).collect(),
        container_definitions: containers
            .map(|one| Ok((text(one.name()), container(one)?)))
            .collect::<Result<_, Unknown>>()?,
    })
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

/// A text that is empty says nothing.
fn said(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// ECS gives sizes back in its own units, whatever they were given in.
fn number(text: Option<&str>) -> u32 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn volume(volume: &types::Volume) -> Volume {
    let efs_volume_configuration = volume.efs_volume_configuration().map(|efs| {
        let authorization = efs.authorization_config();
        EfsVolumeConfiguration {
            file_system_id: efs.file_system_id().to_owned(),
            access_point_id: said(authorization.and_then(|config| config.access_point_id())),
            transit_encryption: Switch::read(efs.transit_encryption().map(|word| word.as_str())),
            iam: Switch::read(authorization.and_then(|config| config.iam()).map(|word| word.as_str())),
        }
    });
    Volume { efs_volume_configuration }
}

fn container(container: &types::ContainerDefinition) -> Result<ContainerDefinition, Unknown> {
    let environment = container.environment().iter();
    let secrets = container.secrets().iter();
    Ok(ContainerDefinition {
        image: text(container.image()),
        essential: container.essential().unwrap_or(true),
        user: said(container.user()),
        entry_point: container.entry_point().to_vec(),
        command: container.command().to_vec(),
        working_directory: said(container.working_directory()),
        environment: environment.map(|one| (text(one.name()), text(one.value()))).collect(),
        secrets: secrets.map(|one| (one.name().to_owned(), one.value_from().to_owned())).collect(),
        port_mappings: container.port_mappings().iter().map(port).collect::<Result<_, _>>()?,
        mount_points: container.mount_points().iter().map(mount_point).collect(),
        depends_on: depends_on(container)?,
        health_check: container.health_check().map(health_check),
        readonly_root_filesystem: container.readonly_root_filesystem().unwrap_or_default(),
        linux_parameters: container.linux_parameters().map(linux_parameters).unwrap_or_default(),
        log_configuration: container.log_configuration().map(log_configuration),
        stop_timeout_seconds: container.stop_timeout(),
        restart_policy: container.restart_policy().filter(|policy| policy.enabled()).map(restart_policy),
        ulimits: container.ulimits().iter().map(ulimit).collect(),
    })
}

fn port(port: &types::PortMapping) -> Result<PortMapping, Unknown> {
    let protocol = port.protocol().map(|word| TransportProtocol::read(word.as_str()));
    Ok(PortMapping {
        container_port: port.container_port().unwrap_or_default(),
        protocol: protocol.unwrap_or(Ok(TransportProtocol::Tcp))?,
    })
}

fn mount_point(point: &types::MountPoint) -> MountPoint {
    MountPoint {
        container_path: text(point.container_path()),
        source_volume: text(point.source_volume()),
        read_only: point.read_only().unwrap_or_default(),
    }
}

fn depends_on(
    container: &types::ContainerDefinition,
) -> Result<BTreeMap<String, ContainerCondition>, Unknown> {
    let dependencies = container.depends_on().iter();
    let read = |one: &types::ContainerDependency| {
        Ok((one.container_name().to_owned(), ContainerCondition::read(one.condition().as_str())?))
    };
    dependencies.map(read).collect()
}

/// What is not said has these values:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>
fn health_check(check: &types::HealthCheck) -> HealthCheck {
    HealthCheck {
        command: check.command().to_vec(),
        interval_seconds: check.interval().unwrap_or(30),
        timeout_seconds: check.timeout().unwrap_or(5),
        retries: check.retries().unwrap_or(3),
        start_period_seconds: check.start_period().unwrap_or(0),
    }
}

/// What is not said is 300 s: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html>
fn restart_policy(policy: &types::ContainerRestartPolicy) -> RestartPolicy {
    RestartPolicy { restart_attempt_period_seconds: policy.restart_attempt_period().unwrap_or(300) }
}

fn linux_parameters(parameters: &types::LinuxParameters) -> LinuxParameters {
    let capabilities = parameters.capabilities();
    let set = |of: &[String]| of.iter().cloned().collect::<BTreeSet<_>>();
    LinuxParameters {
        capabilities: KernelCapabilities {
            add: capabilities.map(|both| set(both.add())).unwrap_or_default(),
            drop: capabilities.map(|both| set(both.drop())).unwrap_or_default(),
        },
        init_process_enabled: parameters.init_process_enabled().unwrap_or_default(),
    }
}

fn log_configuration(log: &types::LogConfiguration) -> LogConfiguration {
    let options = log.options().into_iter().flatten();
    LogConfiguration {
        log_driver: log.log_driver().as_str().to_owned(),
        options: options.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

fn ulimit(limit: &types::Ulimit) -> (String, Ulimit) {
    let (soft_limit, hard_limit) = (limit.soft_limit(), limit.hard_limit());
    (limit.name().as_str().to_owned(), Ulimit { soft_limit, hard_limit })
}
