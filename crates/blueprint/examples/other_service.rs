//! The first source document's "other service": a client of EventStoreDB on Fargate, in EventStoreDB's cluster, that opens the
//! port from its side. `stack` is all that such a service needs; `main` shows that the stack `eventstore` stays as it is.
//!
//! In the crate it would be `crates/blueprint/src/reports.rs`, where most of the handles are there already. It is for
//! `egress = "public-ip"`; with `"nat"` its task runs in the private subnets, and there are no interface endpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use aws_ecs::{
    Cluster, ContainerDefinition, CpuArchitecture, LinuxParameters, LogConfiguration, LogMode, Service,
    ServiceSpec, Services, Switch, TaskDefinition, TaskDefinitionSpec, TaskDefinitions,
};
use aws_iam::{Role, RoleSpec, Roles};
use aws_network::{Port, SecurityGroup, SecurityGroupSpec, SecurityGroups, Subnet, Vpc};
use aws_observability::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups};
use aws_secrets::Secret;
use blueprint::{EVENTSTORE, Error, PACKAGES, address, blueprint, configuration::Configuration, stack::node};
use resource::{Graph, Key, Node, Scope};

const STACK: &str = "reports";
const IMAGE: &str = "registry.example.com/reports:1.0.0";

/// The stack `reports`: a service that reads EventStoreDB, and its way there.
pub(crate) fn stack(scope: &Scope) -> Result<Vec<Node>, Error> {
    let group = SecurityGroup::new(scope, &Key::new(STACK, "security-group")?, STACK);
    let mut nodes = connections(scope, &group)?;
    let ways: Vec<Key> = nodes.iter().map(|node| node.key.clone()).collect();
    nodes.extend(task(scope)?);
    nodes.push(service(scope, &group)?.after(&ways));
    Ok(nodes)
}

/// The security group, and whereto it may connect. Both rules of each connection are of this stack: that which lets the service
/// out, and that which lets it in at the other end.
fn connections(scope: &Scope, group: &SecurityGroup) -> Result<Vec<Node>, Error> {
    let vpc = Vpc::new(&Key::new(Key::STATEFUL, "vpc")?);
    let eventstore = SecurityGroup::new(scope, &Key::new(EVENTSTORE, "security-group")?, EVENTSTORE);
    // By these ECS reads the secrets for the task.
    let endpoints = SecurityGroup::new(scope, &Key::new("network", "endpoints-security-group")?, "endpoints");
    let own = group.connections();
    let rules = [
        own.allow_to(&eventstore.connections(), Port::tcp(2113), STACK)?,
        own.allow_to(&endpoints.connections(), Port::tcp(443), STACK)?,
        // To its image's registry, and to its log.
        own.allow_to_cidr("0.0.0.0/0".parse()?, Port::tcp(443))?,
    ];
    let spec = SecurityGroupSpec::new(vpc.id(), "Who writes the reports.");
    let mut nodes = vec![node::<SecurityGroups>(group.key(), Some(group.name()), &spec)?];
    for rule in rules.into_iter().flatten() {
        let key = rule.key.clone();
        nodes.push(rule.node().map_err(|source| Error::Spec { key, source })?);
    }
    Ok(nodes)
}

