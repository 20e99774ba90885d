//! Bytes of people who mean no good.

use std::sync::{Arc, Mutex, OnceLock};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;

use crate::support::{Gateway, Service, get, http1, http2, route, text, within};

/// A service that remembers the lines of what it was asked, and the bodies.
async fn remembering() -> (Service, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let service = Service::of({
        let asked = Arc::clone(&asked);
        move |request: Request<Body>| {
            let asked = Arc::clone(&asked);
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let body = request.into_body().collect().await.unwrap().to_bytes();
                asked.lock().unwrap().push(format!("{line} {}", String::from_utf8_lossy(&body)));
                "ok"
            }
        }
    })
    .await;
    (service, asked)
}

#[tokio::test]
async fn paths_that_could_mean_another_place_are_refused_and_never_reach_a_service() {
    let (service, asked) = remembering().await;
    let gateway = Gateway::before(&service).await;
    for path in [
        "/a/../admin",
        "/a/%2e%2e/admin",
        "/a/.%2E/admin",
        "/a/..%2fadmin",
        "/a/..%5cadmin",
        "/a/..;/admin",
        "/./a",
        "//evil.example/",
        "/a%00",
        "/a%0d%0aHost:%20evil",
        "/%zz",
        "/a\\..\\admin",
        "/a/..",
    ] {
        let answer =
            gateway.raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_is_one_request_to_the_service_too() {
    // RFC 9112, 6.3: where both are there, the chunks count, and a length or coding that is unclear is refused.
    let (service, asked) = remembering().await;
    let gateway = Gateway::before(&service).await;
    let inner = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let post = |headers: &str, body: &str| {
        format!("POST /outer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n\r\n{body}")
    };
    let refused = [
        post(&format!("content-length: 0\r\ncontent-length: {}", inner.len()), inner),
        post("content-length: +5", "hello"),
        post("content-length: 5, 6", "hello"),
        post("content-length: -1", "hello"),
        post("transfer-encoding: chunked, identity", &format!("0\r\n\r\n{inner}")),
        post("transfer-encoding: xchunked", &format!("0\r\n\r\n{inner}")),
        post("transfer-encoding : chunked", &format!("0\r\n\r\n{inner}")),
        post("x-a: b\r\n content-length: 5", "hello"),
        post("x-a: b\0c", "hello"),
        format!("POST /outer HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
    ];
    for request in refused {
        let answer = gateway.raw(&request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"),
            "{request}\n{answer}"
        );
    }
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
    for headers in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        let answer = gateway.raw(post(headers, "5\r\nhello\r\n0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(std::mem::take(&mut *asked.lock().unwrap()), ["POST /outer hello"]);
    }
    let broken = gateway.raw(post("transfer-encoding: chunked", "zz\r\nhello\r\n0\r\n\r\n")).await;
    assert!(!broken.starts_with("HTTP/1.1 200"), "{broken}");
}

#[tokio::test]
async fn hosts_that_are_missing_or_many_or_none_are_refused() {
    let (service, asked) = remembering().await;
    let gateway = Gateway::before(&service).await;
    for hosts in
        ["", "host: a\r\nhost: b\r\n", "host: a b\r\n", "host: user@a\r\n", "host: a/b\r\n", "host:\r\n"]
    {
        let answer = gateway.raw(format!("GET / HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{hosts}: {answer}");
    }
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
    // A whole URI counts instead of Host, and only its path leads anywhere.
    let answer = gateway.raw("GET http://a.example/x HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(*asked.lock().unwrap(), ["GET /x "]);
}

#[tokio::test]
async fn tunnels_and_trace_are_not_served() {
    let (service, asked) = remembering().await;
    let gateway = Gateway::before(&service).await;
    for line in ["CONNECT 127.0.0.1:22 HTTP/1.1", "TRACE / HTTP/1.1"] {
        let answer = gateway.raw(format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 501"), "{line}: {answer}");
    }
    let connect = Request::connect(gateway.address.to_string()).body(Full::<Bytes>::default()).unwrap();
    let response = within(http2().request(connect)).await;
    assert!(response.is_err() || response.unwrap().status() == StatusCode::NOT_IMPLEMENTED);
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_and_the_next_client_is_served() {
    let (service, _) = remembering().await;
    let gateway = Gateway::start(crate::support::parse(&format!(
        "[limits]\nheader_kib = 8\n[[routes]]\nprefix = \"/\"\nservice = \"A\"\nupstreams = [\"{}\"]\n",
        service.url()
    )))
    .await;
    let large = "a".repeat(100_000);
    let answer = gateway.raw(format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {large}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
    let answer = gateway.raw(format!("GET /{large} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    assert!(
        answer.starts_with("HTTP/1.1 414") || answer.starts_with("HTTP/1.1 431") || answer.is_empty(),
        "{answer}"
    );
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    let answer = gateway.raw(format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(text(get(gateway.url("/")).await).await, "ok");
}

#[tokio::test]
async fn a_request_that_goes_in_a_circle_ends() {
    // A service that asks the proxy again, by whose name it was asked.
    let proxy = Arc::<OnceLock<String>>::default();
    let service = Service::of({
        let proxy = Arc::clone(&proxy);
        move |request: Request<Body>| {
            let again = Request::get(proxy.get().unwrap().clone()).header("via", &request.headers()["via"]);
            async move {
                let again = again.body(Full::<Bytes>::default()).unwrap();
                http1().request(again).await.unwrap().status()
            }
        }
    })
    .await;
    let gateway = Gateway::before(&service).await;
    proxy.set(gateway.url("/")).unwrap();
    assert_eq!(get(gateway.url("/")).await.status(), StatusCode::LOOP_DETECTED);
}

#[test]
fn no_bytes_harm_the_proxy() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (gateway, _service) = runtime.block_on(async {
        let (service, _) = remembering().await;
        let mut configuration = route(&service.url(), "");
        // Whoever sends half a head is to be gone soon.
        configuration.timeouts.client_header = std::time::Duration::from_millis(50);
        configuration.timeouts.client_idle = std::time::Duration::from_millis(50);
        (Gateway::start(configuration).await, service)
    });
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::sample::select(vec![
            "GET / HTTP/1.1\r\n",
            "host: x\r\n",
            "\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "transfer-encoding: chunked\r\n",
            "content-length: 99999999999999999999\r\n",
            "ffffffffffffffff\r\n",
            "connection: close, x\r\n",
            "expect: 100-continue\r\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let config = ProptestConfig { cases: 48, ..ProptestConfig::default() };
    proptest!(config, |(pieces in prop::collection::vec(piece, 0..8))| {
        runtime.block_on(gateway.raw(pieces.concat()));
    });
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    runtime.block_on(gateway.raw_until(request, "HTTP/1.1 200 OK"));
}
