//! Services that fail, clients that dawdle, and limits that are reached.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use event::call::{FAILURE, REQUEST, RESPONSE};
use http::{Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use crate::support::{
    Gateway, Service, client, get, nobody, parse, read_until, route, scripted, text, within,
};

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_service_that_is_not_there_is_a_bad_gateway_and_nothing_of_it_is_told() {
    let nobody = nobody().await;
    let gateway = Gateway::start(route(&format!("http://{nobody}"), "")).await;
    let response = get(gateway.url("/")).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.headers().contains_key("x-request-id"));
    let body = text(response).await;
    insta::assert_snapshot!(body, @r#"{"detail":"the service cannot be reached","status":502,"title":"Bad Gateway"}"#);
    assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "connect");
}

#[tokio::test]
async fn a_path_without_a_service_is_not_found_and_no_event() {
    let mirror = Service::mirror().await;
    let gateway = Gateway::start(parse(&format!(
        "[[routes]]\nprefix = \"/orders\"\nservice = \"A\"\nupstreams = [\"{}\"]\n",
        mirror.url()
    )))
    .await;
    assert_eq!(get(gateway.url("/orders2")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(gateway.url("/orders")).await.status(), StatusCode::OK);
    gateway.events(RESPONSE, 1).await;
    assert_eq!(gateway.queue.accepted().len(), 2);
}

#[tokio::test]
async fn a_service_that_breaks_the_connection_or_the_protocol_is_a_bad_gateway() {
    for answer in [
        "",
        "HTTP/1.1 ",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let service = scripted(move |mut stream| async move {
            read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let gateway = Gateway::before(&service).await;
        assert_eq!(get(gateway.url("/")).await.status(), StatusCode::BAD_GATEWAY, "{answer:?}");
        assert_eq!(gateway.events(FAILURE, 1).await.len(), 1);
    }
}

#[tokio::test]
async fn a_status_of_the_service_is_passed_on_and_a_failure_is_told_of() {
    let service = Service::of(|_: Request<Body>| async { (StatusCode::SERVICE_UNAVAILABLE, "busy") }).await;
    let gateway = Gateway::before(&service).await;
    let response = get(gateway.url("/")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(response).await, "busy");
    let failure = gateway.events(FAILURE, 1).await.remove(0);
    assert_eq!((&failure["Error"], &failure["Status"]), (&Value::from("status"), &Value::from(503)));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_a_timeout() {
    let service = Service::of(|_: Request<Body>| pending::<&str>()).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
        let mut configuration = route(&service.url(), http2);
        configuration.timeouts.response_header = SOON;
        let gateway = Gateway::start(configuration).await;
        assert_eq!(get(gateway.url("/")).await.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "timeout");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_a_timeout() {
    // TLS is never begun from the other side.
    let service = scripted(|stream| async move {
        let _stream = stream;
        pending::<()>().await;
    })
    .await;
    let mut configuration = route(&format!("https://{}", service.address), "");
    configuration.timeouts.connect = SOON;
    let gateway = Gateway::start(configuration).await;
    assert_eq!(get(gateway.url("/")).await.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "connect");
}

#[tokio::test]
async fn a_client_that_sends_no_more_of_its_body_is_told() {
    let mirror = Service::mirror().await;
    let mut configuration = route(&mirror.url(), "");
    configuration.timeouts.body_idle = SOON;
    let gateway = Gateway::start(configuration).await;
    let answer = gateway.raw("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "cancelled");
}

#[tokio::test]
async fn a_service_that_sends_no_more_of_its_body_is_cut_off() {
    let service = scripted(|mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
        pending::<()>().await;
    })
    .await;
    let mut configuration = route(&service.url(), "");
    configuration.timeouts.body_idle = SOON;
    let gateway = Gateway::start(configuration).await;
    let response = get(gateway.url("/")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(within(response.into_body().collect()).await.is_err());
    assert_eq!(gateway.events(FAILURE, 1).await.len(), 1);
}

#[tokio::test]
async fn a_client_that_takes_no_more_of_a_response_is_cut_off() {
    let service = Service::of(|_: Request<Body>| async {
        let chunk = || Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![0; 64 * 1024])));
        Response::new(Body::new(StreamBody::new(futures::stream::repeat_with(chunk))))
    })
    .await;
    let mut configuration = route(&service.url(), "");
    configuration.timeouts.body_idle = Duration::from_millis(200);
    let gateway = Gateway::start(configuration).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // Nothing is read: the proxy ends it, and with it the call.
    assert_eq!(gateway.events(RESPONSE, 1).await[0]["Status"], 200);
}

#[tokio::test]
async fn a_head_that_trickles_and_a_connection_without_requests_are_ended() {
    let mirror = Service::mirror().await;
    let mut configuration = route(&mirror.url(), "");
    configuration.timeouts.client_header = SOON;
    configuration.timeouts.client_idle = SOON;
    let gateway = Gateway::start(configuration).await;
    for begin in ["", "GET", "GET / HTTP/1.1\r\nhost: x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = gateway.raw(begin).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // The end comes after the response, and not before.
    gateway.raw_until("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 200 OK").await;
}

/// A service that answers when it is told to, and tells when it is asked.
async fn waiting() -> (Service, Arc<Notify>, Arc<Notify>) {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = Service::of({
        let (asked, go) = (Arc::clone(&asked), Arc::clone(&go));
        move |_: Request<Body>| {
            let (asked, go) = (Arc::clone(&asked), Arc::clone(&go));
            async move {
                asked.notify_one();
                go.notified().await;
                "done"
            }
        }
    })
    .await;
    (service, asked, go)
}

#[tokio::test]
async fn more_requests_than_a_service_may_have_are_refused_and_later_ones_are_not() {
    let (service, asked, go) = waiting().await;
    let mut configuration = route(&service.url(), "");
    configuration.limits.requests_per_service = 1;
    let gateway = Gateway::start(configuration).await;
    let first = tokio::spawn(get(gateway.url("/")));
    within(asked.notified()).await;
    let refused = get(gateway.url("/")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "overloaded");
    go.notify_one();
    assert_eq!(text(first.await.unwrap()).await, "done");
    go.notify_one();
    assert_eq!(text(get(gateway.url("/")).await).await, "done");
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_for_one_to_end() {
    let mirror = Service::mirror().await;
    let mut configuration = route(&mirror.url(), "");
    configuration.limits.connections = 1;
    let gateway = Gateway::start(configuration).await;
    let mut first = gateway.connect().await;
    first.write_all(b"GET /first HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(within(read_until(&mut first, "GET /first HTTP/1.1")).await.contains("200 OK"));
    let url = gateway.url("/second");
    let mut second = tokio::spawn(get(url));
    // The first is served as long as it lasts, the second not before that.
    first.write_all(b"GET /again HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(within(read_until(&mut first, "GET /again HTTP/1.1")).await.contains("200 OK"));
    assert!(tokio::time::timeout(SOON, &mut second).await.is_err());
    drop(first);
    assert_eq!(within(second).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn where_one_upstream_does_not_let_connect_the_next_is_tried_if_nothing_can_happen_twice() {
    let (nobody, mirror) = (nobody().await, Service::mirror().await);
    let configuration = || {
        parse(&format!(
            "[[routes]]\nprefix = \"/\"\nservice = \"A\"\nconnect_attempts = 2\nupstreams = [\"http://{nobody}\", {:?}]\n",
            mirror.url()
        ))
    };
    let gateway = Gateway::start(configuration()).await;
    let request = Request::put(gateway.url("/")).body(Full::<Bytes>::default()).unwrap();
    let response = within(client(Version::HTTP_11).request(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let attempts: Vec<Value> =
        gateway.events(REQUEST, 2).await.iter().map(|data| data["Attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "connect");
    assert_eq!(gateway.events(RESPONSE, 1).await[0]["Attempt"], 2);

    // Of requests at once, none tries the same upstream twice.
    let gateway = Gateway::start(configuration()).await;
    let calls = (0..16).map(|_| get(gateway.url("/")));
    let responses = within(futures::future::join_all(calls)).await;
    assert!(responses.iter().all(|response| response.status() == StatusCode::OK));

    for (method, body) in [("POST", ""), ("PUT", "body")] {
        let gateway = Gateway::start(configuration()).await;
        let request = Request::builder()
            .method(method)
            .uri(gateway.url("/"))
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let response = within(client(Version::HTTP_11).request(request)).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY, "{method}");
    }
}
