//! How many events a second the handler relays into an EventStoreDB server in this process: batches of 100 new events over 20
//! streams. The server shares the cores.
//!
//! `cargo bench -p relay`
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run ends")]

use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::Event;
use eventstore_embedded::Server;
use function::Deadline;
use journal::{dynamodb_json, item};
use relay::{
    Address, Clients, Configuration, EventStoreDb, FailureQueue, Invocation, Payload, Relay, Secrets,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const EVENTS: u64 = 100;
const STREAMS: u64 = 20;
/// Events of one stream, so that reading it back stays what it is for a request.
const LENGTH: u64 = 50;

/// The batch with this number, as Lambda sends it. No two batches have an event in common.
fn payload(number: u64) -> Vec<u8> {
    let generation = number / (LENGTH * STREAMS / EVENTS);
    let record = |place: u64| {
        let fields = json!({
            "id": uuid::Uuid::from_u64_pair(number, place).to_string(),
            "requestId": format!("{generation}-{}", place % STREAMS), "timestamp": "2020-05-01T20:00:00Z",
            "type": "MICROSERVICE_REQUEST", "source": "Gateway",
            "data": { "Name": "Microservice A", "attempt": 1, "path": "/orders/5b070a84", "cached": false },
        });
        let event = Event::from_json(fields.to_string()).unwrap();
        let image = dynamodb_json::from_item(&item::from_event(&event, 8.try_into().unwrap()));
        json!({ "eventID": "e", "eventName": "INSERT", "dynamodb": { "NewImage": image } })
    };
    let records: Vec<Value> = (0..EVENTS).map(record).collect();
    json!({ "Records": records }).to_string().into_bytes()
}

fn relay(address: String) -> Relay<EventStoreDb> {
    let configuration = Configuration {
        environment: "bench".to_owned(),
        eventstore: Address { address, tls: None },
        max_append_bytes: 1024 * 1024,
        // Nothing is sent to it.
        failure_queue_url: "http://127.0.0.1/1/failures".to_owned(),
        region: "eu-west-1".to_owned(),
        function_name: "bench".to_owned(),
        log_level: "INFO".to_owned(),
        endpoint_url: Some("http://127.0.0.1".to_owned()),
    };
    let clients = Clients::new(&configuration);
    let store = EventStoreDb::new(configuration.eventstore.clone(), Secrets::new(clients.secrets));
    let failures = FailureQueue::new(clients.sqs, configuration.failure_queue_url);
    Relay::new(store, failures, configuration.max_append_bytes)
}

fn batches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(async {
        Server::builder().start(TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap()
    });
    // The function runs on one thread of its own, as in Lambda.
    let function = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let relay = relay(server.address().to_string());
    let mut number = 0;
    let mut group = criterion.benchmark_group("relay");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(20);
    group.bench_function("100 events over 20 streams", |bencher| {
        bencher.iter_custom(|iterations| {
            let payloads: Vec<Vec<u8>> = (number..number + iterations).map(payload).collect();
            number += iterations;
            let start = Instant::now();
            for payload in payloads {
                let now = SystemTime::now();
                let deadline = Deadline::before(now + Duration::from_secs(60), now);
                let payload: Payload = serde_json::from_slice(&payload).unwrap();
                let invocation = Invocation::try_from(payload).unwrap();
                // The deadline counts from tokio's clock.
                let report = function.block_on(relay.handle(invocation, deadline));
                assert_eq!(report.metrics.appended as u64, EVENTS);
            }
            start.elapsed()
        });
    });
    group.finish();
    runtime.block_on(server.stop());
}

criterion_group!(benches, batches);
criterion_main!(benches);
