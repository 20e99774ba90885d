//! The stack `eventstore`: EventStoreDB on Fargate, found by name. It can be destroyed and deployed again: data, logs,
//! passwords and certificate are in `stateful`.

mod release;
mod task;

use std::collections::BTreeSet;

use aws_cloudmap::{
    Namespace, NamespaceSpec, Namespaces, Service as CloudMapService, ServiceSpec as CloudMapServiceSpec,
    Services as CloudMapServices,
};
use aws_ecs::{
    Cluster, ClusterSpec, Clusters, ContainerInsights, Service, ServiceSpec, Services, TaskDefinition,
    TaskDefinitions,
};
use aws_efs::{AccessPoint, FileSystem};
use aws_iam::{Role, RoleSpec, Roles, ServiceLinkedRoleSpec, ServiceLinkedRoles, service_linked_role_key};
use aws_network::{Connections, Port, SecurityGroup};
use aws_observability::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups};
use aws_secrets::Secret;
use resource::{Key, Node, Scope};

pub use release::Release;
pub(crate) use task::PORT;

use crate::configuration::{Environment, TlsMode};
use crate::network::{Network, rules};
use crate::secrets::EventStoreSecrets;
use crate::stack::node;
use crate::storage::{NFS, Storage};
use crate::{EVENTSTORE, Error};

/// The stack's name, and what the physical names in it end in.
const STACK: &str = EVENTSTORE;

/// What the task definition is made of.
pub(crate) struct Parts {
    pub(crate) region: String,
    pub(crate) host_name: String,
    pub(crate) file_system: FileSystem,
    pub(crate) data: AccessPoint,
    pub(crate) logs: AccessPoint,
    pub(crate) admin_password: Secret,
    pub(crate) ops_password: Secret,
    pub(crate) certificate: Secret,
    pub(crate) log_group: LogGroup,
    pub(crate) execution_role: Role,
    pub(crate) task_role: Role,
}

/// What the other stacks may refer to.
pub(crate) struct EventStore {
    /// Whoever connects to the server asks these.
    pub(crate) group: SecurityGroup,
    pub(crate) cluster: Cluster,
    pub(crate) service: Service,
    pub(crate) log_group: LogGroup,
    pub(crate) namespace: Namespace,
    /// The service of Cloud Map that tells where the task is.
    pub(crate) found_by: CloudMapService,
}

impl EventStore {
    /// The resources by their keys and names alone.
    pub(crate) fn new(scope: &Scope) -> Result<Self, Error> {
        let cluster = Cluster::new(scope, STACK);
        let namespace = Namespace::new(scope, &Key::new(STACK, "namespace")?);
        Ok(Self {
            found_by: CloudMapService::new(&namespace, &Key::new(STACK, "discovery")?, EVENTSTORE),
            namespace,
            group: SecurityGroup::new(scope, &Key::new(STACK, "security-group")?, STACK),
            service: Service::new(scope, &cluster, STACK),
            cluster,
            log_group: LogGroup::new(scope, STACK),
        })
    }

    /// What connects to the server, and to what it connects.
    pub(crate) fn connections(&self) -> Connections {
        self.group.connections()
    }
}

/// What clients connect to: `eventstore.headwater-prod.internal`.
///
/// # Errors
/// [`Error::Key`], which the keys of this stack do not meet.
pub fn host_name(scope: &Scope) -> Result<String, Error> {
    Ok(EventStore::new(scope)?.found_by.dns_name())
}

/// Where clients connect to: the name with the port.
///
/// # Errors
/// As [`host_name`].
pub fn address(scope: &Scope) -> Result<String, Error> {
    Ok(format!("{}:{PORT}", host_name(scope)?))
}

pub(crate) fn stack(
    scope: &Scope,
    environment: &Environment,
    network: &Network,
    ways: &BTreeSet<Key>,
    storage: &Storage,
    secrets: &EventStoreSecrets,
    eventstore: &EventStore,
) -> Result<Vec<Node>, Error> {
    let parts = Parts {
        region: scope.region.clone(),
        host_name: eventstore.found_by.dns_name(),
        file_system: storage.file_system.clone(),
        data: storage.data.clone(),
        logs: storage.logs.clone(),
        admin_password: secrets.admin_password.clone(),
        ops_password: secrets.ops_password.clone(),
        certificate: secrets.certificate.clone(),
        log_group: eventstore.log_group.clone(),
        execution_role: Role::new(scope, "eventstore-execution"),
        task_role: Role::new(scope, "eventstore-task"),
    };
    let mut nodes = connections(environment, network, storage, eventstore)?;
    // The task cannot start before it can reach what it needs: ways, mount targets, permissions.
    let ways = ways.iter().chain(nodes.iter().map(|node| &node.key)).cloned().collect();
    nodes.extend(roles(scope, environment, &parts)?);
    nodes.extend(service(scope, environment, network, &ways, storage, eventstore, &parts)?);
    Ok(nodes)
}

