//! Health, metrics, and the end in good order.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use event::call::{FAILURE, RESPONSE};
use gateway::proxy::Drained;
use http::{Request, StatusCode, Version};
use http_body_util::Full;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{Gateway, Service, client, get, read_until, route, text, within};

#[tokio::test]
async fn at_its_end_a_proxy_is_not_ready_takes_no_connection_and_finishes_what_it_has() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
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
        let gateway = Gateway::before(&service).await;
        let (address, admin, queue) = (gateway.address, gateway.admin, gateway.queue.clone());
        let health = |path: &str| get(format!("http://{admin}/health/{path}"));
        assert_eq!(health("ready").await.status(), StatusCode::OK);
        let mut idle = gateway.connect().await;
        let request = Request::get(gateway.url("/")).body(Full::<bytes::Bytes>::default()).unwrap();
        let response = tokio::spawn(client(version).request(request));
        within(asked.notified()).await;

        let ended = gateway.end();
        // An idle connection is ended at once, which says that the end has begun.
        assert_eq!(within(read_until(&mut idle, "never")).await, "");
        assert_eq!(health("ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(health("live").await.status(), StatusCode::OK);
        assert!(TcpStream::connect(address).await.is_err());
        go.notify_one();
        assert_eq!(text(within(response).await.unwrap().unwrap()).await, "done");
        assert_eq!(within(ended).await.unwrap(), Drained { finished: 2, cut_off: 0 });
        let ends = queue.events();
        assert!(ends.iter().any(|event| event.event_type() == RESPONSE));
    }
}

#[tokio::test]
async fn what_is_not_done_in_time_is_cut_off_and_told_of() {
    let asked = Arc::new(Notify::new());
    let service = Service::of({
        let asked = Arc::clone(&asked);
        move |_: Request<Body>| {
            asked.notify_one();
            pending::<&str>()
        }
    })
    .await;
    let mut configuration = route(&service.url(), "");
    configuration.timeouts.drain = Duration::from_millis(50);
    let gateway = Gateway::start(configuration).await;
    let queue = gateway.queue.clone();
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    within(asked.notified()).await;
    assert_eq!(within(gateway.end()).await.unwrap(), Drained { finished: 0, cut_off: 1 });
    assert_eq!(within(read_until(&mut stream, "never")).await, "");
    let failure = queue.events().into_iter().find(|event| event.event_type() == FAILURE).unwrap();
    assert_eq!(failure.data().get("Error").and_then(serde_json::Value::as_str), Some("cancelled"));
}

#[tokio::test]
async fn metrics_tell_of_requests_by_service_and_of_nothing_that_a_client_made_up() {
    let service = Service::of(|request: Request<Body>| async move {
        match request.uri().path() {
            "/empty" => (StatusCode::FOUND, [("location", "/a")]).into_response(),
            _ => "whole".into_response(),
        }
    });
    let service = service.await;
    let mut configuration = route(&service.url(), "");
    configuration.routes[0].service = "Metered".into();
    let gateway = Gateway::start(configuration).await;
    for path in ["/a?secret", "/b", "/empty"] {
        text(get(gateway.url(path)).await).await;
    }
    get(gateway.url("/%zz")).await;
    let lines = [
        "headwater_gateway_requests_total{service=\"Metered\",status=\"2xx\"} 2",
        "headwater_gateway_requests_total{service=\"Metered\",status=\"3xx\"} 1",
        "headwater_gateway_requests_total{service=\"Metered\",status=\"aborted\"} 0",
        "headwater_gateway_requests_in_flight{service=\"Metered\"} 0",
        "headwater_gateway_request_duration_seconds_count{service=\"Metered\"} 3",
        "# TYPE headwater_gateway_request_duration_seconds histogram",
        "# HELP headwater_gateway_connections Connections of clients.",
    ];
    // A client may have a response a moment before the proxy is done with it.
    let metrics = within(async {
        loop {
            let metrics = text(get(format!("http://{}/metrics", gateway.admin)).await).await;
            if lines.iter().all(|line| metrics.contains(line)) {
                return metrics;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!metrics.contains("secret") && !metrics.contains("zz"));
}
