//! Lambda's answers about one function.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::*;
use crate::{
    ApplicationLogLevel, Architecture, LogFormat, LoggingConfig, SystemLogLevel, TracingMode, VpcConfig,
};

pub(super) const NAME: &str = "headwater-dev-ingest";
pub(super) const CREATE: &str = "POST /2015-03-31/functions";
pub(super) const GET: &str = "GET /2015-03-31/functions/headwater-dev-ingest";
pub(super) const CONFIGURATION: &str = "PUT /2015-03-31/functions/headwater-dev-ingest/configuration";
pub(super) const CODE: &str = "PUT /2015-03-31/functions/headwater-dev-ingest/code";
pub(super) const DELETE: &str = "DELETE /2015-03-31/functions/headwater-dev-ingest";
pub(super) const RESERVE: &str = "PUT /2017-10-31/functions/headwater-dev-ingest/concurrency";
pub(super) const UNRESERVE: &str = "DELETE /2017-10-31/functions/headwater-dev-ingest/concurrency";

pub(super) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(super) fn key() -> Key {
    "ingest/function".parse().unwrap()
}

pub(super) fn hash(zip: &str) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

pub(super) fn spec() -> FunctionSpec {
    FunctionSpec {
        description: "Stores events".into(),
        role_arn: "arn:aws:iam::111111111111:role/headwater/dev/headwater-dev-ingest".into(),
        runtime: "provided.al2023".into(),
        handler: "bootstrap".into(),
        architecture: Architecture::Arm64,
        code_sha256: hash("old"),
        memory_size_mib: 256,
        timeout_seconds: 30,
        ephemeral_storage_size_mib: 512,
        environment: BTreeMap::from([("TABLE".into(), "event".into())]),
        logging_config: LoggingConfig {
            log_group: "/headwater/dev/ingest".into(),
            log_format: LogFormat::Json,
            application_log_level: Some(ApplicationLogLevel::Info),
            system_log_level: Some(SystemLogLevel::Warn),
        },
        tracing_mode: TracingMode::PassThrough,
        reserved_concurrent_executions: None,
        vpc_config: None,
    }
}

pub(super) fn vpc() -> VpcConfig {
    VpcConfig {
        subnet_ids: ["subnet-2".into(), "subnet-1".into()].into(),
        security_group_ids: ["sg-1".into()].into(),
    }
}

/// A family whose packages are the zips `old` and `new`, behind `script`.
pub(super) fn family(script: &Script) -> (Functions, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let package = |zip: &str| {
        let path = directory.path().join(zip);
        std::fs::write(&path, zip).unwrap();
        (hash(zip), path)
    };
    let packages = BTreeMap::from([package("old"), package("new")]);
    (Functions::new(&script.config(), packages), directory)
}

pub(super) async fn ensure(
    script: &Script,
    want: FunctionSpec,
    observed: Option<&Observed<FunctionSpec>>,
) -> Result<Observed<FunctionSpec>> {
    let desired = Desired { key: key(), name: Some(NAME.into()), spec: want };
    let (family, _packages) = family(script);
    family.ensure(&scope(), &desired, observed, &Progress::silent()).await
}

/// A function as GetFunction tells it.
pub(super) fn function(spec: &FunctionSpec, state: &str, last_update_status: &str) -> Value {
    let logging = serde_json::to_value(&spec.logging_config).unwrap();
    let vpc = spec
        .vpc_config
        .clone()
        .unwrap_or(VpcConfig { subnet_ids: BTreeSet::new(), security_group_ids: BTreeSet::new() });
    json!({
        "Configuration": {
            "FunctionName": NAME,
            "FunctionArn": crate::Function::new(&scope(), "ingest").arn(),
            "Description": spec.description,
            "Role": spec.role_arn,
            "Runtime": spec.runtime,
            "Handler": spec.handler,
            "Architectures": [spec.architecture],
            "CodeSha256": spec.code_sha256,
            "MemorySize": spec.memory_size_mib,
            "Timeout": spec.timeout_seconds,
            "EphemeralStorage": {"Size": spec.ephemeral_storage_size_mib},
            "Environment": {"Variables": spec.environment},
            "LoggingConfig": {
                "LogGroup": logging["logGroup"],
                "LogFormat": logging["logFormat"],
                "ApplicationLogLevel": logging["applicationLogLevel"],
                "SystemLogLevel": logging["systemLogLevel"],
            },
            "TracingConfig": {"Mode": spec.tracing_mode},
            "VpcConfig": {"SubnetIds": vpc.subnet_ids, "SecurityGroupIds": vpc.security_group_ids, "VpcId": ""},
            "LastModified": "2026-11-22T10:00:00.000+0000",
            "State": state,
            "StateReason": "as the test has it",
            "LastUpdateStatus": last_update_status,
            "LastUpdateStatusReason": "as the test has it",
        },
        "Tags": scope().tags(&key()),
        "Concurrency": spec.reserved_concurrent_executions.map(|n| json!({"ReservedConcurrentExecutions": n})),
    })
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::error(status, code, message)
}

/// Lambda with the function as it is in the cell; writes put `after` there.
pub(super) fn lambda(before: FunctionSpec, after: FunctionSpec) -> Script {
    let cell = Arc::new(Mutex::new(before));
    Script::new(move |request: &Request| {
        let mut spec = cell.lock().unwrap();
        match request.operation.as_str() {
            "GET /2015-03-31/functions" => Reply::json(200, json!({"Functions": [{"FunctionName": NAME}]})),
            GET => Reply::json(200, function(&spec, "Active", "Successful")),
            _ => {
                *spec = after.clone();
                Reply::json(200, json!({}))
            }
        }
    })
}

pub(super) async fn observed(spec: FunctionSpec) -> Observed<FunctionSpec> {
    let script = lambda(spec.clone(), spec);
    family(&script).0.survey(&scope()).await.unwrap().remove(0)
}

/// What was asked besides reading.
pub(super) fn writes(script: &Script) -> Vec<String> {
    script.operations().into_iter().filter(|operation| !operation.starts_with("GET ")).collect()
}
