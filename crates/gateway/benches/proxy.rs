//! Requests a second through the proxy, beside the same service called directly. Client, proxy and service share one machine and
//! one runtime, so the proxy's own cost is the difference.
#![allow(missing_docs, unreachable_pub, reason = "a program, whose functions criterion's macros make")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark that cannot run should say so and stop"
)]

#[path = "../tests/producer/queue.rs"]
#[allow(dead_code, reason = "what the producer's tests need besides")]
mod queue;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway::Producer;
use gateway::proxy::{Configuration, Proxy};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::queue::{Answer, Queue, settings};

/// Requests at once.
const CONCURRENCY: u64 = 32;

type Caller = Client<HttpConnector, Full<Bytes>>;

/// A service that answers with a hundred bytes.
async fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(async || Bytes::from_static(&[b'x'; 100]));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A proxy before the service, whose events go to that queue.
async fn proxy(service: SocketAddr, http2: bool, queue: &Queue) -> SocketAddr {
    let text = format!(
        "listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[[routes]]\nprefix = \"/\"\nservice = \"A\"\n\
         upstreams = [\"http://{service}\"]\nhttp2 = {http2}\n"
    );
    let configuration = Configuration::parse(&text, Path::new("gateway.toml")).expect("a configuration");
    let (producer, delivery) = Producer::start(settings(), queue.client()).expect("a producer");
    let proxy = Proxy::bind(configuration, producer, None).await.expect("a proxy");
    let address = proxy.listen_address().unwrap();
    tokio::spawn(async move {
        let _delivery = delivery;
        proxy.run(std::future::pending()).await
    });
    address
}

/// Makes so many requests, `CONCURRENCY` at once on as many connections.
async fn call(client: &Caller, address: SocketAddr, requests: u64) -> Duration {
    let begin = Instant::now();
    let callers = (0..CONCURRENCY).map(|caller| {
        let (client, share) =
            (client.clone(), requests / CONCURRENCY + u64::from(caller < requests % CONCURRENCY));
        tokio::spawn(async move {
            for _ in 0..share {
                let request =
                    Request::get(format!("http://{address}/orders/7")).body(Full::default()).unwrap();
                let response = client.request(request).await.expect("a response");
                assert!(response.status().is_success());
                response.into_body().collect().await.expect("a body");
            }
        })
    });
    futures::future::try_join_all(callers).await.expect("callers that end");
    begin.elapsed()
}

fn requests(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (direct, proxied, proxied2, without_queue) = runtime.block_on(async {
        let service = service().await;
        let (there, gone) = (Queue::open(), Queue::new(|_, _| Answer::Gone));
        let proxied = proxy(service, false, &there).await;
        (service, proxied, proxy(service, true, &there).await, proxy(service, false, &gone).await)
    });
    let client: Caller = Client::builder(TokioExecutor::new()).build_http();
    let mut group = criterion.benchmark_group("proxy");
    group.throughput(Throughput::Elements(1));
    for (name, address) in [
        ("service alone", direct),
        ("through the proxy", proxied),
        ("through the proxy, HTTP/2 to the service", proxied2),
        ("through the proxy, the queue gone", without_queue),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|requests| runtime.block_on(call(&client, address, requests)));
        });
    }
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
