//! Functions that the embedded backend runs: what they are given, and that they are found and ended.

use std::error::Error;
use std::io::{Cursor, Write};

use crate::http::send;
use crate::{Outcome, start};
use base64::prelude::{BASE64_STANDARD, Engine};
use localstack::Emulator;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A bootstrap that answers each invocation with its own environment.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as invocation:
        id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    answer = json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}).encode()
    urllib.request.urlopen(urllib.request.Request(api + id + "/response", data=answer)).close()
"#;

fn create_function(emulator: &Emulator) -> Outcome {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755))?;
    archive.write_all(BOOTSTRAP.as_bytes())?;
    let input = json!({
        "FunctionName": "environment",
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": format!("arn:aws:iam::{}:role/environment", localstack::ACCOUNT),
        "Code": { "ZipFile": BASE64_STANDARD.encode(archive.finish()?.into_inner()) },
        "Environment": { "Variables": { "OWN": "set" } },
    });
    let (status, body) = send(
        emulator.endpoint(),
        "POST /2015-03-31/functions",
        "Content-Type: application/json\r\n",
        &input.to_string(),
    )?;
    assert_eq!(status, 201, "{body}");
    Ok(())
}

fn invoke(emulator: &Emulator) -> Result<Value, Box<dyn Error>> {
    let (status, body) =
        send(emulator.endpoint(), "POST /2015-03-31/functions/environment/invocations", "", "{}")?;
    assert_eq!(status, 200, "{body}");
    Ok(serde_json::from_str(&body)?)
}

#[tokio::test]
async fn a_function_sees_the_emulator_and_nothing_of_the_users_environment() -> Outcome {
    let emulator = start(|_| ()).await?;
    create_function(&emulator)?;
    let environment = invoke(&emulator)?["environment"].clone();
    assert_eq!(environment["AWS_ENDPOINT_URL"], emulator.endpoint().as_str());
    assert_eq!(environment["AWS_REGION"], localstack::REGION);
    assert_eq!(environment["AWS_ACCESS_KEY_ID"], localstack::ACCOUNT);
    assert_eq!(environment["OWN"], "set");
    // Cargo sets this for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(environment["CARGO_MANIFEST_DIR"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_functions_process_is_found_and_another_takes_its_place_when_it_is_killed() -> Outcome {
    let emulator = start(|_| ()).await?;
    create_function(&emulator)?;
    assert_eq!(emulator.function_processes()?, []);
    let first = invoke(&emulator)?["pid"].clone();
    let processes = emulator.function_processes()?;
    assert_eq!(
        processes.iter().map(|process| json!(process.id())).collect::<Vec<_>>(),
        std::slice::from_ref(&first)
    );
    assert!(processes[0].command().ends_with("/bootstrap"), "{:?}", processes[0]);
    processes[0].kill()?;
    assert_ne!(invoke(&emulator)?["pid"], first);
    Ok(())
}

/// One call of SQS.
fn sqs(emulator: &Emulator, action: &str, input: &Value) -> Result<Value, Box<dyn Error>> {
    let headers = format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{action}\r\n");
    let (status, body) = send(emulator.endpoint(), "POST /", &headers, &input.to_string())?;
    assert_eq!(status, 200, "{body}");
    Ok(serde_json::from_str(&body)?)
}

#[tokio::test]
async fn a_mapping_with_large_batches_gives_one_invocation_more_messages_than_one_receive() -> Outcome {
    let emulator = start(|_| ()).await?;
    create_function(&emulator)?;
    let url = sqs(&emulator, "CreateQueue", &json!({ "QueueName": "events" }))?["QueueUrl"].clone();
    for batch in 0..3 {
        let entry = |index| json!({ "Id": format!("{index}"), "MessageBody": format!("{batch}-{index}") });
        let entries: Vec<_> = (0..10).map(entry).collect();
        sqs(&emulator, "SendMessageBatch", &json!({ "QueueUrl": url, "Entries": entries }))?;
    }
    let mapping = json!({
        "FunctionName": "environment",
        "EventSourceArn": format!("arn:aws:sqs:{}:{}:events", localstack::REGION, localstack::ACCOUNT),
        "BatchSize": 25,
        "MaximumBatchingWindowInSeconds": 1,
    });
    let (status, body) =
        send(emulator.endpoint(), "POST /2015-03-31/event-source-mappings", "", &mapping.to_string())?;
    assert_eq!(status, 202, "{body}");
    let log = emulator.log().ok_or("the emulator keeps no log")?;
    let by = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !std::fs::read_to_string(log)?.contains("processed 25 SQS messages") {
        assert!(std::time::Instant::now() < by, "{}", std::fs::read_to_string(log)?);
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    Ok(())
}

#[tokio::test]
async fn its_functions_end_with_it() -> Outcome {
    let emulator = start(|_| ()).await?;
    create_function(&emulator)?;
    invoke(&emulator)?;
    let process = emulator.function_processes()?.remove(0);
    emulator.stop().await?;
    // Killed in the same moment; the system may still be taking it down.
    let by = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while process.kill().is_ok() {
        assert!(std::time::Instant::now() < by, "{process:?} outlives its emulator");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn with_policies_evaluated_a_request_without_credentials_is_refused() -> Outcome {
    let emulator = start(|embedded| embedded.auth = true).await?;
    let (status, body) = send(emulator.endpoint(), "GET /2015-03-31/functions", "", "")?;
    assert_eq!(status, 403, "{body}");
    Ok(())
}
