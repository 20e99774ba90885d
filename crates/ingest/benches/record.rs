//! The pure part of the handler: Lambda's payload into records, and their bodies into events.
#![allow(missing_docs, unreachable_pub, reason = "a program, whose functions criterion's macros make")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot run should say so and stop")]

#[path = "handler/payload.rs"]
mod payload;

use std::hint::black_box;

use aws_lambda_events::event::sqs::SqsEvent;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use event::Event;
use ingest::Record;

fn records(criterion: &mut Criterion) {
    const EVENTS: usize = 1000;
    let payload = payload::batch(0, EVENTS);
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("payload to batch", |bencher| {
        bencher.iter(|| serde_json::from_slice::<SqsEvent>(black_box(&payload)).expect("a batch"));
    });
    let batch: SqsEvent = serde_json::from_slice(&payload).expect("a batch");
    group.bench_function("batch to events", |bencher| {
        bencher.iter_batched(
            || batch.clone(),
            |batch| {
                let records = batch.records.into_iter().enumerate();
                let records =
                    records.map(|(index, message)| Record::new(index, message).expect("a message id"));
                records
                    .map(|record| record.event(|body| Event::from_json(body)).expect("an event"))
                    .collect::<Vec<_>>()
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, records);
criterion_main!(benches);
