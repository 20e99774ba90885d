//! The stack `gateway`: the reverse proxy that sends an event of each request to the queue, on Fargate. It is there where the
//! configuration asks for it, and no other stack knows of it.
//!
//! It can be destroyed and deployed again. What a task holds then that SQS has not taken goes with the task: it gives the
//! events away while it drains, for as long as ECS lets it.

use std::collections::{BTreeMap, BTreeSet};

use aws_cloudmap::{
    Service as CloudMapService, ServiceSpec as CloudMapServiceSpec, Services as CloudMapServices,
};
use aws_ecs::{
    Cluster, ClusterSpec, Clusters, ContainerDefinition, ContainerInsights, CpuArchitecture, HealthCheck,
    LinuxParameters, LogConfiguration, LogMode, MountPoint, PortMapping, RestartPolicy, Service, ServiceSpec,
    Services, TaskDefinition, TaskDefinitionSpec, TaskDefinitions, Ulimit, Volume, grant_execute_command,
};
use aws_iam::{Role, RoleSpec, Roles, service_linked_role_key};
use aws_network::{Port, SecurityGroup};
use aws_observability::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups};
use aws_sqs::Queue;
use resource::{Grantee, Key, Node, Scope, Statement};

use crate::configuration::{
    Architecture, Durability, Environment, GATEWAY_ADMIN_PORT, Gateway, GatewayCluster,
};
use crate::eventstore::EventStore;
use crate::network::{Network, rules};
use crate::stack::{Placed, node};
use crate::{Error, GATEWAY};

const STACK: &str = GATEWAY;
const CONTAINER: &str = GATEWAY;
/// Who the gateway runs as. The image gives the spool's directory to the same.
const USER: &str = "1000:1000";
/// The variable that holds the gateway's file.
const CONFIGURATION: &str = "HEADWATER_GATEWAY_CONFIG";
/// Where the spool is, which the image names as a volume: Fargate takes owner and permissions of a task's own volume from
/// that. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html>
const SPOOL: &str = "/var/lib/headwater/spool";

/// What the stack is made of, besides its own.
pub(crate) struct Upstream<'a> {
    pub(crate) queue: &'a Placed<Queue>,
    pub(crate) network: &'a Network,
    /// The keys of the ways out of the network: what needs one waits for all.
    pub(crate) ways: &'a BTreeSet<Key>,
    pub(crate) eventstore: &'a EventStore,
}

/// Where the gateway's clients connect: `http://gateway.headwater-prod.internal:8080`.
///
/// # Errors
/// [`Error::Key`], which the keys of this stack do not meet.
pub fn address(scope: &Scope, gateway: &Gateway) -> Result<String, Error> {
    let found_by = found_by(&EventStore::new(scope)?)?;
    Ok(format!("http://{}:{}", found_by.dns_name(), gateway.port))
}

/// The service in the cluster that it is to be in.
pub(crate) fn service(scope: &Scope, gateway: &Gateway, eventstore: &EventStore) -> Service {
    Service::new(scope, &cluster(scope, gateway, eventstore), STACK)
}

fn cluster(scope: &Scope, gateway: &Gateway, eventstore: &EventStore) -> Cluster {
    match gateway.cluster {
        GatewayCluster::Shared => eventstore.cluster.clone(),
        GatewayCluster::Own => Cluster::new(scope, STACK),
    }
}

/// The service of Cloud Map that tells where the tasks are, in the environment's one namespace.
fn found_by(eventstore: &EventStore) -> Result<CloudMapService, Error> {
    Ok(CloudMapService::new(&eventstore.namespace, &Key::new(STACK, "discovery")?, GATEWAY))
}

pub(crate) fn stack(
    scope: &Scope,
    environment: &Environment,
    gateway: &Gateway,
    upstream: &Upstream<'_>,
) -> Result<Vec<Node>, Error> {
    let group = SecurityGroup::new(scope, &Key::new(STACK, "security-group")?, STACK);
    let mut nodes = connections(gateway, upstream.network, &group)?;
    // The task cannot start before it can reach what it needs.
    let ways: BTreeSet<Key> =
        upstream.ways.iter().chain(nodes.iter().map(|node| &node.key)).cloned().collect();
    nodes.extend(task(scope, gateway, upstream)?);
    nodes.extend(tasks(scope, environment, gateway, upstream, &group, &ways)?);
    Ok(nodes)
}

