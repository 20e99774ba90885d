//! What an event costs on its way into the journal, without the network: parse and hash, item, and a whole append of 1,000
//! with the SDK's own work (signing, JSON) against a DynamoDB that answers at once.
//!
//! `cargo bench -p journal` prints events a second on one core (`elem/s`).
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark is no library, and may end so"
)]

use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::Event;
use journal::{Journal, Outcome, item, size};

const SHARDS: NonZeroU16 = NonZeroU16::new(10).unwrap();
const BATCH: usize = 1000;

/// Answers every call with "all stored".
#[derive(Debug)]
struct Stored;

impl HttpConnector for Stored {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        black_box(request);
        let status = 200.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from("{}"))))
    }
}

fn message(n: usize) -> String {
    format!(
        r#"{{"id":"5b070a84-c5d5-460a-ac98-{n:012}","requestId":"677afffc-373e-42f0-8363-f24bc675bcf6",
            "timestamp":"2020-05-01T20:00:00Z","type":"MICROSERVICE_REQUEST","source":"Gateway",
            "data":{{"Name":"Microservice A","method":"GET","path":"/orders/{n}","status":200,"durationMs":12.5,
            "headers":{{"accept":"application/json","x-request":"{n}"}},"retry":false,"tags":["a","b"]}}}}"#
    )
}

fn journal() -> Journal {
    let connector = SharedHttpConnector::new(Stored);
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Journal::new(aws_sdk_dynamodb::Client::from_conf(config), "events", SHARDS)
}

fn benchmarks(criterion: &mut Criterion) {
    let messages: Vec<_> = (0..BATCH).map(message).collect();
    let events: Vec<_> =
        messages.iter().map(|message| Event::from_json(message).expect("an event")).collect();

    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse and hash", |bench| bench.iter(|| Event::from_json(black_box(&messages[0]))));
    group.bench_function("size", |bench| bench.iter(|| size::of(black_box(&events[0]))));
    group.bench_function("item", |bench| bench.iter(|| item::from_event(black_box(&events[0]), SHARDS)));
    group.bench_function("parse, hash and item", |bench| {
        bench
            .iter(|| Event::from_json(black_box(&messages[0])).map(|event| item::from_event(&event, SHARDS)));
    });

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let journal = journal();
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("parse and append 1,000 events", |bench| {
        bench.iter(|| {
            let events: Vec<_> =
                messages.iter().filter_map(|message| Event::from_json(message).ok()).collect();
            let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
            let outcomes = runtime.block_on(journal.append(&events, deadline));
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
        });
    });
    group.finish();
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
