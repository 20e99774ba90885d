//! From our form of a task definition to ECS's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::{
    error::BuildError,
    operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder as Call,
    types::{
        self, Compatibility, EfsAuthorizationConfig, EfsAuthorizationConfigIam, EfsTransitEncryption,
        KeyValuePair, NetworkMode, OsFamily, RuntimePlatform, Secret, UlimitName,
    },
};

use crate::{
    ContainerDefinition, EfsVolumeConfiguration, HealthCheck, LinuxParameters, LogConfiguration, MountPoint,
    PortMapping, RestartPolicy, TaskDefinitionSpec, Volume,
};

/// The call with all of the spec in it.
pub(super) fn all(call: Call, spec: &TaskDefinitionSpec) -> Result<Call, BuildError> {
    let platform = RuntimePlatform::builder()
        .cpu_architecture(types::CpuArchitecture::from(spec.cpu_architecture.as_str()))
        .operating_system_family(OsFamily::Linux);
    let volumes: Vec<_> =
        spec.volumes.iter().map(|(name, one)| volume(name, one)).collect::<Result<_, _>>()?;
    let containers = in_order(&spec.container_definitions).into_iter();
    let containers: Vec<_> = containers.map(|(name, one)| container(name, one)).collect::<Result<_, _>>()?;
    Ok(call
        .network_mode(NetworkMode::Awsvpc)
        .requires_compatibilities(Compatibility::Fargate)
        .runtime_platform(platform.build())
        .cpu(spec.cpu_units.to_string())
        .memory(spec.memory_mib.to_string())
        .execution_role_arn(&spec.execution_role_arn)
        .task_role_arn(&spec.task_role_arn)
        .set_volumes(some(volumes))
        .set_container_definitions(Some(containers)))
}

/// The containers, each after those that it depends on; among equals, by name. An emulator starts them in this order and
/// knows no other. What depends on itself comes last, for ECS to refuse.
pub(super) fn in_order(
    containers: &BTreeMap<String, ContainerDefinition>,
) -> Vec<(&String, &ContainerDefinition)> {
    let mut placed = BTreeSet::new();
    let mut ordered = Vec::with_capacity(containers.len());
    while let Some((name, next)) = containers.iter().find(|(name, one)| {
        let open = |other: &String| containers.contains_key(other) && !placed.contains(other);
        !placed.contains(*name) && !one.depends_on.keys().any(open)
    }) {
        placed.insert(name);
        ordered.push((name, next));
    }
    ordered.extend(containers.iter().filter(|(name, _)| !placed.contains(name)));
    ordered
}

/// An empty list is not sent.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn volume(name: &str, volume: &Volume) -> Result<types::Volume, BuildError> {
    let efs = volume.efs_volume_configuration.as_ref().map(efs).transpose()?;
    Ok(types::Volume::builder().name(name).set_efs_volume_configuration(efs).build())
}

fn efs(efs: &EfsVolumeConfiguration) -> Result<types::EfsVolumeConfiguration, BuildError> {
    let authorization = EfsAuthorizationConfig::builder()
        .set_access_point_id(efs.access_point_id.clone())
        .iam(EfsAuthorizationConfigIam::from(efs.iam.as_str()));
    types::EfsVolumeConfiguration::builder()
        .file_system_id(&efs.file_system_id)
        .transit_encryption(EfsTransitEncryption::from(efs.transit_encryption.as_str()))
        .authorization_config(authorization.build())
        .build()
}

