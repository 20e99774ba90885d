//! Making a function, and changing one in place. Configuration, code and concurrency are three calls, and Lambda refuses
//! one while another is under way.

use aws_env::At;
use aws_sdk_lambda::{
    Client,
    primitives::Blob,
    types::{self, Environment, EphemeralStorage, FunctionCode, Runtime, TracingConfig, VpcConfig},
};
use resource::{Class, Error, Key, Owner, Result, Scope};

use super::observe;
use crate::{
    ApplicationLogLevel, Architecture, FunctionSpec, LogFormat, LoggingConfig, SystemLogLevel, TracingMode,
    package::Packages,
};

pub(super) const CREATE: &str = "lambda:CreateFunction";
pub(super) const UPDATE_CODE: &str = "lambda:UpdateFunctionCode";
const UPDATE: &str = "lambda:UpdateFunctionConfiguration";

/// The zip that the function shall run.
pub(super) async fn zip(
    packages: &Packages,
    operation: &'static str,
    key: &Key,
    spec: &FunctionSpec,
) -> Result<Blob> {
    let zip = packages.read(&spec.code_sha256).await;
    zip.map(Blob::new).map_err(|error| Error::new(operation, key, Class::Fatal, error))
}

/// Makes the function with everything but its concurrency. One that an earlier attempt made is as good.
pub(super) async fn create(
    client: &Client,
    scope: &Scope,
    key: &Key,
    name: &str,
    spec: &FunctionSpec,
    zip: &Blob,
) -> Result<()> {
    let call = client
        .create_function()
        .function_name(name)
        .description(&spec.description)
        .role(&spec.role_arn)
        .runtime(Runtime::from(spec.runtime.as_str()))
        .handler(&spec.handler)
        .architectures(spec.architecture.into())
        .code(FunctionCode::builder().zip_file(zip.clone()).build())
        .memory_size(spec.memory_size_mib)
        .timeout(spec.timeout_seconds)
        .set_ephemeral_storage(Some(ephemeral_storage(CREATE, key, spec)?))
        .environment(environment(spec))
        .logging_config((&spec.logging_config).into())
        .tracing_config(tracing_config(spec))
        .set_vpc_config(spec.vpc_config.is_some().then(|| vpc_config(spec)))
        .set_tags(Some(scope.tags(key).into_iter().collect()));
    match call.send().await.at(CREATE, key) {
        Err(error) if error.class == Class::Conflict => already_there(client, scope, key, name, error).await,
        done => done.map(drop),
    }
}

/// Lambda calls a name that is taken a conflict, too: ours, made by an attempt whose reply was lost; somebody else's; or
/// one that is being deleted and whose name is free soon.
async fn already_there(client: &Client, scope: &Scope, key: &Key, name: &str, error: Error) -> Result<()> {
    match observe::get(client, scope, name).await?.map(|seen| seen.observed.owner) {
        Some(Owner::Us(owner)) if owner == *key => Ok(()),
        Some(_) => Err(Error { class: Class::AlreadyExists, ..error }),
        None => Err(error),
    }
}

/// Whether anything differs that UpdateFunctionConfiguration sets.
pub(super) fn configuration_differs(have: &FunctionSpec, want: &FunctionSpec) -> bool {
    let alike = FunctionSpec {
        code_sha256: want.code_sha256.clone(),
        architecture: want.architecture,
        reserved_concurrent_executions: want.reserved_concurrent_executions,
        ..have.clone()
    };
    alike != *want
}

pub(super) async fn update_configuration(
    client: &Client,
    key: &Key,
    name: &str,
    spec: &FunctionSpec,
) -> Result<()> {
    let call = client
        .update_function_configuration()
        .function_name(name)
        .description(&spec.description)
        .role(&spec.role_arn)
        .runtime(Runtime::from(spec.runtime.as_str()))
        .handler(&spec.handler)
        .memory_size(spec.memory_size_mib)
        .timeout(spec.timeout_seconds)
        .set_ephemeral_storage(Some(ephemeral_storage(UPDATE, key, spec)?))
        .environment(environment(spec))
        .logging_config((&spec.logging_config).into())
        .tracing_config(tracing_config(spec))
        .vpc_config(vpc_config(spec));
    call.send().await.at(UPDATE, key).map(drop)
}

