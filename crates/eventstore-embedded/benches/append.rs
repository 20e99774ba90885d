//! How many appends a second the server takes over 64 connections, the clients' own work included: they share the cores.
//!
//! `cargo bench -p eventstore-embedded`
#![allow(clippy::print_stdout, clippy::expect_used, missing_docs, reason = "a benchmark prints its figures")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use eventstore_embedded::{Flush, Server, Storage};
use kurrentdb::{Client, EventData, StreamState};
use tokio::{net::TcpListener, task::JoinSet};

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(4);

/// How a client sends its appends.
#[derive(Clone, Copy)]
enum Calls {
    /// Each append is a call of its own, and so many are on their way at once.
    Single { in_flight: usize },
    /// All appends go over one call, and so many are on their way at once.
    Batched { in_flight: usize },
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let on = |name: &str, flush| Storage::Directory { path: directory.path().join(name), flush };
    println!("{CONNECTIONS} connections, events of 256 bytes, each append one event, expected revision any");
    for (storage_name, storage) in [
        ("in memory", Storage::Memory),
        ("on a directory, left to the system", on("system", Flush::LeaveToSystem)),
        ("on a directory, each batch flushed", on("flushed", Flush::EveryBatch)),
    ] {
        for (calls_name, calls) in [
            ("one call at a time", Calls::Single { in_flight: 1 }),
            ("16 calls at once", Calls::Single { in_flight: 16 }),
            ("batched, 64 at once", Calls::Batched { in_flight: 64 }),
        ] {
            let rate = measure(storage.clone(), calls).await;
            println!("{storage_name:<36} {calls_name:<20} {rate:>9.0} appends/s");
        }
    }
}

async fn measure(storage: Storage, calls: Calls) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = Server::builder().storage(storage).start(listener).await.expect("it starts");
    let connection_string = format!("esdb://{}?tls=false", server.address());
    let appended = Arc::new(AtomicU64::new(0));
    let mut writers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let client = Client::new(connection_string.parse().expect("a connection string")).expect("a client");
        let (appended, stream) = (Arc::clone(&appended), format!("bench-{connection}"));
        match calls {
            Calls::Single { in_flight } => {
                for _ in 0..in_flight {
                    writers.spawn(single(client.clone(), stream.clone(), Arc::clone(&appended)));
                }
            }
            Calls::Batched { in_flight } => {
                let batch = Arc::new(client.batch_append(&Default::default()).await.expect("a call"));
                for _ in 0..in_flight {
                    let (batch, stream, appended) =
                        (Arc::clone(&batch), stream.clone(), Arc::clone(&appended));
                    writers.spawn(async move {
                        loop {
                            let done = batch.append_to_stream(&stream, StreamState::Any, vec![event()]).await;
                            done.expect("it is appended");
                            appended.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            }
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, since) = (appended.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let count = appended.load(Ordering::Relaxed) - before;
    let rate = count as f64 / since.elapsed().as_secs_f64();
    writers.shutdown().await;
    server.stop().await;
    rate
}

async fn single(client: Client, stream: String, appended: Arc<AtomicU64>) {
    loop {
        let done = client.append_to_stream(stream.as_str(), &Default::default(), event()).await;
        done.expect("it is appended");
        appended.fetch_add(1, Ordering::Relaxed);
    }
}

fn event() -> EventData {
    EventData::binary("Benched", vec![7; 256].into())
}
