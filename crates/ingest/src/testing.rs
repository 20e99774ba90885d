//! AWS as a closure, for tests: it is given the operation and its input, and says what comes back.

use std::num::NonZeroU16;
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::SqsEvent;
use journal::Journal;
use serde_json::{Value, json};

pub(crate) use function::scripted::{Calls, Reply};
use function::{DeadLetterQueue, Deadline, scripted};

use crate::{Clients, Configuration, Ingest};

pub(crate) const MAX_RECEIVE_COUNT: u32 = 5;

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
    let configuration = configuration();
    let (sdk, calls) = scripted::sdk_config(&configuration.region, script);
    let clients = Clients::of(&sdk);
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
