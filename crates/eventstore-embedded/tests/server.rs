//! The server as a whole: who gets in, over TLS, over plain HTTP, and what a directory keeps.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use std::net::SocketAddr;

use eventstore_embedded::{Access, Config, Flush, LogError, Password, Server, StartError, Storage, Tls};
use kurrentdb::{AppendToStreamOptions, Error, ReadAllOptions, StreamState};
use support::{client, client_with, event, events, next, numbers_of, soon, start, until_live};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn passwords() -> Access {
    Access::Passwords { admin: Password::new("s3cret"), ops: Password::new("0ps") }
}

/// The status line and the body of the answer to a request by HTTP/1.1.
async fn get(address: SocketAddr, path: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it takes the request");
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[tokio::test]
async fn plain_http_is_answered_on_the_same_port() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    client(&server).append_to_stream("s", &Default::default(), events(0..3)).await?;
    assert_eq!(get(server.address(), "/health/live", "").await.0, "HTTP/1.1 204 No Content");
    assert_eq!(get(server.address(), "/health/live?liveCode=200", "").await.0, "HTTP/1.1 200 OK");
    assert_eq!(get(server.address(), "/nothing", "").await.0, "HTTP/1.1 404 Not Found");
    let json = async |path| {
        let (_, body) = get(server.address(), path, "").await;
        serde_json::from_str::<serde_json::Value>(body.trim()).expect("JSON")
    };
    assert_eq!(json("/info").await["state"], "leader");
    let stats = json("/stats").await;
    assert_eq!((&stats["es"]["events"], &stats["es"]["streams"]), (&3.into(), &1.into()));
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn passwords_decide_who_may_do_what() -> kurrentdb::Result<()> {
    let server = start(Server::builder().access(passwords())).await;
    let of = |user: &str| client_with(&format!("esdb://{user}{}?tls=false", server.address()));
    for user in ["", "admin:changeit@", "ops:s3cret@", "nobody:s3cret@"] {
        let refused = of(user).append_to_stream("s", &Default::default(), event(0)).await;
        assert!(matches!(refused, Err(Error::AccessDenied)), "{user} {refused:?}");
    }
    let (admin, ops) = (of("admin:s3cret@"), of("ops:0ps@"));
    admin.append_to_stream("s", &Default::default(), event(1)).await?;
    ops.append_to_stream("s", &Default::default(), event(2)).await?;
    admin.append_to_stream("$system", &Default::default(), event(3)).await?;
    let refused = ops.append_to_stream("$system", &Default::default(), event(4)).await;
    assert!(matches!(refused, Err(Error::AccessDenied)), "{refused:?}");
    let refused = ops.read_all(&ReadAllOptions::default()).await;
    assert!(matches!(refused, Err(Error::AccessDenied)));
    assert_eq!(numbers_of(admin.read_all(&ReadAllOptions::default()).await?).await?, [1, 2, 3]);

    assert_eq!(get(server.address(), "/health/live", "").await.0, "HTTP/1.1 204 No Content");
    assert_eq!(get(server.address(), "/stats", "").await.0, "HTTP/1.1 401 Unauthorized");
    let authorization = "Authorization: Basic YWRtaW46czNjcmV0\r\n";
    assert_eq!(get(server.address(), "/stats", authorization).await.0, "HTTP/1.1 200 OK");
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_nothing() -> kurrentdb::Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    for flush in [Flush::LeaveToSystem, Flush::EveryBatch] {
        let storage = Storage::Directory { path: directory.path().to_owned(), flush };
        let server = start(Server::builder().storage(storage.clone())).await;
        let address = server.address();
        let client = client(&server);
        client.append_to_stream("s", &Default::default(), event(0)).await?;
        let _group =
            client.create_persistent_subscription("s", &format!("{flush:?}"), &Default::default()).await;
        let mut subscription = client.subscribe_to_stream("s", &Default::default()).await;
        until_live(&mut subscription).await?;
        drop(server);
        let ended = next(&mut subscription).await;
        assert!(ended.is_err(), "{ended:?}");
        // The port and the directory are free soon.
        let bind = async || TcpListener::bind(address).await;
        let listener = soon(async {
            loop {
                if let Ok(listener) = bind().await {
                    return listener;
                }
            }
        })
        .await;
        drop(listener);
        let again = async || {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            Server::builder().storage(storage.clone()).start(listener).await
        };
        let server = soon(async {
            loop {
                if let Ok(server) = again().await {
                    return server;
                }
            }
        })
        .await;
        server.stop().await;
    }
    Ok(())
}

#[test]
fn a_server_outlives_the_runtime_that_it_was_started_in() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime().block_on(start(Server::builder()));
    runtime().block_on(async {
        assert_eq!(get(server.address(), "/health/live", "").await.0, "HTTP/1.1 204 No Content");
        server.stop().await;
    });
}