/// Who may connect to the gateway, and where it may connect. All rules are of this stack.
fn connections(gateway: &Gateway, network: &Network, group: &SecurityGroup) -> Result<Vec<Node>, Error> {
    let own = group.connections();
    let mut nodes = vec![network.security_group(group, "The gateway.")?];
    nodes.extend(network.allow_task(&own, STACK)?);
    for (cidrs, port) in [(&gateway.client_cidrs, gateway.port), (&gateway.admin_cidrs, GATEWAY_ADMIN_PORT)] {
        for cidr in cidrs {
            nodes.extend(rules(own.allow_from_cidr(*cidr, Port::tcp(port))?)?);
        }
    }
    for upstream in &gateway.upstreams {
        nodes.extend(rules(own.allow_to_cidr(upstream.cidr, Port::tcp(upstream.port))?)?);
    }
    Ok(nodes)
}

/// The task definition with its roles and its log.
fn task(scope: &Scope, gateway: &Gateway, upstream: &Upstream<'_>) -> Result<Vec<Node>, Error> {
    let key = |name: &str| Key::new(STACK, name);
    let log_group = LogGroup::new(scope, STACK);
    let execution = Role::new(scope, "gateway-execution");
    let task = Role::new(scope, "gateway-task");
    let definition = TaskDefinition::new(scope, &key("task-definition")?, STACK);
    let spec = TaskDefinitionSpec {
        cpu_units: gateway.cpu_units.into(),
        memory_mib: gateway.memory_mib,
        cpu_architecture: match gateway.architecture {
            Architecture::Arm64 => CpuArchitecture::Arm64,
            Architecture::X86_64 => CpuArchitecture::X86_64,
        },
        execution_role_arn: execution.arn(),
        task_role_arn: task.arn(),
        volumes: match gateway.durability {
            Durability::Memory => BTreeMap::new(),
            Durability::Spool => BTreeMap::from([("spool".to_owned(), Volume::task_local())]),
        },
        container_definitions: BTreeMap::from([(
            CONTAINER.to_owned(),
            container(scope, gateway, &upstream.queue.handle, &log_group),
        )]),
    };
    let log_group_spec = LogGroupSpec {
        retention_in_days: Some(gateway.log_retention_days.into()),
        kms_key_id: None,
        log_group_class: LogGroupClass::Standard,
    };
    let (log_group_key, execution_key, task_key) =
        (key("log-group")?, key("execution-role")?, key("task-role")?);
    Ok(vec![
        node::<LogGroups>(&log_group_key, Some(log_group.name()), &log_group_spec)?,
        node::<Roles>(&execution_key, Some(execution.name()), &execution_role(scope, gateway, &log_group))?,
        node::<Roles>(&task_key, Some(task.name()), &task_role(scope, gateway, &upstream.queue.handle))?,
        node::<TaskDefinitions>(&key("task-definition")?, Some(definition.family()), &spec)?.after([
            &log_group_key,
            &execution_key,
            &task_key,
        ]),
    ])
}

/// What ECS may do for the task: write its log, and pull its image where that is a private one of ECR.
fn execution_role(scope: &Scope, gateway: &Gateway, log_group: &LogGroup) -> RoleSpec {
    let description = "ECS, for the gateway's task: pulls its image, writes its log.";
    let mut role = RoleSpec::for_service("ecs-tasks.amazonaws.com", scope, description);
    log_group.grant_write(&mut role);
    if let Some(repository) = gateway.ecr_repository() {
        // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html
        let layers = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
        role.grant(Statement::allow("", layers, [repository.arn(scope)]));
        role.grant(Statement::allow("", ["ecr:GetAuthorizationToken"], ["*"]));
    }
    role
}

/// What the gateway itself may do: send to the one queue, and nothing more.
fn task_role(scope: &Scope, gateway: &Gateway, queue: &Queue) -> RoleSpec {
    let description = "The gateway: sends an event of each request to the event queue.";
    let mut role = RoleSpec::for_service("ecs-tasks.amazonaws.com", scope, description);
    queue.grant_send(&mut role);
    if gateway.execute_command {
        grant_execute_command(&mut role);
    }
    role
}

fn container(scope: &Scope, gateway: &Gateway, queue: &Queue, log_group: &LogGroup) -> ContainerDefinition {
    let mount =
        MountPoint { container_path: SPOOL.to_owned(), source_volume: "spool".to_owned(), read_only: false };
    ContainerDefinition {
        user: Some(USER.to_owned()),
        // Fargate has no files to give to a container, so the shell gives it one, and makes room for the gateway, so that
        // signals reach that.
        entry_point: vec!["sh".to_owned(), "-c".to_owned()],
        command: vec![format!("exec gateway /dev/stdin <<FILE\n${CONFIGURATION}\nFILE\n")],
        environment: variables(scope, gateway, queue),
        port_mappings: [gateway.port, GATEWAY_ADMIN_PORT].map(|port| PortMapping::tcp(port.into())).into(),
        mount_points: match gateway.durability {
            Durability::Memory => BTreeSet::new(),
            Durability::Spool => BTreeSet::from([mount]),
        },
        health_check: Some(health_check()),
        // The agent of ECS Exec writes to it:
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec-considerations.html
        readonly_root_filesystem: !gateway.execute_command,
        linux_parameters: LinuxParameters::default().dropping_all_but(&[]),
        log_configuration: Some(LogConfiguration::awslogs(
            log_group.name(),
            &scope.region,
            STACK,
            LogMode::NonBlocking,
        )),
        // What is under way is answered and what waits is sent, at most for the longest that Fargate has.
        stop_timeout_seconds: Some(120),
        // A spool outlives a process that dies, if the task does.
        restart_policy: Some(RestartPolicy { restart_attempt_period_seconds: 60 }),
        ulimits: BTreeMap::from([("nofile".to_owned(), Ulimit { soft_limit: 65_536, hard_limit: 65_536 })]),
        ..ContainerDefinition::new(&gateway.image)
    }
}

