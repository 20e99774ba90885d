//! How many appends a second the server takes over 64 connections. Its clients share the machine with it: they do as little
//! as they can, on one thread. What the server's own threads take of a processor for an append does not depend on them.
//!
//! `cargo bench -p eventstore-embedded`
#![allow(clippy::print_stdout, clippy::expect_used, missing_docs, reason = "a benchmark prints its figures")]

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use eventstore_embedded::{Flush, Server, Storage};
use eventstore_protocol::{
    shared::{Empty, StreamIdentifier, Uuid as WireUuid, uuid::Value},
    streams::{
        AppendReq, AppendResp, BatchAppendReq, ProposedMessage, WriteOptions, append_req, append_resp,
        batch_append_resp, streams_client::StreamsClient, write_options::ExpectedStreamRevision,
    },
};
use futures::{StreamExt, stream};
use http::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

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

#[tokio::main(flavor = "current_thread")]
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
            let (rate, microseconds) = measure(storage.clone(), calls).await;
            println!(
                "{storage_name:<36} {calls_name:<20} {rate:>9.0} appends/s, the server {microseconds:>5.1} µs each"
            );
        }
    }
}

/// Appends a second, and the microseconds that the server's threads worked for one.
async fn measure(storage: Storage, calls: Calls) -> (f64, f64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = Server::builder().storage(storage).start(listener).await.expect("it starts");
    let appended = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let stream = Bytes::from(format!("bench-{connection}"));
        match calls {
            Calls::Single { in_flight } => {
                let client = connect(server.address()).await;
                for _ in 0..in_flight {
                    clients.spawn(single(client.clone(), stream.clone(), Arc::clone(&appended)));
                }
            }
            Calls::Batched { in_flight } => {
                let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
                let channel = endpoint.expect("an address").connect().await.expect("it listens");
                clients.spawn(batched(channel, stream, in_flight, Arc::clone(&appended)));
            }
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, worked, since) = (appended.load(Ordering::Relaxed), server_worked(), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let count = (appended.load(Ordering::Relaxed) - before) as f64;
    let (worked, elapsed) = (server_worked() - worked, since.elapsed());
    clients.shutdown().await;
    server.stop().await;
    (count / elapsed.as_secs_f64(), worked.as_secs_f64() * 1e6 / count)
}

/// How long this process's threads whose names are the server's have run. Nothing where there is no `/proc`.
fn server_worked() -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.map(|thread| {
        let text = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let ran = text("schedstat").split(' ').next().and_then(|ran| ran.parse().ok());
        ran.filter(|_| text("comm").starts_with("eventstore")).unwrap_or(0)
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// A client that knows nothing of gRPC.
async fn connect(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("it can be set");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (client, connection) = handshake.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    client
}

async fn single(mut client: SendRequest<Body>, stream: Bytes, appended: Arc<AtomicU64>) {
    loop {
        let parts =
            [append_req::Content::Options(to(&stream)), append_req::Content::ProposedMessage(event())];
        let frames: Vec<u8> = parts.into_iter().flat_map(frame).collect();
        let request = Request::post("http://localhost/event_store.client.streams.Streams/Append")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::from(frames))
            .expect("a request");
        client.ready().await.expect("it is connected");
        let response = client.send_request(request).await.expect("it is answered");
        let body = to_bytes(Body::new(response.into_body()), usize::MAX).await.expect("it is answered");
        // One message, behind a byte and its length.
        let response = body.get(5..).and_then(|message| AppendResp::decode(message).ok());
        let result = response.expect("a response").result;
        assert!(matches!(result, Some(append_resp::Result::Success(_))), "{result:?}");
        appended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A message as gRPC sends it: not compressed, its length, itself.
fn frame(content: append_req::Content) -> Vec<u8> {
    let message = AppendReq { content: Some(content) }.encode_to_vec();
    let length = u32::try_from(message.len()).expect("it is small").to_be_bytes();
    [&[0][..], &length, &message].concat()
}

async fn batched(channel: Channel, stream: Bytes, in_flight: usize, appended: Arc<AtomicU64>) {
    let (requests, queue) = mpsc::channel(in_flight);
    let queue =
        stream::unfold(queue, |mut queue| async { queue.recv().await.map(|request| (request, queue)) });
    let request = || BatchAppendReq {
        correlation_id: Some(id()),
        options: Some(to(&stream)),
        proposed_messages: vec![event()],
        is_final: true,
    };
    for _ in 0..in_flight {
        requests.send(request()).await.expect("there is room");
    }
    let responses = StreamsClient::new(channel).batch_append(queue).await;
    let mut responses = responses.expect("it is answered").into_inner();
    while let Some(response) = responses.next().await {
        let result = response.expect("it goes on").result;
        assert!(matches!(result, Some(batch_append_resp::Result::Success(_))), "{result:?}");
        appended.fetch_add(1, Ordering::Relaxed);
        requests.send(request()).await.expect("it goes on");
    }
}

fn to(stream: &Bytes) -> WriteOptions {
    WriteOptions {
        stream_identifier: Some(StreamIdentifier { stream_name: stream.clone() }),
        expected_stream_revision: Some(ExpectedStreamRevision::Any(Empty {})),
    }
}

fn event() -> ProposedMessage {
    let properties = [("type", "Benched"), ("content-type", "application/octet-stream")];
    ProposedMessage {
        id: Some(id()),
        metadata: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        custom_metadata: Bytes::new(),
        data: Bytes::from_static(&[7; 256]),
    }
}

fn id() -> WireUuid {
    WireUuid { value: Some(Value::String(Uuid::new_v4().to_string())) }
}