/// Takes the function out of its network.
pub(super) async fn detach(client: &Client, name: &str) -> Result<()> {
    let nowhere = VpcConfig::builder().set_subnet_ids(Some(vec![])).set_security_group_ids(Some(vec![]));
    let call = client.update_function_configuration().function_name(name).vpc_config(nowhere.build());
    call.send().await.at(UPDATE, name).map(drop)
}

/// Whether anything differs that UpdateFunctionCode sets: the architecture is a property of the code.
pub(super) fn code_differs(have: &FunctionSpec, want: &FunctionSpec) -> bool {
    (&have.code_sha256, have.architecture) != (&want.code_sha256, want.architecture)
}

pub(super) async fn update_code(
    client: &Client,
    key: &Key,
    name: &str,
    spec: &FunctionSpec,
    zip: &Blob,
) -> Result<()> {
    let call = client
        .update_function_code()
        .function_name(name)
        .zip_file(zip.clone())
        .architectures(spec.architecture.into());
    call.send().await.at(UPDATE_CODE, key).map(drop)
}

pub(super) async fn set_concurrency(
    client: &Client,
    key: &Key,
    name: &str,
    reserved: Option<i32>,
) -> Result<()> {
    match reserved {
        Some(reserved) => {
            let call = client.put_function_concurrency().function_name(name);
            let call = call.reserved_concurrent_executions(reserved);
            call.send().await.at("lambda:PutFunctionConcurrency", key).map(drop)
        }
        None => {
            let call = client.delete_function_concurrency().function_name(name);
            call.send().await.at("lambda:DeleteFunctionConcurrency", key).map(drop)
        }
    }
}

/// An empty map is sent as well: it is what clears the variables that are there.
fn environment(spec: &FunctionSpec) -> Environment {
    Environment::builder().set_variables(Some(spec.environment.clone().into_iter().collect())).build()
}

/// Empty lists are sent in an update as well: they are what detaches a function from the network that it is in.
fn vpc_config(spec: &FunctionSpec) -> VpcConfig {
    let (subnets, groups) = match &spec.vpc_config {
        Some(vpc) => {
            (vpc.subnet_ids.iter().cloned().collect(), vpc.security_group_ids.iter().cloned().collect())
        }
        None => (vec![], vec![]),
    };
    VpcConfig::builder().set_subnet_ids(Some(subnets)).set_security_group_ids(Some(groups)).build()
}

fn ephemeral_storage(operation: &'static str, key: &Key, spec: &FunctionSpec) -> Result<EphemeralStorage> {
    let storage = EphemeralStorage::builder().size(spec.ephemeral_storage_size_mib).build();
    storage.map_err(|error| Error::new(operation, key, Class::Fatal, error))
}

fn tracing_config(spec: &FunctionSpec) -> TracingConfig {
    let mode = match spec.tracing_mode {
        TracingMode::Active => types::TracingMode::Active,
        TracingMode::PassThrough => types::TracingMode::PassThrough,
    };
    TracingConfig::builder().mode(mode).build()
}

impl From<Architecture> for types::Architecture {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Arm64 => Self::Arm64,
            Architecture::X86_64 => Self::X8664,
        }
    }
}

impl From<&LoggingConfig> for types::LoggingConfig {
    fn from(logging: &LoggingConfig) -> Self {
        let format = match logging.log_format {
            LogFormat::Json => types::LogFormat::Json,
            LogFormat::Text => types::LogFormat::Text,
        };
        let application = |level| match level {
            ApplicationLogLevel::Trace => types::ApplicationLogLevel::Trace,
            ApplicationLogLevel::Debug => types::ApplicationLogLevel::Debug,
            ApplicationLogLevel::Info => types::ApplicationLogLevel::Info,
            ApplicationLogLevel::Warn => types::ApplicationLogLevel::Warn,
            ApplicationLogLevel::Error => types::ApplicationLogLevel::Error,
            ApplicationLogLevel::Fatal => types::ApplicationLogLevel::Fatal,
        };
        let system = |level| match level {
            SystemLogLevel::Debug => types::SystemLogLevel::Debug,
            SystemLogLevel::Info => types::SystemLogLevel::Info,
            SystemLogLevel::Warn => types::SystemLogLevel::Warn,
        };
        Self::builder()
            .log_group(&logging.log_group)
            .log_format(format)
            .set_application_log_level(logging.application_log_level.map(application))
            .set_system_log_level(logging.system_log_level.map(system))
            .build()
    }
}
