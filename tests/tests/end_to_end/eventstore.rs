//! EventStoreDB as others meet it: what the relay left there, read by its official client.

use std::fs;

use anyhow::{Context, Result};
use end_to_end::Local;
use kurrentdb::{Client, ReadStreamOptions, RecordedEvent};
use serde_json::{Value, json};

use crate::{DEFAULTS, SEED, message};

const STREAM: &str = "request-677afffc-373e-42f0-8363-f24bc675bcf6";

/// EventStoreDB's own client, with what a deploy gives a client: the admin's password and the authority to trust.
pub(crate) async fn official_client(local: &Local) -> Result<Client> {
    let secrets = aws_sdk_secretsmanager::Client::new(&local.bench.session.sdk);
    let value = async |name: &str| {
        let scope = &local.bench.session.scope;
        let name = format!("{}/{}/eventstore/{name}", scope.project, scope.environment);
        let answer = secrets.get_secret_value().secret_id(&name).send().await?;
        answer.secret_string.with_context(|| format!("{name} has no value"))
    };
    let trust = local.directory().join("trust.crt");
    fs::write(&trust, value("trust").await?)?;
    let password = value("admin-password").await?;
    // By the name that the certificate has.
    let server = local.task.address().replace("127.0.0.1", "localhost");
    let address = format!("kurrentdb://admin:{password}@{server}?tls=true&tlsCaFile={}", trust.display());
    // The error would show the password.
    let settings = address.parse().ok().context("this is no connection string")?;
    Client::new(settings).map_err(|error| anyhow::anyhow!("{error}"))
}

/// All events of a stream.
pub(crate) async fn read(client: &Client, stream: &str) -> Result<Vec<RecordedEvent>> {
    let mut reader = client.read_stream(stream, &ReadStreamOptions::default()).await?;
    let mut events = Vec::new();
    while let Some(resolved) = reader.next().await? {
        events.push(resolved.event.context("an event without content")?);
    }
    Ok(events)
}

#[tokio::test]
async fn the_source_documents_message_is_in_its_stream_and_eventstoredbs_own_client_reads_it() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    local.send(&[message(SEED)]).await?;
    local.expect_stored(&[message(SEED)]).await?;
    local.expect_relayed().await?;

    let events = read(&official_client(&local).await?, STREAM).await?;
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.id.to_string(), "5b070a84-c5d5-460a-ac98-a0717cbc8e56");
    assert_eq!((event.revision, event.event_type.as_str()), (0, "MICROSERVICE_REQUEST"));
    assert!(event.is_json);
    assert_eq!(event.as_json::<Value>()?, json!({ "Name": "Microservice A" }));
    let metadata: Value = serde_json::from_slice(&event.custom_metadata)?;
    assert_eq!(metadata["$correlationId"], "677afffc-373e-42f0-8363-f24bc675bcf6");
    assert_eq!(metadata["source"], "Gateway");
    assert_eq!(metadata["timestamp"], "2020-05-01T20:00:00Z");
    Ok(())
}
