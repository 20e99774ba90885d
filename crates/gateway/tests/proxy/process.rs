//! The process: its command line, its signals, and what it trusts.

use std::convert::Infallible;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};

use crate::support::{Service, get, scripted, text, within};

/// The program, far from any real account: AWS is what listens at that address.
fn gateway_with(endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .env_clear()
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The program, where nobody is AWS.
fn gateway() -> Command {
    gateway_with("http://127.0.0.1:9")
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn configuration(upstream: &str, queue: &str) -> tempfile::NamedTempFile {
    file(&format!(
        "listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[events]\nqueue_url = \"{queue}\"\n[timeouts]\nflush_seconds = 1\n\
         [[routes]]\nprefix = \"/\"\nservice = \"A\"\nupstreams = [\"{upstream}\"]\n"
    ))
}

/// What the process says of itself when it listens.
async fn announced(child: &mut Child) -> Value {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    serde_json::from_str(&within(lines.next_line()).await.unwrap().expect("it ended")).unwrap()
}

fn signal(child: &Child, name: &str) {
    let status =
        std::process::Command::new("kill").args(["-s", name, &child.id().unwrap().to_string()]).status();
    assert!(status.unwrap().success());
}

/// A queue that takes all that comes, by HTTP.
async fn queue() -> Service {
    Service::of(|request: http::Request<axum::body::Body>| async {
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let taken = body["Entries"].as_array().unwrap().iter();
        let taken: Vec<_> = taken
            .map(|entry| serde_json::json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }))
            .collect();
        axum::Json(serde_json::json!({ "Successful": taken, "Failed": [] }))
    })
    .await
}

#[tokio::test]
async fn it_says_where_it_listens_serves_and_ends_in_order_on_a_signal() {
    let (mirror, queue) = (Service::mirror().await, queue().await);
    for name in ["TERM", "INT"] {
        let file = configuration(&mirror.url(), &format!("{}/000000000000/events", queue.url()));
        let mut child = gateway_with(&queue.url()).arg(file.path()).spawn().unwrap();
        let addresses = announced(&mut child).await;
        let (listen, admin) = (addresses["listen"].as_str().unwrap(), addresses["admin"].as_str().unwrap());
        assert_eq!(get(format!("http://{listen}/x")).await.status(), StatusCode::OK);
        assert_eq!(get(format!("http://{admin}/health/ready")).await.status(), StatusCode::OK);
        signal(&child, name);
        let output = within(child.wait_with_output()).await.unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{log}");
        let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!((&last["message"], &last["level"]), (&"ended".into(), &"INFO".into()), "{log}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let asked = Arc::new(Notify::new());
    let service = Service::of({
        let asked = Arc::clone(&asked);
        move |_: http::Request<axum::body::Body>| {
            asked.notify_one();
            std::future::pending::<&str>()
        }
    })
    .await;
    let file = configuration(&service.url(), "http://127.0.0.1:9/000000000000/events");
    let mut child = gateway().arg(file.path()).spawn().unwrap();
    let addresses = announced(&mut child).await;
    let _request = tokio::spawn(get(format!("http://{}/", addresses["listen"].as_str().unwrap())));
    within(asked.notified()).await;
    signal(&child, "TERM");
    let draining = async {
        let url = format!("http://{}/health/ready", addresses["admin"].as_str().unwrap());
        while get(url.clone()).await.status() == StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    within(draining).await;
    signal(&child, "TERM");
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(130));
}

#[tokio::test]
async fn a_file_is_checked_and_all_that_is_wrong_is_told() {
    let good = configuration("http://127.0.0.1:9001", "http://127.0.0.1:4566/000000000000/events");
    let output = within(gateway().arg("--check").arg(good.path()).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("is in order: 1 route to 1 upstream"));

    let bad = file("listen = 8080\n[[routes]]\n");
    let output = within(gateway().arg("--check").arg(bad.path()).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("has 4 mistakes") && said.contains(":1:10"), "{said}");

    for (arguments, code, words) in [
        (vec!["nowhere.toml"], 1, "cannot read the configuration file nowhere.toml"),
        (vec!["--unheard-of"], 64, "unexpected argument"),
    ] {
        let output = within(gateway().args(arguments).output()).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn without_a_queue_it_does_not_start() {
    let file = file("[[routes]]\nprefix = \"/\"\nservice = \"A\"\nupstreams = [\"http://127.0.0.1:9001\"]\n");
    let output = within(gateway().arg(file.path()).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("set HEADWATER_QUEUE_URL, or `queue_url` in [events]"), "{said}");
}

#[tokio::test]
async fn a_queue_of_the_environment_is_checked_as_one_of_the_file_is() {
    let file = file("[[routes]]\nprefix = \"/\"\nservice = \"A\"\nupstreams = [\"http://127.0.0.1:9001\"]\n");
    for url in ["nonsense", "https://sqs.eu-central-1.amazonaws.com/1/a.fifo"] {
        let check = gateway().arg(file.path()).arg("--check").env("HEADWATER_QUEUE_URL", url).output();
        let output = within(check).await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!("--queue-url is {url:?}; write the URL of an SQS queue that is not FIFO");
        assert!(said.contains(&expected), "{said}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = file(&format!(
        "listen = \"{address}\"\nadmin = \"127.0.0.1:0\"\n[events]\nqueue_url = \"http://127.0.0.1:9/0/events\"\n[[routes]]\n\
         prefix = \"/\"\nservice = \"A\"\nupstreams = [\"http://127.0.0.1:9001\"]\n"
    ));
    let output = within(gateway().arg(file.path()).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("could not listen on {address}, which is `listen`")), "{said}");
}

/// A service with TLS that says which version it was asked by. Its certificate is in the file.
async fn with_tls() -> (Service, tempfile::NamedTempFile) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let service = scripted(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            let Ok(stream) = accepting.await else { return };
            let answer = service_fn(async |request: Request<Incoming>| {
                Ok::<_, Infallible>(Response::new(format!("{:?}", request.version())))
            });
            let http = auto::Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(stream), answer).await;
        }
    })
    .await;
    (service, file(&cert.pem()))
}

#[tokio::test]
async fn an_upstream_with_tls_is_verified_by_the_systems_certificates() {
    let ((service, certificate), (_, another)) = (with_tls().await, with_tls().await);
    for (trusted, http2, answer) in [
        (&certificate, false, Some("HTTP/1.1")),
        (&certificate, true, Some("HTTP/2.0")),
        (&another, false, None),
    ] {
        let mut file =
            configuration(&format!("https://{}", service.address), "http://127.0.0.1:9/000000000000/events");
        writeln!(file, "http2 = {http2}").unwrap();
        let mut child = gateway().env("SSL_CERT_FILE", trusted.path()).arg(file.path()).spawn().unwrap();
        let addresses = announced(&mut child).await;
        let response = get(format!("http://{}/", addresses["listen"].as_str().unwrap())).await;
        match answer {
            Some(answer) => assert_eq!(text(response).await, answer),
            None => assert_eq!(response.status(), StatusCode::BAD_GATEWAY),
        }
    }
}
