//! The stack `ingest`: the function that moves events from the queue to the journal, and what it runs with.

use std::collections::{BTreeMap, BTreeSet};

use aws_iam::{Role, RoleSpec, Roles};
use aws_lambda::{
    ApplicationLogLevel, Architecture, EventSourceMappingSpec, EventSourceMappings, Function,
    FunctionResponseType, FunctionSpec, Functions, LogFormat, LoggingConfig, SystemLogLevel, TracingMode,
};
use aws_observability::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups};
use resource::{Key, Node, Scope};

use crate::configuration::{self, Environment};
use crate::stack::node;
use crate::stateful::Stateful;
use crate::{Error, INGEST};

pub(crate) fn stack(
    scope: &Scope,
    environment: &Environment,
    packages: &BTreeMap<String, String>,
    stateful: &Stateful,
) -> Result<Vec<Node>, Error> {
    let code_sha256 = packages.get(INGEST).ok_or(Error::Package(INGEST))?;
    let key = |name| Key::new(INGEST, name);
    let (log_group_key, role_key, function_key) = (key("log-group")?, key("role")?, key("function")?);
    let log_group = LogGroup::new(scope, INGEST);
    let role = Role::new(scope, INGEST);
    let function = Function::new(scope, INGEST);
    Ok(vec![
        node::<LogGroups>(
            &log_group_key,
            Some(log_group.name()),
            &LogGroupSpec {
                retention_in_days: Some(environment.ingest.log_retention_days.into()),
                kms_key_id: None,
                log_group_class: LogGroupClass::Standard,
            },
        )?,
        node::<Roles>(&role_key, Some(role.name()), &role_spec(scope, stateful, &log_group))?,
        // The log group comes first: Lambda would make one of its own, which keeps everything for ever.
        node::<Functions>(
            &function_key,
            Some(function.name()),
            &FunctionSpec {
                description: "Stores the events of the queue in the journal.".to_owned(),
                role_arn: role.arn(),
                runtime: "provided.al2023".to_owned(),
                handler: "bootstrap".to_owned(),
                architecture: environment.ingest.architecture.into(),
                code_sha256: code_sha256.clone(),
                memory_size_mib: environment.ingest.memory_mib.into(),
                timeout_seconds: environment.ingest.timeout_seconds.into(),
                ephemeral_storage_size_mib: 512,
                environment: variables(environment, stateful),
                logging_config: logging_config(environment, &log_group),
                tracing_mode: TracingMode::PassThrough,
                reserved_concurrent_executions: None,
                vpc_config: None,
            },
        )?
        .after([&role_key, &log_group_key]),
        // Events flow from the moment it is there, so all that they flow through comes first.
        node::<EventSourceMappings>(
            &key("event-source-mapping")?,
            None,
            &mapping_spec(environment, stateful, &function),
        )?
        .after([
            &function_key,
            &stateful.queue.key,
            &stateful.dead_letter_queue.key,
            &stateful.journal.key,
        ]),
    ])
}

/// The function's role: exactly what it does, on exactly what it does it to.
fn role_spec(scope: &Scope, stateful: &Stateful, log_group: &LogGroup) -> RoleSpec {
    let description = "The ingest function: from the event queue to the journal.";
    let mut role = RoleSpec::for_service("lambda.amazonaws.com", scope, description);
    stateful.journal.handle.grant_append(&mut role);
    stateful.queue.handle.grant_consume(&mut role);
    stateful.dead_letter_queue.handle.grant_send(&mut role);
    log_group.grant_write(&mut role);
    role
}

/// What the function reads at its start. Lambda itself sets `AWS_REGION` and the log level.
fn variables(environment: &Environment, stateful: &Stateful) -> BTreeMap<String, String> {
    [
        ("HEADWATER_ENVIRONMENT", environment.name.to_string()),
        ("HEADWATER_TABLE", stateful.journal.handle.name().to_owned()),
        ("HEADWATER_INDEX_SHARDS", environment.journal.index_shards.to_string()),
        ("HEADWATER_DLQ_URL", stateful.dead_letter_queue.handle.url()),
        ("HEADWATER_MAX_RECEIVE_COUNT", environment.queue.max_receive_count.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn logging_config(environment: &Environment, log_group: &LogGroup) -> LoggingConfig {
    LoggingConfig {
        log_group: log_group.name().to_owned(),
        log_format: LogFormat::Json,
        application_log_level: Some(environment.ingest.log_level.into()),
        system_log_level: Some(SystemLogLevel::Info),
    }
}

fn mapping_spec(
    environment: &Environment,
    stateful: &Stateful,
    function: &Function,
) -> EventSourceMappingSpec {
    EventSourceMappingSpec {
        function_arn: function.arn(),
        event_source_arn: stateful.queue.handle.arn(),
        batch_size: environment.ingest.batch_size.into(),
        maximum_batching_window_in_seconds: environment.ingest.batching_window_seconds.into(),
        maximum_concurrency: Some(environment.ingest.maximum_concurrency.into()),
        function_response_types: BTreeSet::from([FunctionResponseType::ReportBatchItemFailures]),
        filter_patterns: BTreeSet::new(),
        enabled: true,
        stream: None,
    }
}

impl From<configuration::Architecture> for Architecture {
    fn from(architecture: configuration::Architecture) -> Self {
        match architecture {
            configuration::Architecture::Arm64 => Self::Arm64,
            configuration::Architecture::X86_64 => Self::X86_64,
        }
    }
}

impl From<configuration::LogLevel> for ApplicationLogLevel {
    fn from(level: configuration::LogLevel) -> Self {
        match level {
            configuration::LogLevel::Error => Self::Error,
            configuration::LogLevel::Warn => Self::Warn,
            configuration::LogLevel::Info => Self::Info,
            configuration::LogLevel::Debug => Self::Debug,
            configuration::LogLevel::Trace => Self::Trace,
        }
    }
}