fn connections(
    environment: &Environment,
    network: &Network,
    storage: &Storage,
    eventstore: &EventStore,
) -> Result<Vec<Node>, Error> {
    let own = eventstore.connections();
    let mut nodes = vec![network.security_group(&eventstore.group, "EventStoreDB.")?];
    nodes.extend(rules(own.allow_to(&storage.group.connections(), NFS, STACK)?)?);
    nodes.extend(network.allow_task(&own, STACK)?);
    for cidr in &environment.eventstore.admin_cidrs {
        nodes.extend(rules(own.allow_from_cidr(*cidr, Port::tcp(PORT))?)?);
    }
    Ok(nodes)
}

fn roles(scope: &Scope, environment: &Environment, parts: &Parts) -> Result<[Node; 2], Error> {
    let for_tasks = |description: &str| RoleSpec::for_service("ecs-tasks.amazonaws.com", scope, description);
    let mut execution = for_tasks("ECS, for EventStoreDB's task: reads its secrets, writes its log.");
    parts.log_group.grant_write(&mut execution);
    if environment.eventstore.tls != TlsMode::Off {
        parts.admin_password.grant_read(&mut execution);
        parts.ops_password.grant_read(&mut execution);
    }
    if environment.eventstore.tls == TlsMode::Managed {
        parts.certificate.grant_read(&mut execution);
    }
    let mut task = for_tasks("EventStoreDB's task: mounts its file system.");
    parts.file_system.grant_mount(&[&parts.data, &parts.logs], &mut task);
    if environment.eventstore.execute_command {
        aws_ecs::grant_execute_command(&mut task);
    }
    Ok([
        node::<Roles>(&Key::new(STACK, "execution-role")?, Some(parts.execution_role.name()), &execution)?,
        node::<Roles>(&Key::new(STACK, "task-role")?, Some(parts.task_role.name()), &task)?,
    ])
}

fn service(
    scope: &Scope,
    environment: &Environment,
    network: &Network,
    ways: &BTreeSet<Key>,
    storage: &Storage,
    eventstore: &EventStore,
    parts: &Parts,
) -> Result<Vec<Node>, Error> {
    let key = |name: &str| Key::new(STACK, name);
    let linked = service_linked_role_key("ecs")?;
    let (cluster_key, log_group_key, task_key) =
        (key("cluster")?, key("log-group")?, key("task-definition")?);
    let task = TaskDefinition::new(scope, &task_key, STACK);
    let EventStore { namespace, found_by, .. } = eventstore;
    let cluster = ClusterSpec { container_insights: ContainerInsights::Enabled, ..ClusterSpec::default() };
    let (subnets, public_ip) = network.of_tasks(environment);
    let spec = ServiceSpec {
        assign_public_ip: public_ip,
        service_registry_arn: Some(found_by.arn()),
        enable_execute_command: environment.eventstore.execute_command,
        ..ServiceSpec::single_writer(&eventstore.cluster, task.arn(), subnets, [eventstore.group.id()])
    };
    let log_group = LogGroupSpec {
        retention_in_days: Some(environment.eventstore.log_retention_days.into()),
        kms_key_id: None,
        log_group_class: LogGroupClass::Standard,
    };
    let roles = [key("execution-role")?, key("task-role")?];
    Ok(vec![
        node::<ServiceLinkedRoles>(&linked, None, &ServiceLinkedRoleSpec::new("ecs"))?,
        node::<LogGroups>(&log_group_key, Some(eventstore.log_group.name()), &log_group)?,
        node::<Clusters>(&cluster_key, Some(eventstore.cluster.name()), &cluster)?.after([&linked]),
        node::<Namespaces>(
            namespace.key(),
            Some(namespace.name()),
            &NamespaceSpec {
                vpc: network.vpc.id(),
                description: Some("Names of this environment's services.".to_owned()),
            },
        )?,
        node::<CloudMapServices>(
            found_by.key(),
            Some(found_by.name()),
            &CloudMapServiceSpec {
                description: Some("EventStoreDB's task.".to_owned()),
                ..CloudMapServiceSpec::of_tasks(namespace.id())
            },
        )?,
        node::<TaskDefinitions>(&task_key, Some(task.family()), &task::spec(environment, parts))?
            .after(&roles)
            .after([&log_group_key]),
        node::<Services>(&key("service")?, Some(eventstore.service.name()), &spec)?
            .after([&cluster_key, &linked, &storage.file_system.mount_targets_key()])
            .after(ways),
    ])
}
