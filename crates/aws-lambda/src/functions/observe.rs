//! Reading functions.

use std::collections::BTreeMap;

use aws_env::At;
use aws_sdk_lambda::{
    Client,
    operation::get_function::GetFunctionOutput,
    types::{FunctionConfiguration, LastUpdateStatus, State, VpcConfigResponse},
};
use resource::{Class, Error, Observed, Result, Scope};

use crate::{Architecture, FunctionSpec, LogFormat, LoggingConfig, TracingMode, VpcConfig, read};

pub(super) const GET: &str = "lambda:GetFunction";

/// A function, and whether it is at rest.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) observed: Observed<FunctionSpec>,
    pub(super) condition: Condition,
}

/// Whether a function is at rest. The text says what it does or why it failed.
#[derive(Debug)]
pub(super) enum Condition {
    Ready,
    Busy(String),
    Failed(String),
}

/// The names of the functions that begin with `prefix`.
pub(super) async fn list(client: &Client, prefix: &str) -> Result<Vec<String>> {
    let mut pages = client.list_functions().into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let functions = page.at("lambda:ListFunctions", prefix)?.functions.unwrap_or_default();
        names.extend(functions.into_iter().filter_map(|function| function.function_name));
    }
    names.retain(|name| name.starts_with(prefix));
    Ok(names)
}

/// The function, unless it is being deleted. Configuration, tags and concurrency come in one call.
pub(super) async fn get(client: &Client, scope: &Scope, name: &str) -> Result<Option<Seen>> {
    match raw(client, name).await? {
        Some(found) if state(&found) != Some(&State::Deleting) => observe(scope, name, found).map(Some),
        _ => Ok(None),
    }
}

/// The function as Lambda tells it.
pub(super) async fn raw(client: &Client, name: &str) -> Result<Option<GetFunctionOutput>> {
    read::found(client.get_function().function_name(name).send().await.at(GET, name))
}

/// Whether a change of the function is under way.
pub(super) fn is_busy(found: &GetFunctionOutput) -> bool {
    found.configuration().is_some_and(|found| matches!(condition(found), Condition::Busy(_)))
}

fn state(found: &GetFunctionOutput) -> Option<&State> {
    found.configuration().and_then(FunctionConfiguration::state)
}

fn observe(scope: &Scope, name: &str, found: GetFunctionOutput) -> Result<Seen> {
    let unreadable = |class, what: &str, why: &str| Error::new(GET, name, class, format!("{what}: {why}"));
    if let Some(error) = &found.tags_error {
        return Err(unreadable(Class::Denied, "the tags cannot be read", &error.message));
    }
    let Some(configuration) = found.configuration else {
        return Err(unreadable(Class::Fatal, "Lambda's answer", "it has no configuration"));
    };
    let hidden = configuration.environment().and_then(|environment| environment.error());
    if let Some(error) = hidden {
        let why = error.message().unwrap_or_default();
        return Err(unreadable(Class::Denied, "the environment cannot be read", why));
    }
    let tags = found.tags.unwrap_or_default().into_iter().collect();
    let condition = condition(&configuration);
    let reserved = found.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
    let output = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Ok(Seen {
        observed: Observed {
            id: name.to_owned(),
            name: Some(name.to_owned()),
            owner: scope.owner(&tags),
            outputs: BTreeMap::from([
                ("arn".to_owned(), output(configuration.function_arn())),
                ("codeSha256".to_owned(), output(configuration.code_sha256())),
                ("lastModified".to_owned(), output(configuration.last_modified())),
            ]),
            created: None,
            pending: match &condition {
                Condition::Ready => None,
                Condition::Busy(text) | Condition::Failed(text) => Some(text.clone()),
            },
            spec: spec(name, configuration, reserved)?,
        },
        condition,
    })
}

fn condition(configuration: &FunctionConfiguration) -> Condition {
    let reason = |text: &str, why: Option<&str>| match why {
        Some(why) if !why.is_empty() => format!("{text}: {why}"),
        _ => text.to_owned(),
    };
    match (configuration.state(), configuration.last_update_status()) {
        (Some(State::Pending), _) => Condition::Busy("Pending".to_owned()),
        (Some(State::Failed), _) => Condition::Failed(reason("Failed", configuration.state_reason())),
        (_, Some(LastUpdateStatus::InProgress)) => Condition::Busy("update in progress".to_owned()),
        (_, Some(LastUpdateStatus::Failed)) => {
            Condition::Failed(reason("the last update failed", configuration.last_update_status_reason()))
        }
        // A function that is `Inactive` was not called for weeks, and wakes up when it is.
        _ => Condition::Ready,
    }
}

/// A function that was never in a network, and one that was detached from it, has one without subnets.
fn vpc_config(found: &VpcConfigResponse) -> Option<VpcConfig> {
    (!found.subnet_ids().is_empty()).then(|| VpcConfig {
        subnet_ids: found.subnet_ids().iter().cloned().collect(),
        security_group_ids: found.security_group_ids().iter().cloned().collect(),
    })
}

fn spec(name: &str, configuration: FunctionConfiguration, reserved: Option<i32>) -> Result<FunctionSpec> {
    let architecture = match configuration.architectures().first() {
        Some(architecture) => read::name(GET, name, architecture.as_str())?,
        None => Architecture::X86_64,
    };
    let tracing_mode = match configuration.tracing_config().and_then(|tracing| tracing.mode()) {
        Some(mode) => read::name(GET, name, mode.as_str())?,
        None => TracingMode::PassThrough,
    };
    let variables = configuration.environment.and_then(|environment| environment.variables);
    let logging = configuration.logging_config.as_ref();
    let log_format = logging.and_then(|logging| logging.log_format());
    let application = logging.and_then(|logging| logging.application_log_level());
    let system = logging.and_then(|logging| logging.system_log_level());
    let default_group = || format!("/aws/lambda/{name}");
    Ok(FunctionSpec {
        logging_config: LoggingConfig {
            log_group: logging
                .and_then(|logging| logging.log_group())
                .map_or_else(default_group, str::to_owned),
            log_format: match log_format {
                Some(format) => read::name(GET, name, format.as_str())?,
                None => LogFormat::Text,
            },
            application_log_level: application
                .map(|level| read::name(GET, name, level.as_str()))
                .transpose()?,
            system_log_level: system.map(|level| read::name(GET, name, level.as_str())).transpose()?,
        },
        description: configuration.description.unwrap_or_default(),
        role_arn: configuration.role.unwrap_or_default(),
        runtime: configuration.runtime.map_or_else(String::new, |runtime| runtime.as_str().to_owned()),
        handler: configuration.handler.unwrap_or_default(),
        architecture,
        code_sha256: configuration.code_sha256.unwrap_or_default(),
        memory_size_mib: configuration.memory_size.unwrap_or_default(),
        timeout_seconds: configuration.timeout.unwrap_or_default(),
        ephemeral_storage_size_mib: configuration.ephemeral_storage.map_or(512, |storage| storage.size),
        environment: variables.unwrap_or_default().into_iter().collect(),
        tracing_mode,
        reserved_concurrent_executions: reserved,
        vpc_config: configuration.vpc_config.as_ref().and_then(vpc_config),
    })
}
