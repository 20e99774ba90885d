use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_lambda::{
    ApplicationLogLevel, Architecture, FunctionSpec, LogFormat, LoggingConfig, SystemLogLevel, TracingMode,
};
use aws_sdk_lambda::{
    Client,
    primitives::Blob,
    types::{self, Environment, EphemeralStorage, LastUpdateStatus, Runtime, TracingConfig},
};
use end_to_end::{Local, until};

use super::Changed;

/// A zip without a file in it: nothing but the record that ends it.
pub(super) const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

pub(super) async fn change(local: &Local) -> Result<Changed> {
    let client = Client::new(&local.bench.session.sdk);
    let name = local.name(blueprint::INGEST);
    let spec = FunctionSpec {
        description: "Somebody's.".to_owned(),
        role_arn: local.bench.session.scope.iam_arn("role/elsewhere"),
        runtime: "provided.al2".to_owned(),
        handler: "elsewhere".to_owned(),
        architecture: Architecture::X86_64,
        code_sha256: code(&client, &name).await?,
        memory_size_mib: 1024,
        timeout_seconds: 29,
        ephemeral_storage_size_mib: 1024,
        environment: BTreeMap::from([("HEADWATER_TABLE".to_owned(), "elsewhere".to_owned())]),
        logging_config: LoggingConfig {
            log_group: "/aws/lambda/elsewhere".to_owned(),
            log_format: LogFormat::Json,
            application_log_level: Some(ApplicationLogLevel::Fatal),
            system_log_level: Some(SystemLogLevel::Debug),
        },
        tracing_mode: TracingMode::Active,
        reserved_concurrent_executions: Some(3),
        // The ingest function is in no network; that of the relay is changed with the other families.
        vpc_config: None,
    };
    client
        .update_function_configuration()
        .function_name(&name)
        .description(&spec.description)
        .role(&spec.role_arn)
        .runtime(Runtime::Providedal2)
        .handler(&spec.handler)
        .memory_size(spec.memory_size_mib)
        .timeout(spec.timeout_seconds)
        .ephemeral_storage(EphemeralStorage::builder().size(spec.ephemeral_storage_size_mib).build()?)
        .environment(Environment::builder().variables("HEADWATER_TABLE", "elsewhere").build())
        .logging_config(
            types::LoggingConfig::builder()
                .log_group(&spec.logging_config.log_group)
                .log_format(types::LogFormat::Json)
                .application_log_level(types::ApplicationLogLevel::Fatal)
                .system_log_level(types::SystemLogLevel::Debug)
                .build(),
        )
        .tracing_config(TracingConfig::builder().mode(types::TracingMode::Active).build())
        .send()
        .await?;
    settled(&client, &name).await?;
    let reserve = client.put_function_concurrency().function_name(&name).reserved_concurrent_executions(3);
    reserve.send().await?;
    Changed::new("ingest/function", spec, &[])
}

/// Other code for another processor; its hash.
async fn code(client: &Client, name: &str) -> Result<String> {
    let update = client.update_function_code().function_name(name).zip_file(Blob::new(EMPTY_ZIP));
    let updated = update.architectures(types::Architecture::X8664).send().await?;
    settled(client, name).await?;
    updated.code_sha256.context("Lambda gave no hash of the code")
}

async fn settled(client: &Client, name: &str) -> Result<()> {
    until("a function that is updated", || async {
        let found = client.get_function_configuration().function_name(name).send().await?;
        Ok((found.last_update_status == Some(LastUpdateStatus::Successful)).then_some(()))
    })
    .await
}
