//! The stack `relay`: the function that moves events from the journal's stream to EventStoreDB. It is a client of the
//! stack `eventstore`: whatever lets it in there belongs to this stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_iam::{Role, RoleSpec, Roles};
use aws_lambda::{
    EventSourceMappingSpec, EventSourceMappings, Function, FunctionSpec, Functions, LogFormat, LoggingConfig,
    StartingPosition, StreamOptions, SystemLogLevel, TracingMode, VpcConfig, grant_vpc_access,
};
use aws_network::{Port, SecurityGroup};
use aws_observability::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups};
use resource::{Key, Node, Scope};

use crate::configuration::{Environment, TlsMode};
use crate::eventstore::{EventStore, PORT};
use crate::network::{Network, ids, rules};
use crate::secrets::EventStoreSecrets;
use crate::stack::node;
use crate::stateful::Stateful;
use crate::{Error, RELAY};

/// 20 hours: the stream forgets after 24, and what is older is replayed from the journal. Lambda gives up on a record
/// before the stream does, so that the failure is told of.
const MAXIMUM_RECORD_AGE_SECONDS: i32 = 20 * 60 * 60;
/// Again until it succeeds or is too old.
const WITHOUT_LIMIT: i32 = -1;

/// What the stack is made of, besides its own.
pub(crate) struct Upstream<'a> {
    pub(crate) stateful: &'a Stateful,
    pub(crate) network: &'a Network,
    /// The keys of the ways out of the network: what needs one waits for all.
    pub(crate) ways: &'a BTreeSet<Key>,
    pub(crate) secrets: &'a EventStoreSecrets,
    pub(crate) eventstore: &'a EventStore,
}

pub(crate) fn stack(
    scope: &Scope,
    environment: &Environment,
    packages: &BTreeMap<String, String>,
    upstream: &Upstream<'_>,
) -> Result<Vec<Node>, Error> {
    let code_sha256 = packages.get(RELAY).ok_or(Error::Package(RELAY))?;
    let key = |name| Key::new(RELAY, name);
    let (log_group_key, role_key, function_key) = (key("log-group")?, key("role")?, key("function")?);
    let (log_group, role, function) =
        (LogGroup::new(scope, RELAY), Role::new(scope, RELAY), Function::new(scope, RELAY));
    let group = SecurityGroup::new(scope, &key("security-group")?, RELAY);
    let mut ways =
        rules(group.connections().allow_to(&upstream.eventstore.connections(), Port::tcp(PORT), RELAY)?)?;
    ways.extend(upstream.network.allow_to_services(&group.connections(), RELAY)?);
    let mut ways_keys = upstream.ways.clone();
    ways_keys.extend(ways.iter().map(|node| node.key.clone()));

    let mut nodes = vec![upstream.network.security_group(&group, "The relay function.")?];
    nodes.extend(ways);
    nodes.extend([
        node::<LogGroups>(
            &log_group_key,
            Some(log_group.name()),
            &LogGroupSpec {
                retention_in_days: Some(environment.relay.log_retention_days.into()),
                kms_key_id: None,
                log_group_class: LogGroupClass::Standard,
            },
        )?,
        node::<Roles>(&role_key, Some(role.name()), &role_spec(scope, environment, upstream, &log_group))?,
        node::<Functions>(
            &function_key,
            Some(function.name()),
            &FunctionSpec {
                description: "Appends the events of the journal to EventStoreDB.".to_owned(),
                role_arn: role.arn(),
                runtime: "provided.al2023".to_owned(),
                handler: "bootstrap".to_owned(),
                architecture: environment.ingest.architecture.into(),
                code_sha256: code_sha256.clone(),
                memory_size_mib: environment.relay.memory_mib.into(),
                timeout_seconds: environment.relay.timeout_seconds.into(),
                ephemeral_storage_size_mib: 512,
                environment: variables(environment, upstream),
                logging_config: LoggingConfig {
                    log_group: log_group.name().to_owned(),
                    log_format: LogFormat::Json,
                    application_log_level: Some(environment.relay.log_level.into()),
                    system_log_level: Some(SystemLogLevel::Info),
                },
                tracing_mode: TracingMode::PassThrough,
                reserved_concurrent_executions: None,
                vpc_config: Some(VpcConfig {
                    subnet_ids: ids(&upstream.network.private),
                    security_group_ids: BTreeSet::from([group.id()]),
                }),
            },
        )?
        .after([&role_key, &log_group_key]),
        // Events flow from the moment it is there, so all that they flow through comes first.
        node::<EventSourceMappings>(
            &key("event-source-mapping")?,
            None,
            &mapping_spec(environment, upstream, &function),
        )?
        .after([
            &function_key,
            &upstream.stateful.relay_failures.key,
            &Key::new(crate::EVENTSTORE, "service")?,
        ])
        .after(&ways_keys),
    ]);
    Ok(nodes)
}

