//! Which request a call belongs to.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use gateway::{Context, ContextLayer, RequestId, TraceContext};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

use crate::calls::{Observed, data};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const AS_REQUEST_ID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    let [value] = values[..] else { panic!("{name}: {values:?}") };
    value.to_str().unwrap()
}

/// What goes out for a request with these headers, and the events of the call.
async fn call(sent: HeaderMap, extension: Option<Context>) -> (HeaderMap, Vec<event::Event>) {
    let observed = Observed::start();
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let service = {
        let seen = Arc::clone(&seen);
        service_fn(move |request: Request<()>| {
            *seen.lock().unwrap() = request.headers().clone();
            ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
        })
    };
    let mut request = Request::new(());
    *request.headers_mut() = sent;
    extension.and_then(|context| request.extensions_mut().insert(context));
    observed.layer().layer(service).oneshot(request).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    (seen, observed.events().await)
}

#[tokio::test]
async fn the_request_id_is_taken_else_derived_from_the_trace_else_made() {
    let given =
        headers(&[("x-request-id", "order-7"), ("traceparent", TRACEPARENT), ("tracestate", "a=1,b=2")]);
    let (seen, events) = call(given, None).await;
    assert_eq!((text(&seen, "x-request-id"), text(&seen, "tracestate")), ("order-7", "a=1,b=2"));
    assert_eq!(events[0].request_id(), "order-7");
    assert_eq!(data(&events[0]).parent.as_deref(), Some("00f067aa0ba902b7"));

    let (seen, events) = call(headers(&[("traceparent", TRACEPARENT)]), None).await;
    assert_eq!(text(&seen, "x-request-id"), AS_REQUEST_ID);
    assert_eq!(events[1].request_id(), AS_REQUEST_ID);
    let span = data(&events[0]).span.unwrap().into_owned();
    assert_eq!(text(&seen, "traceparent"), format!("00-{TRACE}-{span}-01"));

    let (seen, events) = call(HeaderMap::new(), None).await;
    let made = text(&seen, "x-request-id");
    assert_eq!(events[0].request_id(), made);
    assert_eq!(uuid::Uuid::parse_str(made).unwrap().get_version_num(), 4);
    let traceparent = text(&seen, "traceparent");
    assert_eq!(traceparent[3..35], made.replace('-', ""), "a new request has the id of its trace");
    assert_eq!(data(&events[0]).parent, None);
    let (other, _) = call(HeaderMap::new(), None).await;
    assert_ne!(text(&other, "x-request-id"), made);
}

#[tokio::test]
async fn a_hostile_request_id_counts_as_none() {
    let long = "x".repeat(129);
    for hostile in ["", " ", "a b", "a\tb", "caf\u{e9}", long.as_str()] {
        let mut sent = headers(&[("traceparent", TRACEPARENT)]);
        sent.insert("x-request-id", HeaderValue::from_bytes(hostile.as_bytes()).unwrap());
        let (seen, events) = call(sent, None).await;
        assert_eq!((text(&seen, "x-request-id"), events[0].request_id()), (AS_REQUEST_ID, AS_REQUEST_ID));
    }
    let twice = headers(&[("x-request-id", "a"), ("x-request-id", "b"), ("traceparent", TRACEPARENT)]);
    assert_eq!(text(&call(twice, None).await.0, "x-request-id"), AS_REQUEST_ID);
    let longest = "x".repeat(128);
    assert_eq!(text(&call(headers(&[("x-request-id", &longest)]), None).await.0, "x-request-id"), longest);
}

