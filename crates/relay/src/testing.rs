//! For tests: AWS as a closure, EventStoreDB in memory with faults, and the journal's items.

mod fake;

use std::time::{Duration, SystemTime};

use event::Event;
use journal::{dynamodb_json, item};
use serde_json::{Value, json};

pub(crate) use fake::{Call, Effect, FakeStore, Fault, Random};

use crate::configuration::Address;
pub(crate) use function::scripted::{Calls, Reply};
use function::{Deadline, scripted};

use crate::{Clients, Configuration, FailureQueue, Invocation, Payload, Relay};

pub(crate) const MOST_BYTES: usize = 1024 * 1024;

/// What the function is told at its start.
pub(crate) fn configuration() -> Configuration {
    Configuration {
        environment: "test".to_owned(),
        eventstore: Address { address: "127.0.0.1:2113".to_owned(), tls: None },
        max_append_bytes: MOST_BYTES,
        failure_queue_url: "https://sqs.eu-west-1.amazonaws.com/1/headwater-test-relay-failures".to_owned(),
        region: "eu-west-1".to_owned(),
        function_name: "headwater-test-relay".to_owned(),
        log_level: "INFO".to_owned(),
        endpoint_url: None,
    }
}

/// Clients whose AWS is `script`, and the calls that they make.
pub(crate) fn clients(script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> (Clients, Calls) {
    let (sdk, calls) = scripted::sdk_config(&configuration().region, script);
    (Clients::of(&sdk), calls)
}

/// A relay into `store`.
pub(crate) fn relay<S>(store: S, clients: &Clients, most_bytes: usize) -> Relay<S>
where
    S: crate::store::EventStore,
{
    let failures = FailureQueue::new(clients.sqs.clone(), &configuration().failure_queue_url);
    Relay::new(store, failures, most_bytes)
}

/// SQS in good health.
pub(crate) fn healthy(_: &str, input: &Value) -> Reply {
    let ids = input["Entries"].as_array().unwrap().iter().map(|entry| entry["Id"].as_str().unwrap());
    let sent = ids.map(|id| json!({ "Id": id, "MessageId": "m", "MD5OfMessageBody": "0" }));
    Reply::Done(json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": [] }))
}

/// The bodies of all messages sent to the failure queue.
pub(crate) fn letters(calls: &Calls) -> Vec<Value> {
    let calls = calls.lock().unwrap();
    let sends = calls.iter().filter(|(operation, _)| operation == "SendMessageBatch");
    let entries = sends.flat_map(|(_, input)| input["Entries"].as_array().unwrap().clone());
    entries.map(|entry| serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap()).collect()
}

/// The deadline of a function with 30 s.
pub(crate) fn deadline() -> Deadline {
    let now = SystemTime::now();
    Deadline::before(now + Duration::from_secs(30), now)
}

/// An event of `request` whose content is told by `note`.
pub(crate) fn event(request: &str, id: &str, note: &str) -> Event {
    let fields = json!({
        "id": id, "requestId": request, "timestamp": "2020-05-01T20:00:00Z",
        "type": "MICROSERVICE_REQUEST", "source": "Gateway", "data": { "note": note },
    });
    Event::from_json(fields.to_string()).unwrap()
}

/// Its item in DynamoDB's JSON.
pub(crate) fn image(event: &Event) -> Value {
    dynamodb_json::from_item(&item::from_event(event, 8.try_into().unwrap()))
}

/// A record of the table's stream.
pub(crate) fn record(how: &str, image: Value) -> Value {
    json!({
        "eventID": "e1", "eventName": how, "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_588_363_200.0,
            "Keys": { "RequestId": image["RequestId"], "EventKey": image["EventKey"] },
            "NewImage": image, "StreamViewType": "NEW_IMAGE",
        },
    })
}

/// A batch in which these were stored.
pub(crate) fn batch<'a>(events: impl IntoIterator<Item = &'a Event>) -> Invocation {
    records(events.into_iter().map(|event| record("INSERT", image(event))))
}

/// A batch of these records.
pub(crate) fn records(records: impl IntoIterator<Item = Value>) -> Invocation {
    let records: Vec<Value> = records.into_iter().collect();
    invocation(json!({ "Records": records }))
}

/// What the function makes of a payload.
pub(crate) fn invocation(payload: Value) -> Invocation {
    Invocation::try_from(serde_json::from_str::<Payload>(&payload.to_string()).unwrap()).unwrap()
}
