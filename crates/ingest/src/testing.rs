//! AWS as a closure, for tests: it is given the operation and its input, and says what comes back.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_lambda_events::event::sqs::SqsEvent;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use journal::Journal;
use serde_json::{Value, json};

use crate::{Clients, Configuration, DeadLetterQueue, Deadline, Ingest};

pub(crate) const MAX_RECEIVE_COUNT: u32 = 5;

/// What AWS does with a call.
pub(crate) enum Reply {
    /// Answers 200.
    Done(Value),
    /// Answers with an error.
    Error(u16, &'static str),
    /// Never answers.
    Silence,
}

/// The calls that were made: operation and input.
pub(crate) type Calls = Arc<Mutex<Vec<(String, Value)>>>;

type Script = dyn Fn(&str, &Value) -> Reply + Send + Sync;

struct Scripted {
    script: Box<Script>,
    calls: Calls,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let input = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let reply = (self.script)(&operation, &input);
        self.calls.lock().unwrap().push((operation, input));
        let (status, body) = match reply {
            Reply::Done(output) => (200, output),
            Reply::Error(status, code) => (status, json!({ "__type": code, "message": "scripted" })),
            Reply::Silence => return HttpConnectorFuture::new(std::future::pending()),
        };
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// What the function is told at its start.
pub(crate) fn configuration() -> Configuration {
    Configuration {
        environment: "test".to_owned(),
        table: "headwater-test-event".to_owned(),
        index_shards: NonZeroU16::new(8).unwrap(),
        dead_letter_queue_url: "https://sqs.eu-west-1.amazonaws.com/1/headwater-test-event-dlq".to_owned(),
        max_receive_count: MAX_RECEIVE_COUNT,
        region: "eu-west-1".to_owned(),
        function_name: "headwater-test-ingest".to_owned(),
        log_level: "INFO".to_owned(),
        endpoint_url: None,
    }
}

/// An ingest whose AWS is `script`, and the calls that it makes.
pub(crate) fn ingest(script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> (Ingest, Calls) {
    let calls = Calls::default();
    let connector =
        SharedHttpConnector::new(Scripted { script: Box::new(script), calls: Arc::clone(&calls) });
    let credentials = Credentials::new("test", "test", None, None, "test");
    let configuration = configuration();
    let clients = Clients::with(
        &configuration,
        http_client_fn(move |_, _| connector.clone()),
        SharedCredentialsProvider::new(credentials),
    );
    let journal = Journal::new(clients.dynamodb, configuration.table.as_str(), configuration.index_shards);
    let dead_letters = DeadLetterQueue::new(clients.sqs, &configuration.dead_letter_queue_url);
    (Ingest::new(journal, dead_letters, configuration.max_receive_count), calls)
}

/// AWS in good health.
pub(crate) fn healthy(operation: &str, input: &Value) -> Reply {
    match operation {
        "SendMessageBatch" => Reply::Done(sent(input, &[])),
        _ => Reply::Done(json!({})),
    }
}

/// An answer of `SendMessageBatch` in which the entries with these ids failed.
pub(crate) fn sent(input: &Value, failed: &[&str]) -> Value {
    let ids = input["Entries"].as_array().unwrap().iter().map(|entry| entry["Id"].as_str().unwrap());
    let (failed, successful): (Vec<&str>, Vec<&str>) = ids.partition(|id| failed.contains(id));
    let successful =
        successful.iter().map(|id| json!({ "Id": id, "MessageId": "m", "MD5OfMessageBody": "0" }));
    let failed = failed.iter().map(|id| json!({ "Id": id, "Code": "InternalError", "SenderFault": false }));
    json!({ "Successful": successful.collect::<Vec<_>>(), "Failed": failed.collect::<Vec<_>>() })
}

/// The entries of all messages sent to the dead-letter queue.
pub(crate) fn dead_letters(calls: &Calls) -> Vec<Value> {
    let calls = calls.lock().unwrap();
    let sends = calls.iter().filter(|(operation, _)| operation == "SendMessageBatch");
    sends.flat_map(|(_, input)| input["Entries"].as_array().unwrap().clone()).collect()
}

/// The deadline of a function with 30 s.
pub(crate) fn deadline() -> Deadline {
    let now = SystemTime::now();
    Deadline::before(now + Duration::from_secs(30), now)
}

/// The wire form of an event.
pub(crate) fn event(id: &str) -> String {
    json!({
        "id": id, "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6", "timestamp": "2020-05-01T20:00:00Z",
        "type": "MICROSERVICE_REQUEST", "source": "Gateway", "data": { "Name": "Microservice A" },
    })
    .to_string()
}

/// A record as Lambda sends it.
pub(crate) fn record(message_id: &str, body: &str) -> Value {
    json!({
        "messageId": message_id, "receiptHandle": "r", "body": body, "md5OfBody": "0",
        "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1588363200000" },
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q",
        "awsRegion": "eu-west-1",
    })
}

/// A batch of such records.
pub(crate) fn batch(records: impl IntoIterator<Item = Value>) -> SqsEvent {
    let records: Vec<Value> = records.into_iter().collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}