#[test]
fn traceparent_is_read_by_the_rules_of_w3c() {
    let read = |value: &str| TraceContext::from_headers(&headers(&[("traceparent", value)]));
    let known = read(TRACEPARENT).unwrap();
    assert_eq!(
        (known.trace().to_string().as_str(), known.parent().unwrap().to_string().as_str()),
        (TRACE, "00f067aa0ba902b7")
    );
    for valid in [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        // Flags that are not known yet.
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
        // Versions that are not known yet.
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-holds",
    ] {
        assert_eq!(read(valid).map(|read| read.trace()), Some(known.trace()), "{valid}");
    }
    for invalid in [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(read(invalid), None, "{invalid}");
    }
    assert_eq!(
        TraceContext::from_headers(&headers(&[("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)])),
        None
    );
}

proptest! {
    #[test]
    fn no_traceparent_makes_it_panic(value in "[ -~]{0,70}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,3}") {
        if let Ok(value) = HeaderValue::from_str(&value) {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", value);
            let _ = TraceContext::from_headers(&headers);
        }
    }

    #[test]
    fn a_request_id_is_what_is_visible_and_short(text in "\\PC{0,140}") {
        let taken = (1..=128).contains(&text.len()) && text.bytes().all(|byte| (0x21..0x7F).contains(&byte));
        prop_assert_eq!(RequestId::parse(&text).is_some(), taken);
    }
}

#[tokio::test]
async fn a_trace_that_is_not_valid_loses_its_state() {
    let sent = headers(&[("traceparent", "garbage"), ("tracestate", "a=1")]);
    let (seen, _) = call(sent, None).await;
    assert!(!seen.contains_key("tracestate"));
    assert!(text(&seen, "traceparent").starts_with("00-"));
    let several = headers(&[("traceparent", TRACEPARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    assert_eq!(text(&call(several, None).await.0, "tracestate"), "a=1,b=2");
}

#[tokio::test]
async fn a_call_without_headers_belongs_to_the_context_of_its_extensions_or_of_its_task() {
    let incoming =
        headers(&[("x-request-id", "order-7"), ("traceparent", TRACEPARENT), ("tracestate", "a=1")]);
    let context = Context::from_headers(&incoming);
    let inherited = |(seen, events): (HeaderMap, Vec<event::Event>)| {
        assert_eq!((text(&seen, "x-request-id"), text(&seen, "tracestate")), ("order-7", "a=1"));
        assert!(text(&seen, "traceparent").starts_with(&format!("00-{TRACE}-")));
        assert_eq!(events[0].request_id(), "order-7");
        assert_eq!(data(&events[0]).parent.as_deref(), Some("00f067aa0ba902b7"));
    };
    inherited(call(HeaderMap::new(), Some(context.clone())).await);
    inherited(context.clone().scope(call(HeaderMap::new(), None)).await);
    // The headers come first, each for itself.
    let (seen, _) = context.clone().scope(call(headers(&[("x-request-id", "mine")]), None)).await;
    assert_eq!(text(&seen, "x-request-id"), "mine");
    assert!(text(&seen, "traceparent").starts_with(&format!("00-{TRACE}-")));
    assert_eq!(Context::current(), None);
}

#[tokio::test]
async fn calls_that_a_handler_makes_belong_to_the_request_that_it_handles() {
    let observed = Observed::start();
    let client = observed
        .layer()
        .layer(service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))));
    let handler = move || async move {
        for _ in 0..2 {
            client.clone().oneshot(Request::new(())).await.unwrap();
        }
        Context::current().unwrap().request_id().to_string()
    };
    let router = Router::new().route("/", get(handler)).layer(ContextLayer);
    let incoming = Request::get("/").header("traceparent", TRACEPARENT).body(axum::body::Body::empty());
    let response = router.oneshot(incoming.unwrap()).await.unwrap();
    assert_eq!(text(response.headers(), "x-request-id"), AS_REQUEST_ID);
    let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
    assert_eq!(body, AS_REQUEST_ID);
    let events = observed.events().await;
    assert_eq!(events.len(), 4);
    for event in &events {
        assert_eq!(event.request_id(), AS_REQUEST_ID);
        assert_eq!(data(event).parent.as_deref(), Some("00f067aa0ba902b7"));
    }
    assert_ne!(data(&events[0]).span, data(&events[2]).span);
}