/// The task definition, its roles and its log. The passwords are ECS's to read: the service itself may do nothing on AWS.
fn task(scope: &Scope) -> Result<Vec<Node>, Error> {
    let secret = |name: &str, suffix: &str| {
        Ok::<_, Error>(Secret::new(scope, &Key::new(Key::STATEFUL, name)?, suffix))
    };
    let password = secret("eventstore-ops-password", "eventstore/ops-password")?;
    let trust = secret("eventstore-trust", "eventstore/trust")?;
    let log_group = LogGroup::new(scope, STACK);
    let (execution, own) = (Role::new(scope, "reports-execution"), Role::new(scope, "reports-task"));
    let role = |description| RoleSpec::for_service("ecs-tasks.amazonaws.com", scope, description);
    let mut execution_spec = role("ECS, for the reports' task: reads its secrets, writes its log.");
    password.grant_read(&mut execution_spec);
    trust.grant_read(&mut execution_spec);
    log_group.grant_write(&mut execution_spec);

    let logs = LogConfiguration::awslogs(log_group.name(), &scope.region, STACK, LogMode::NonBlocking);
    let container = ContainerDefinition {
        user: Some("1000:1000".to_owned()),
        environment: BTreeMap::from([
            ("EVENTSTORE_ADDRESS".to_owned(), address(scope)?),
            // A renewal of the certificate is another version of what to trust: a change of this, by which the task is
            // replaced in the same deploy.
            ("EVENTSTORE_TRUST_VERSION".to_owned(), trust.version()),
        ]),
        secrets: BTreeMap::from([
            ("EVENTSTORE_PASSWORD".to_owned(), password.arn()),
            ("EVENTSTORE_TRUST".to_owned(), trust.arn()),
        ]),
        readonly_root_filesystem: true,
        linux_parameters: LinuxParameters::default().dropping_all_but(&[]),
        log_configuration: Some(logs),
        ..ContainerDefinition::new(IMAGE)
    };
    let definition = TaskDefinition::new(scope, &Key::new(STACK, "task-definition")?, STACK);
    let definition_spec = TaskDefinitionSpec {
        cpu_units: 256,
        memory_mib: 512,
        cpu_architecture: CpuArchitecture::Arm64,
        execution_role_arn: execution.arn(),
        task_role_arn: own.arn(),
        volumes: BTreeMap::new(),
        container_definitions: BTreeMap::from([(STACK.to_owned(), container)]),
    };
    let log_group_spec = LogGroupSpec {
        retention_in_days: Some(30),
        kms_key_id: None,
        log_group_class: LogGroupClass::Standard,
    };
    let key = |name: &str| Key::new(STACK, name);
    let (log_group_key, execution_key, own_key) =
        (key("log-group")?, key("execution-role")?, key("task-role")?);
    Ok(vec![
        node::<LogGroups>(&log_group_key, Some(log_group.name()), &log_group_spec)?,
        node::<Roles>(&execution_key, Some(execution.name()), &execution_spec)?,
        node::<Roles>(&own_key, Some(own.name()), &role("The reports."))?,
        // What a spec names by its ARN comes first; what it refers to does so by itself.
        node::<TaskDefinitions>(&key("task-definition")?, Some(definition.family()), &definition_spec)?
            .after([&log_group_key, &execution_key, &own_key]),
    ])
}

/// The service, in EventStoreDB's cluster: a new task is there before the old one goes.
fn service(scope: &Scope, group: &SecurityGroup) -> Result<Node, Error> {
    let cluster = Cluster::new(scope, EVENTSTORE);
    let definition = TaskDefinition::new(scope, &Key::new(STACK, "task-definition")?, STACK);
    let subnet = Subnet::new(&Key::new(Key::STATEFUL, "public-subnet-1")?);
    let spec = ServiceSpec {
        assign_public_ip: Switch::Enabled,
        ..ServiceSpec::rolling(&cluster, definition.arn(), [subnet.id()], [group.id()], 1)
    };
    let service = Service::new(scope, &cluster, STACK);
    let after = [Key::new(EVENTSTORE, "cluster")?, Key::new(EVENTSTORE, "service")?];
    Ok(node::<Services>(&Key::new(STACK, "service")?, Some(service.name()), &spec)?.after(&after))
}

/// What a graph has of a stack.
fn of(graph: &Graph, stack: &str) -> Vec<Node> {
    graph.nodes().filter(|node| node.key.stack() == stack).cloned().collect()
}

/// The blueprint of an environment with the service in it: the stack of the server is the same to the letter.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = "[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n";
    let environment = Configuration::parse(text, Path::new("headwater.toml"))?.environment("dev")?;
    let packages: BTreeMap<String, String> =
        PACKAGES.map(|name| (name.to_owned(), "a hash".to_owned())).into();
    let before = blueprint(&environment, &packages)?;
    let ours = stack(&before.scope)?;
    let after = Graph::new(before.scope.clone(), packages, before.nodes().cloned().chain(ours))?;
    assert_eq!(of(&before, EVENTSTORE), of(&after, EVENTSTORE));

    // The rules of the connection belong to the client, and wait for both groups.
    let ingress = "reports/reports-to-eventstore-2113-ingress".parse()?;
    let ingress = after.get(&ingress).ok_or("EventStoreDB lets nobody in")?;
    assert_eq!(ingress.spec["groupId"], "${eventstore/security-group}");
    let groups = ["eventstore/security-group".parse()?, "reports/security-group".parse()?];
    assert!(BTreeSet::from(groups).is_subset(&ingress.depends_on.iter().cloned().collect()));
    Ok(())
}