/// The function's role: exactly what it does, on exactly what it does it to.
fn role_spec(
    scope: &Scope,
    environment: &Environment,
    upstream: &Upstream<'_>,
    log_group: &LogGroup,
) -> RoleSpec {
    let description = "The relay function: from the journal's stream to EventStoreDB.";
    let mut role = RoleSpec::for_service("lambda.amazonaws.com", scope, description);
    upstream.stateful.journal.handle.grant_read_stream(&mut role);
    upstream.stateful.relay_failures.handle.grant_send(&mut role);
    if environment.eventstore.tls != TlsMode::Off {
        upstream.secrets.admin_password.grant_read(&mut role);
    }
    if environment.eventstore.tls == TlsMode::Managed {
        upstream.secrets.trust.grant_read(&mut role);
    }
    grant_vpc_access(&mut role);
    log_group.grant_write(&mut role);
    role
}

/// What the function reads at its start. Lambda itself sets `AWS_REGION` and the log level.
fn variables(environment: &Environment, upstream: &Upstream<'_>) -> BTreeMap<String, String> {
    let name = upstream.eventstore.found_by.dns_name();
    let tls = match environment.eventstore.tls {
        TlsMode::Managed => "true",
        TlsMode::Ephemeral => "unverified",
        TlsMode::Off => "false",
    };
    let mut variables = vec![
        ("HEADWATER_ENVIRONMENT", environment.name.to_string()),
        ("HEADWATER_EVENTSTORE_TLS", tls.to_owned()),
        ("HEADWATER_FAILURE_QUEUE_URL", upstream.stateful.relay_failures.handle.url()),
    ];
    match &environment.local_eventstore {
        None => variables.push(("HEADWATER_EVENTSTORE_ADDRESS", format!("{name}:{PORT}"))),
        Some(address) => variables.extend([
            ("HEADWATER_EVENTSTORE_ADDRESS", address.to_string()),
            ("HEADWATER_EVENTSTORE_SERVER_NAME", name),
        ]),
    }
    if environment.eventstore.tls != TlsMode::Off {
        variables.push(("HEADWATER_EVENTSTORE_PASSWORD_SECRET", upstream.secrets.admin_password.arn()));
    }
    if environment.eventstore.tls == TlsMode::Managed {
        variables.push(("HEADWATER_EVENTSTORE_TRUST_SECRET", upstream.secrets.trust.arn()));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn mapping_spec(
    environment: &Environment,
    upstream: &Upstream<'_>,
    function: &Function,
) -> EventSourceMappingSpec {
    EventSourceMappingSpec {
        function_arn: function.arn(),
        event_source_arn: upstream.stateful.journal.stream_arn(),
        batch_size: environment.relay.batch_size.into(),
        maximum_batching_window_in_seconds: environment.relay.batching_window_seconds.into(),
        maximum_concurrency: None,
        function_response_types: BTreeSet::new(),
        filter_patterns: BTreeSet::new(),
        enabled: true,
        stream: Some(StreamOptions {
            starting_position: StartingPosition::TrimHorizon,
            bisect_batch_on_function_error: true,
            maximum_record_age_in_seconds: MAXIMUM_RECORD_AGE_SECONDS,
            maximum_retry_attempts: WITHOUT_LIMIT,
            parallelization_factor: 1,
            on_failure_destination_arn: Some(upstream.stateful.relay_failures.handle.arn()),
        }),
    }
}