#[test]
fn a_password_and_a_key_are_never_printed() {
    let tls = Tls { certificate_chain_pem: "CERT".to_owned(), private_key_pem: "KEY".to_owned() };
    let printed = format!("{:?}", Server::builder().access(passwords()).tls(tls));
    for secret in ["s3cret", "0ps", "KEY"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_is_served_over_tls() -> kurrentdb::Result<()> {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let tls =
        Tls { certificate_chain_pem: signed.cert.pem(), private_key_pem: signed.signing_key.serialize_pem() };
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, signed.cert.pem()).expect("it is written");
    let server = start(Server::builder().tls(tls).access(passwords())).await;
    let port = server.address().port();

    let trusting = client_with(&format!("esdb://admin:s3cret@localhost:{port}?tlsCaFile={}", ca.display()));
    trusting.append_to_stream("s", &Default::default(), events(0..3)).await?;
    let read = numbers_of(trusting.read_stream("s", &Default::default()).await?).await?;
    assert_eq!(read, [0, 1, 2]);

    let other = client_with(&format!("esdb://admin:s3cret@localhost:{port}?maxDiscoverAttempts=1"));
    assert!(
        other.append_to_stream("s", &Default::default(), event(3)).await.is_err(),
        "it trusts others only"
    );
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_its_key_is_refused() {
    let certificate =
        || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (one, other) = (certificate(), certificate());
    let tls =
        Tls { certificate_chain_pem: one.cert.pem(), private_key_pem: other.signing_key.serialize_pem() };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let refused = Server::builder().tls(tls).start(listener).await;
    assert!(matches!(refused, Err(StartError::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn a_client_that_discovers_the_cluster_finds_its_one_node() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client_with(&format!("esdb+discover://{}?tls=false", server.address()));
    client.append_to_stream("s", &Default::default(), event(0)).await?;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_directory_keeps_what_was_answered_for_the_next_server() -> kurrentdb::Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = Storage::Directory { path: directory.path().to_owned(), flush: Flush::EveryBatch };
    let batch = events(0..5);
    let server = start(Server::builder().storage(storage.clone())).await;
    let first = client(&server);
    let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
    let written = first.append_to_stream("s", &options, batch.clone()).await?;

    // The directory is this server's alone.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let refused = Server::builder().storage(storage.clone()).start(listener).await;
    assert!(matches!(refused, Err(StartError::Log(LogError::Locked { .. }))), "{refused:?}");
    server.stop().await;

    let config = Config { storage, ..Config::default() };
    let server = start(Server::with_config(config)).await;
    let second = client(&server);
    let again = second.append_to_stream("s", &options, batch).await?;
    assert_eq!((again.next_expected_version, again.position), (4, written.position));
    assert_eq!(numbers_of(second.read_stream("s", &Default::default()).await?).await?, [0, 1, 2, 3, 4]);
    server.stop().await;
    Ok(())
}
