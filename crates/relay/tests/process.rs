//! The function as a process: what it answers, what it says when it cannot run, and what it never says.
#![allow(unreachable_pub, missing_docs, reason = "modules of a program")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot run fails")]

#[path = "../../ingest/benches/handler/http.rs"]
mod http;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Event;
use eventstore_embedded::Server;
use http::Response;
use journal::{item, replay};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

const PATIENCE: Duration = Duration::from_secs(30);

fn function(eventstore: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "headwater-test-relay"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        // The level at which lambda_runtime would print payloads.
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("HEADWATER_ENVIRONMENT", "test"),
        ("HEADWATER_EVENTSTORE_ADDRESS", eventstore),
        ("HEADWATER_EVENTSTORE_TLS", "false"),
        ("HEADWATER_FAILURE_QUEUE_URL", "http://127.0.0.1/1/headwater-test-relay-failures"),
    ]);
    command
}

/// Answers every call as SQS in good health does, or with a secret.
fn aws(request: http::Request<'_>) -> Response {
    let input: Value = serde_json::from_slice(request.body).unwrap();
    let output = match input["Entries"].as_array() {
        Some(entries) => {
            let sent = entries
                .iter()
                .map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }));
            json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": [] })
        }
        None => json!({ "ARN": input["SecretId"], "SecretString": "hunter2" }),
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

/// What came of an invocation: whether it was a response or an error, the answer, and the log up to it.
struct Invoked {
    kind: String,
    answer: Value,
    log: Vec<Value>,
}

/// Runs the function on `payload`.
fn invoke(mut function: Command, payload: Value) -> Invoked {
    let (runtime_api, answers) = runtime_api(payload);
    let endpoint = format!("http://{}", http::serve(aws).unwrap());
    let mut process = function
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_ENDPOINT_URL", endpoint)
        .spawn()
        .unwrap();
    let answer = answers.recv_timeout(PATIENCE);
    process.kill().unwrap();
    let log = BufReader::new(process.stdout.take().unwrap()).lines();
    let log = log.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    process.wait().unwrap();
    let (line, answer) = answer.unwrap();
    let kind = line.rsplit('/').next().unwrap().to_owned();
    Invoked { kind, answer: serde_json::from_str(&answer).unwrap(), log }
}

fn items() -> Vec<Value> {
    let event = json!({
        "id": "e1", "requestId": "r", "timestamp": "2020-05-01T20:00:00Z", "type": "T", "source": "S",
        "data": { "password": "hunter2" },
    });
    let event = Event::from_json(event.to_string()).unwrap();
    let good = item::from_event(&event, 8.try_into().unwrap());
    let mut bad = good.clone();
    bad.remove("Timestamp");
    replay::Request::new([&good, &bad]).replay.items
}

fn batch() -> Value {
    let record = |image| json!({ "eventID": "1", "eventName": "INSERT", "dynamodb": { "NewImage": image } });
    json!({ "Records": items().into_iter().map(record).collect::<Vec<_>>() })
}

#[test]
fn a_variable_that_is_missing_ends_it_with_an_error_that_names_it() {
    let output = function("127.0.0.1:1").env_remove("HEADWATER_EVENTSTORE_TLS").output().unwrap();
    assert!(!output.status.success());
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["message"], "the function cannot run");
    let error = log["error"].as_str().unwrap();
    assert_eq!(
        error,
        "environment variable HEADWATER_EVENTSTORE_TLS is not set: it must hold `true`, `unverified` (encrypted to whoever answers) or `false`"
    );
}

#[tokio::test]
async fn a_batch_is_answered_with_nothing_and_a_replay_with_its_report_and_nothing_of_the_events_is_logged() {
    let server = Server::builder().start(TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap();
    let address = server.address().to_string();
    let to = address.clone();
    let batch = spawn_blocking(move || invoke(function(&to), batch())).await.unwrap();
    assert_eq!((batch.kind.as_str(), &batch.answer), ("response", &Value::Null));
    let text = Value::from(batch.log.clone()).to_string();
    assert!(!text.contains("hunter2"), "{text}");
    let metrics: Vec<&Value> = batch.log.iter().filter(|line| line["_aws"].is_object()).collect();
    assert_eq!(metrics.len(), 1, "{text}");
    assert_eq!((&metrics[0]["Appended"], &metrics[0]["Rejected"]), (&json!(1), &json!(1)));

    let replay = json!({ "replay": { "items": items() } });
    let replay = spawn_blocking(move || invoke(function(&address), replay)).await.unwrap();
    assert_eq!(replay.kind, "response");
    let report: replay::Report = serde_json::from_value(replay.answer).unwrap();
    assert_eq!((report.appended, report.present, report.rejected.len()), (0, 1, 1));
    server.stop().await;
}

#[test]
fn an_eventstoredb_that_is_away_fails_the_invocation_and_the_metrics_say_so() {
    // Nobody listens there.
    let invoked = invoke(function("127.0.0.1:1"), batch());
    assert_eq!((invoked.kind.as_str(), &invoked.answer["errorType"]), ("error", &json!("EventStoreAway")));
    let metrics = invoked.log.iter().find(|line| line["_aws"].is_object()).unwrap();
    assert_eq!((&metrics["Failed"], &metrics["Appended"]), (&json!(1), &json!(0)));
}

#[test]
fn that_the_server_is_not_authenticated_is_said_once_and_the_password_never() {
    let mut function = function("127.0.0.1:1");
    function.env("HEADWATER_EVENTSTORE_TLS", "unverified");
    function
        .env("HEADWATER_EVENTSTORE_PASSWORD_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:password");
    let log = invoke(function, batch()).log;
    let is_warning = |line: &&Value| {
        line["level"] == "WARN"
            && line["message"].as_str().is_some_and(|text| text.contains("not authenticated"))
    };
    let text = Value::from(log.clone()).to_string();
    assert_eq!(log.iter().filter(is_warning).count(), 1, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