fn container(name: &str, container: &ContainerDefinition) -> Result<types::ContainerDefinition, BuildError> {
    let variable = |(name, value)| KeyValuePair::builder().name(name).value(value).build();
    let secret = |(name, from)| Secret::builder().name(name).value_from(from).build();
    let secrets: Vec<_> = container.secrets.iter().map(secret).collect::<Result<_, _>>()?;
    let health_check = container.health_check.as_ref().map(health_check).transpose()?;
    let log_configuration = container.log_configuration.as_ref().map(log_configuration).transpose()?;
    Ok(types::ContainerDefinition::builder()
        .name(name)
        .image(&container.image)
        .essential(container.essential)
        .set_user(container.user.clone())
        .set_entry_point(some(container.entry_point.clone()))
        .set_command(some(container.command.clone()))
        .set_working_directory(container.working_directory.clone())
        .set_environment(some(container.environment.iter().map(variable).collect()))
        .set_secrets(some(secrets))
        .set_port_mappings(some(container.port_mappings.iter().map(port).collect()))
        .set_mount_points(some(container.mount_points.iter().map(mount_point).collect()))
        .set_depends_on(some(depends_on(container)?))
        .set_health_check(health_check)
        .readonly_root_filesystem(container.readonly_root_filesystem)
        .set_linux_parameters(linux_parameters(&container.linux_parameters))
        .set_log_configuration(log_configuration)
        .set_stop_timeout(container.stop_timeout_seconds)
        .set_restart_policy(container.restart_policy.as_ref().map(restart_policy).transpose()?)
        .set_ulimits(some(ulimits(container)?))
        .build())
}

fn port(port: &PortMapping) -> types::PortMapping {
    types::PortMapping::builder()
        .container_port(port.container_port)
        .host_port(port.container_port)
        .protocol(types::TransportProtocol::from(port.protocol.as_str()))
        .build()
}

fn mount_point(point: &MountPoint) -> types::MountPoint {
    types::MountPoint::builder()
        .source_volume(&point.source_volume)
        .container_path(&point.container_path)
        .read_only(point.read_only)
        .build()
}

fn depends_on(container: &ContainerDefinition) -> Result<Vec<types::ContainerDependency>, BuildError> {
    let dependencies = container.depends_on.iter().map(|(name, condition)| {
        types::ContainerDependency::builder()
            .container_name(name)
            .condition(types::ContainerCondition::from(condition.as_str()))
            .build()
    });
    dependencies.collect()
}

fn health_check(check: &HealthCheck) -> Result<types::HealthCheck, BuildError> {
    types::HealthCheck::builder()
        .set_command(Some(check.command.clone()))
        .interval(check.interval_seconds)
        .timeout(check.timeout_seconds)
        .retries(check.retries)
        .start_period(check.start_period_seconds)
        .build()
}

fn restart_policy(policy: &RestartPolicy) -> Result<types::ContainerRestartPolicy, BuildError> {
    types::ContainerRestartPolicy::builder()
        .enabled(true)
        .restart_attempt_period(policy.restart_attempt_period_seconds)
        .build()
}

fn linux_parameters(parameters: &LinuxParameters) -> Option<types::LinuxParameters> {
    let list = |set: &BTreeSet<String>| some(set.iter().cloned().collect());
    let capabilities = types::KernelCapabilities::builder()
        .set_add(list(&parameters.capabilities.add))
        .set_drop(list(&parameters.capabilities.drop));
    let written = types::LinuxParameters::builder()
        .capabilities(capabilities.build())
        .init_process_enabled(parameters.init_process_enabled);
    (*parameters != LinuxParameters::default()).then(|| written.build())
}

fn log_configuration(log: &LogConfiguration) -> Result<types::LogConfiguration, BuildError> {
    types::LogConfiguration::builder()
        .log_driver(types::LogDriver::from(log.log_driver.as_str()))
        .set_options(Some(log.options.clone().into_iter().collect()))
        .build()
}

fn ulimits(container: &ContainerDefinition) -> Result<Vec<types::Ulimit>, BuildError> {
    let limits = container.ulimits.iter().map(|(name, limit)| {
        types::Ulimit::builder()
            .name(UlimitName::from(name.as_str()))
            .soft_limit(limit.soft_limit)
            .hard_limit(limit.hard_limit)
            .build()
    });
    limits.collect()
}
