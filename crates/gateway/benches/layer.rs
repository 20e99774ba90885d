//! What the layer costs a request, beside the same service without it: two events with memory, with a spool, and where the
//! buffer is full. The queue never answers, so the figures are those of whoever makes the call.
//!
//! `cargo bench -p gateway --bench layer`
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a benchmark that cannot run ends")]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt;
use gateway::{Durability, Route};
use http::{Request, Response};
use support::{Nothing, layered, request};
use tower::Service;

/// Requests to one producer: fewer than fill its buffer.
const REQUESTS: u64 = 20_000;

/// How long it takes to answer so many requests, which were made before. The answers are dropped, and with them their bodies.
fn calls<S, R, E>(service: &mut S, number: u64) -> Duration
where
    S: Service<Request<()>, Response = Response<R>, Error = E>,
{
    let route = Route("/orders/{id}".into());
    let mut taken = Duration::ZERO;
    let mut left = number;
    while left > 0 {
        let requests: Vec<_> = (0..left.min(1_000)).map(|_| request(&route)).collect();
        left -= requests.len() as u64;
        let begin = Instant::now();
        for request in requests {
            black_box(service.call(request).now_or_never().is_some_and(|answer| answer.is_ok()));
        }
        taken += begin.elapsed();
    }
    taken
}

/// The same with a new producer whenever the buffer would be full.
fn with_layer(number: u64, durability: impl Fn() -> Durability) -> Duration {
    let mut taken = Duration::ZERO;
    let mut left = number;
    while left > 0 {
        let (mut service, producer, _delivery) = layered(durability());
        let now = left.min(REQUESTS);
        taken += calls(&mut service, now);
        assert_eq!(producer.totals().dropped, 0);
        left -= now;
    }
    taken
}

fn layer(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let mut group = criterion.benchmark_group("layer");
    group.bench_function("none", |bench| bench.iter_custom(|number| calls(&mut Nothing, number)));
    group.bench_function("memory", |bench| {
        bench.iter_custom(|number| with_layer(number, Durability::memory));
    });
    group.bench_function("spool", |bench| {
        bench.iter_custom(|number| {
            let directory = tempfile::tempdir().unwrap();
            let spools = std::cell::Cell::new(0);
            with_layer(number, || {
                spools.set(spools.get() + 1);
                Durability::spool(directory.path().join(spools.get().to_string()))
            })
        });
    });
    group.bench_function("full buffer", |bench| {
        let (mut service, _producer, _delivery) =
            layered(Durability::Memory { max_events: 1_000, max_bytes: 1024 * 1024 });
        calls(&mut service, 1_000);
        bench.iter_custom(|number| calls(&mut service, number));
    });
    group.finish();
}

criterion_group!(benches, layer);
criterion_main!(benches);
