//! What a call says of itself, however it ends.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use event::Event;
use event::call::{Call, ErrorClass, FAILURE, REQUEST, RESPONSE};
use gateway::{Attempt, CallLayer, Classify, Delivery, Producer, Route};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::queue::{Queue, settings};

/// A producer whose events can be looked at.
pub(crate) struct Observed {
    queue: Queue,
    pub(crate) producer: Producer,
    delivery: Delivery,
}

impl Observed {
    pub(crate) fn start() -> Self {
        let queue = Queue::open();
        let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
        Self { queue, producer, delivery }
    }

    pub(crate) fn layer(&self) -> CallLayer {
        CallLayer::new(self.producer.clone(), "orders")
    }

    pub(crate) async fn events(self) -> Vec<Event> {
        assert_eq!(self.delivery.shutdown(Duration::from_secs(5)).await.left, 0);
        self.queue.events()
    }
}

pub(crate) fn data(event: &Event) -> Call<'_> {
    Call::from_data(event.data()).unwrap()
}

fn request() -> Request<()> {
    Request::get("http://orders.internal/orders/4711?token=secret").body(()).unwrap()
}

/// The second event of a call to a service that does that with it.
async fn closing<E, R, F>(answer: impl Fn(Request<()>) -> F + Clone) -> Event
where
    gateway::Sources: Classify<E>,
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    let observed = Observed::start();
    if let Ok(response) = observed.layer().layer(service_fn(answer)).oneshot(request()).await {
        let _ = response.into_body().collect().await;
    }
    let mut events = observed.events().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].event_type(), REQUEST);
    events.remove(1)
}

/// Frames one after the other, and then the end, or nothing for ever.
struct Frames(Vec<Option<Result<&'static str, &'static str>>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let frame = self.0.remove(0);
        Poll::Ready(frame.map(|frame| frame.map(|text| Frame::data(text.into())).map_err(Into::into)))
    }
}

#[tokio::test]
async fn a_call_is_two_events_that_belong_together() {
    let observed = Observed::start();
    let mut request = request();
    request.extensions_mut().insert(Route("/orders/{id}".into()));
    request.extensions_mut().insert(Attempt(2));
    let service = service_fn(|_| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("an order")))));
    let response = observed.layer().layer(service).oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "an order");

    let events = observed.events().await;
    let [request, response] = &events[..] else { panic!("{events:?}") };
    assert_eq!((request.event_type(), response.event_type()), (REQUEST, RESPONSE));
    assert_eq!((request.source(), response.source()), ("shop", "shop"));
    assert_eq!(request.request_id(), response.request_id());
    assert_ne!(request.id(), response.id());
    assert!(request.timestamp() < response.timestamp());

    let span = data(request).span.unwrap();
    assert_eq!(span.len(), 16);
    let begun = Call {
        name: "orders".into(),
        span: Some(span),
        method: Some("GET".into()),
        route: Some("/orders/{id}".into()),
        attempt: Some(2),
        ..Call::default()
    };
    assert_eq!(data(request), begun);
    let duration_microseconds = data(response).duration_microseconds;
    assert!(duration_microseconds.is_some());
    assert_eq!(data(response), Call { status: Some(200), duration_microseconds, ..begun });
}

#[tokio::test]
async fn neither_path_nor_query_is_told() {
    let observed = Observed::start();
    let service = service_fn(|_| ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))));
    observed.layer().layer(service).oneshot(request()).await.unwrap();
    for event in observed.events().await {
        assert_eq!((data(&event).route, data(&event).attempt), (None, None));
        let json = event.to_json();
        assert!(!json.contains("4711") && !json.contains("secret") && !json.contains("token"), "{json}");
    }
}

#[tokio::test]
async fn the_template_that_axum_matched_is_the_route() {
    let observed = Observed::start();
    let layer = observed.layer();
    let forward = move |request: axum::extract::Request| {
        layer
            .layer(service_fn(|_| ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))))
            .oneshot(request)
    };
    let handler = move |request| async move { forward(request).await.map(|_| ()).unwrap() };
    let router = axum::Router::new().route("/orders/{id}", axum::routing::get(handler));
    let request = Request::get("/orders/4711").body(axum::body::Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
    for event in observed.events().await {
        assert_eq!(data(&event).route.as_deref(), Some("/orders/{id}"));
    }
}