/// What the gateway is told at its start.
fn variables(scope: &Scope, gateway: &Gateway, queue: &Queue) -> BTreeMap<String, String> {
    let variables = [
        ("AWS_REGION", scope.region.clone()),
        ("HEADWATER_QUEUE_URL", queue.url()),
        (CONFIGURATION, configuration(gateway)),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The routes file with what the task settles in place of what it says: where to listen, and where events wait.
fn configuration(gateway: &Gateway) -> String {
    let mut file = gateway.routes.clone();
    file.insert("listen".to_owned(), format!("0.0.0.0:{}", gateway.port).into());
    file.insert("admin".to_owned(), format!("0.0.0.0:{GATEWAY_ADMIN_PORT}").into());
    let events = file.entry("events").or_insert_with(|| toml::Table::new().into());
    // A file whose `events` are no table is the gateway's to refuse.
    if let Some(events) = events.as_table_mut() {
        events.remove("spool_directory");
        let durability = match gateway.durability {
            Durability::Memory => "memory",
            Durability::Spool => {
                events.insert("spool_directory".to_owned(), SPOOL.into());
                "spool"
            }
        };
        events.insert("durability".to_owned(), durability.into());
    }
    file.to_string()
}

/// Whether the process answers. Whether SQS does is no reason to replace it.
fn health_check() -> HealthCheck {
    HealthCheck {
        command: vec![
            "CMD-SHELL".to_owned(),
            format!(
                "curl --silent --fail --max-time 4 http://localhost:{GATEWAY_ADMIN_PORT}/health/live || exit 1"
            ),
        ],
        interval_seconds: 10,
        timeout_seconds: 5,
        retries: 3,
        start_period_seconds: 30,
    }
}

/// The service that runs the tasks, where it runs them and under which name.
fn tasks(
    scope: &Scope,
    environment: &Environment,
    gateway: &Gateway,
    upstream: &Upstream<'_>,
    group: &SecurityGroup,
    ways: &BTreeSet<Key>,
) -> Result<Vec<Node>, Error> {
    let key = |name: &str| Key::new(STACK, name);
    let linked = service_linked_role_key("ecs")?;
    let EventStore { namespace, .. } = upstream.eventstore;
    let (cluster, found_by) = (cluster(scope, gateway, upstream.eventstore), found_by(upstream.eventstore)?);
    let definition = TaskDefinition::new(scope, &key("task-definition")?, STACK);
    let mut nodes = Vec::new();
    let cluster_key = match gateway.cluster {
        GatewayCluster::Shared => Key::new(crate::EVENTSTORE, "cluster")?,
        GatewayCluster::Own => {
            let spec =
                ClusterSpec { container_insights: ContainerInsights::Enabled, ..ClusterSpec::default() };
            nodes.push(node::<Clusters>(&key("cluster")?, Some(cluster.name()), &spec)?.after([&linked]));
            key("cluster")?
        }
    };
    let (subnets, public_ip) = upstream.network.of_tasks(environment);
    let spec = ServiceSpec {
        assign_public_ip: public_ip,
        service_registry_arn: Some(found_by.arn()),
        enable_execute_command: gateway.execute_command,
        ..ServiceSpec::rolling(
            &cluster,
            definition.arn(),
            subnets,
            [group.id()],
            gateway.desired_count.into(),
        )
    };
    let discovery = CloudMapServiceSpec {
        description: Some("The gateway's tasks.".to_owned()),
        ..CloudMapServiceSpec::of_tasks(namespace.id())
    };
    let service = Service::new(scope, &cluster, STACK);
    nodes.extend([
        node::<CloudMapServices>(found_by.key(), Some(found_by.name()), &discovery)?,
        // What it sends to is there before anybody sends.
        node::<Services>(&key("service")?, Some(service.name()), &spec)?
            .after([&cluster_key, &linked, &upstream.queue.key])
            .after(ways),
    ]);
    Ok(nodes)
}
