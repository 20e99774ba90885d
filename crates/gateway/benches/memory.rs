//! The memory of a process whose queue is away, and how long single requests take: the median, and what one in a hundred, in a
//! thousand and in all exceeds.
//!
//! `cargo bench -p gateway --bench memory`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "its figures are its output"
)]

mod support;

use std::time::{Duration, Instant};

use futures::FutureExt;
use gateway::{Durability, Producer, Route};
use http::{Request, Response};
use support::{Nothing, layered, request};
use tower::Service;

/// Requests, of two events each, between two looks at the memory.
const REQUESTS: usize = 16_384;

fn main() {
    // `cargo test --benches` and criterion's options mean nothing here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let spool = Durability::Spool { directory: directory.path().to_owned(), max_bytes: 1024 * 1024 * 1024 };
    println!("without the layer: {}", quantiles(&times(&mut Nothing)));
    for (name, durability) in [("memory", Durability::memory()), ("spool", spool)] {
        println!(
            "{name:8} requests   backlog events   backlog MiB   dropped   resident MiB     p50      p99    p99.9      max"
        );
        let (mut service, producer, _delivery) = layered(durability);
        show(&producer, 0, None);
        for round in 1..=12 {
            let taken = times(&mut service);
            show(&producer, round * REQUESTS, Some(taken));
        }
    }
}

/// What single requests take, in order.
fn times<S, R, E>(service: &mut S) -> Vec<Duration>
where
    S: Service<Request<()>, Response = Response<R>, Error = E>,
{
    let route = Route("/orders/{id}".into());
    let time = |_| {
        let request = request(&route);
        let begin = Instant::now();
        assert!(service.call(request).now_or_never().is_some_and(|answer| answer.is_ok()));
        begin.elapsed()
    };
    let mut times: Vec<_> = (0..REQUESTS).map(time).collect();
    times.sort_unstable();
    times
}

fn show(producer: &Producer, requests: usize, times: Option<Vec<Duration>>) {
    let totals = producer.totals();
    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    print!(
        "         {requests:8}   {:14}   {:11.1}   {:7}   {:12.1}",
        totals.backlog_events,
        mib(totals.backlog_bytes as f64),
        totals.dropped,
        mib(resident_bytes()),
    );
    println!("  {}", times.map(|times| quantiles(&times)).unwrap_or_default());
}

fn quantiles(times: &[Duration]) -> String {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1_000.0;
    format!("{:6.2}us {:6.2}us {:6.2}us {:6.0}us", at(0.5), at(0.99), at(0.999), at(1.0))
}

/// Of this process, by `/proc`: a counting allocator would need `unsafe`.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}