#[tokio::test]
async fn a_status_from_500_on_is_a_failure_and_below_it_is_a_response() {
    for (status, event_type, error) in [
        (200, RESPONSE, None),
        (404, RESPONSE, None),
        (500, FAILURE, Some("status")),
        (503, FAILURE, Some("status")),
    ] {
        let event = closing(move |_| {
            let response = Response::builder().status(status).body(Full::<Bytes>::from("text"));
            ready(Ok::<_, Infallible>(response.unwrap()))
        })
        .await;
        assert_eq!(event.event_type(), event_type);
        assert_eq!((data(&event).status, data(&event).error.as_deref()), (Some(status.into()), error));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure_that_has_its_status() {
    let event = closing(|_| {
        ready(Ok::<_, Infallible>(Response::new(Frames(vec![Some(Ok("half")), Some(Err("gone"))]))))
    })
    .await;
    assert_eq!(event.event_type(), FAILURE);
    assert_eq!((data(&event).status, data(&event).error.as_deref()), (Some(200), Some("body")));
}

#[tokio::test(start_paused = true)]
async fn the_duration_is_until_the_body_ends() {
    let observed = Observed::start();
    let service =
        service_fn(|_| ready(Ok::<_, Infallible>(Response::new(Frames(vec![Some(Ok("whole")), None])))));
    let mut body = observed.layer().layer(service).oneshot(request()).await.unwrap().into_body();
    let emitted = || observed.producer.totals().emitted;
    assert_eq!(emitted(), 1);
    body.frame().await.unwrap().unwrap();
    assert_eq!(emitted(), 1);
    assert!(body.frame().await.is_none());
    assert_eq!(emitted(), 2, "it ends where the body does, not where it is dropped");
    drop(body);
    let events = observed.events().await;
    assert_eq!((events.len(), events[1].event_type()), (2, RESPONSE));
}

#[tokio::test]
async fn a_body_that_nobody_reads_to_its_end_is_a_response() {
    for frames in [vec![], vec![Some(Ok("half"))]] {
        let observed = Observed::start();
        let answer = Arc::new(Mutex::new(Some(Response::new(Frames(frames)))));
        let service = service_fn(move |_| ready(Ok::<_, Infallible>(answer.lock().unwrap().take().unwrap())));
        let mut body = observed.layer().layer(service).oneshot(request()).await.unwrap().into_body();
        let _ = futures::poll!(body.frame());
        drop(body);
        let events = observed.events().await;
        assert_eq!((events.len(), events[1].event_type()), (2, RESPONSE));
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled() {
    let observed = Observed::start();
    let service = service_fn(|_| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    let mut call = std::pin::pin!(observed.layer().layer(service).oneshot(request()));
    assert!(futures::poll!(call.as_mut()).is_pending());
    call.set(observed.layer().layer(service).oneshot(request()));
    let events = observed.events().await;
    assert_eq!((events.len(), events[1].event_type()), (2, FAILURE));
    assert_eq!(data(&events[1]).error.as_deref(), Some("cancelled"));
}

/// An error around another.
#[derive(Debug, thiserror::Error)]
#[error("the call failed")]
struct Outer(#[source] BoxError);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Says(&'static str);

#[tokio::test(start_paused = true)]
async fn an_error_is_classed_by_what_is_behind_it() {
    let elapsed = || tokio::time::timeout(Duration::ZERO, pending::<()>());
    let elapsed = elapsed().await.unwrap_err();
    let causes: [(BoxError, &str); 9] = [
        (io::Error::from(io::ErrorKind::ConnectionRefused).into(), "connect"),
        (io::Error::from(io::ErrorKind::ConnectionReset).into(), "connection"),
        (io::Error::from(io::ErrorKind::UnexpectedEof).into(), "connection"),
        (io::Error::from(io::ErrorKind::TimedOut).into(), "timeout"),
        (elapsed.into(), "timeout"),
        // tower's and reqwest's, by their words.
        (Says("request timed out").into(), "timeout"),
        (Says("operation timed out").into(), "timeout"),
        (Says("service overloaded").into(), "overloaded"),
        (Says("something").into(), "other"),
    ];
    for (cause, class) in causes {
        let error = Arc::new(Mutex::new(Some(Outer(cause))));
        let event = closing(move |_| {
            let error = error.lock().unwrap().take().unwrap();
            ready(Err::<Response<Empty<Bytes>>, _>(error))
        })
        .await;
        assert_eq!((event.event_type(), data(&event).status), (FAILURE, None));
        assert_eq!(data(&event).error.as_deref(), Some(class));
    }
}

#[tokio::test]
async fn a_caller_may_class_errors_otherwise() {
    let observed = Observed::start();
    let layer = observed.layer().classify(|_: &BoxError| ErrorClass::Overloaded);
    let service = service_fn(|_| ready(Err::<Response<Empty<Bytes>>, BoxError>("no permit".into())));
    layer.layer(service).oneshot(request()).await.unwrap_err();
    let events = observed.events().await;
    assert_eq!(data(&events[1]).error.as_deref(), Some("overloaded"));
}

#[tokio::test]
async fn hypers_client_has_its_errors_classed() {
    // Nobody listens, and somebody who hangs up.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let somebody = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut [0; 16]).await;
            let _ = socket.shutdown().await;
        }
    });
    for (address, class) in [(nobody, "connect"), (somebody, "connection")] {
        let observed = Observed::start();
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http::<Empty<Bytes>>();
        let request = Request::post(format!("http://{address}/")).body(Empty::new()).unwrap();
        observed.layer().layer(client).oneshot(request).await.unwrap_err();
        let events = observed.events().await;
        assert_eq!(data(&events[1]).error.as_deref(), Some(class));
    }
}

#[tokio::test]
async fn what_the_service_is_asked_before_a_call_is_no_call() {
    let observed = Observed::start();
    let mut service = observed
        .layer()
        .layer(service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))));
    ServiceExt::<Request<()>>::ready(&mut service).await.unwrap();
    assert_eq!(observed.producer.totals().emitted, 0);
    drop(Service::call(&mut service, request()));
    assert_eq!(observed.producer.totals().emitted, 2);
}
