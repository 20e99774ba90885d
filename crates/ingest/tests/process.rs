//! The function as a process: what it says when it cannot run, and what it never says.
#![allow(unreachable_pub, missing_docs, reason = "modules of a program")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot run fails")]

#[path = "../benches/handler/http.rs"]
mod http;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use http::Response;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

fn function() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "headwater-test-ingest"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        // The level at which lambda_runtime would print payloads.
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("HEADWATER_ENVIRONMENT", "test"),
        ("HEADWATER_TABLE", "headwater-test-event"),
        ("HEADWATER_INDEX_SHARDS", "8"),
        ("HEADWATER_DLQ_URL", "http://127.0.0.1/1/headwater-test-event-dlq"),
        ("HEADWATER_MAX_RECEIVE_COUNT", "5"),
    ]);
    command
}

/// Answers every call as DynamoDB and SQS in good health do.
fn aws(request: http::Request<'_>) -> Response {
    let input: Value = serde_json::from_slice(request.body).unwrap();
    let output = match input["Entries"].as_array() {
        Some(entries) => {
            let sent = entries
                .iter()
                .map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }));
            json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": [] })
        }
        None => json!({}),
    };
    Response { headers: String::new(), body: output.to_string().into_bytes().into() }
}

/// A Runtime API that hands out `payload` once, and what the function answers to it.
fn runtime_api(payload: Value) -> (String, Receiver<(String, String)>) {
    let (answer, answers) = channel();
    let payload = Mutex::new(Some(Arc::from(payload.to_string().into_bytes())));
    let address = http::serve(move |request| {
        if request.line.starts_with("POST ") {
            let body = String::from_utf8_lossy(request.body).into_owned();
            answer.send((request.line.to_owned(), body)).unwrap();
            return Response { headers: String::new(), body: Arc::from([]) };
        }
        let Some(body) = payload.lock().unwrap().take() else {
            // There is no second invocation: the function waits until it is killed.
            loop {
                std::thread::park();
            }
        };
        let headers =
            "lambda-runtime-aws-request-id: request-1\r\nlambda-runtime-deadline-ms: 4102444800000\r\n";
        Response { headers: headers.to_owned(), body }
    });
    (address.unwrap().to_string(), answers)
}

/// Runs the function on `payload`: its answer, and its log up to the answer.
fn invoke(payload: Value) -> ((String, String), Vec<Value>) {
    let (runtime_api, answers) = runtime_api(payload);
    let endpoint = format!("http://{}", http::serve(aws).unwrap());
    let mut process = function()
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_ENDPOINT_URL", endpoint)
        .spawn()
        .unwrap();
    let answer = answers.recv_timeout(PATIENCE);
    process.kill().unwrap();
    let log = BufReader::new(process.stdout.take().unwrap()).lines();
    let log = log.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    process.wait().unwrap();
    (answer.unwrap(), log)
}

fn record(message_id: &str, body: &str) -> Value {
    json!({ "messageId": message_id, "body": body, "attributes": {}, "messageAttributes": {} })
}

#[test]
fn a_variable_that_is_missing_ends_it_with_an_error_that_names_it() {
    let output = function().env_remove("HEADWATER_TABLE").output().unwrap();
    assert!(!output.status.success());
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["message"], "the function cannot run");
    let error = log["error"].as_str().unwrap();
    assert_eq!(
        error,
        "environment variable HEADWATER_TABLE is not set: it must hold the name of the journal's table"
    );
}

#[test]
fn the_log_is_json_with_metrics_and_ids_and_nothing_of_the_events() {
    let stored = json!({
        "id": "e1", "requestId": "r", "timestamp": "2020-05-01T20:00:00Z", "type": "T", "source": "S",
        "data": { "password": "hunter2" },
    });
    let rejected = json!({ "id": "e2", "hunter2": "hunter2", "timestamp": "hunter2" });
    let records =
        [record("m1", &stored.to_string()), record("m2", &rejected.to_string()), record("m3", "hunter2")];
    let ((line, answer), log) = invoke(json!({ "Records": records }));
    assert_eq!((line.rsplit('/').next(), answer.as_str()), (Some("response"), r#"{"batchItemFailures":[]}"#));

    let text = Value::from(log.clone()).to_string();
    assert!(!text.contains("hunter2"), "{text}");
    let metrics: Vec<&Value> = log.iter().filter(|line| line["_aws"].is_object()).collect();
    assert_eq!(metrics.len(), 1, "{text}");
    assert_eq!((&metrics[0]["Stored"], &metrics[0]["Rejected"]), (&json!(1), &json!(2)));
    let warned: Vec<&Value> =
        log.iter().filter(|line| line["level"] == "WARN").map(|line| &line["message_id"]).collect();
    assert_eq!(warned, ["m2", "m3"]);
}

#[test]
fn a_record_without_an_id_fails_the_invocation_and_says_so() {
    let ((line, answer), _) = invoke(json!({ "Records": [{ "body": "{}" }] }));
    assert_eq!(line.rsplit('/').next(), Some("error"));
    assert!(answer.contains("record 0 of the batch has no messageId"), "{answer}");
}
