//! The two services: A takes orders and asks B about each, B knows what is in stock.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use bytes::Bytes;
use gateway::{CallBody, CallLayer, ContextLayer, Producer, Route};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::task::AbortOnDropHandle;
use tower::{BoxError, Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::trouble::{Harm, Trouble};

/// The service that is called first.
pub(super) const A: &str = "Microservice A";
/// The service that fails for a while.
pub(super) const B: &str = "Microservice B";

/// How long A waits for an answer of B.
const PATIENCE: Duration = Duration::from_secs(1);

/// A service that is served until this value is dropped.
pub(super) struct Served {
    /// Where it listens.
    pub(super) address: SocketAddr,
    _serving: AbortOnDropHandle<std::io::Result<()>>,
}

impl Served {
    /// Serves `router` on a free port of 127.0.0.1.
    pub(super) async fn of(router: Router) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, _serving: AbortOnDropHandle::new(serving) })
    }
}

/// B.
pub(super) fn b(trouble: Arc<Trouble>) -> Router {
    Router::new().route("/stock/{id}", get(stock)).with_state(trouble)
}

async fn stock(State(trouble): State<Arc<Trouble>>, Path(item): Path<u64>) -> (StatusCode, String) {
    match trouble.meets(item) {
        None => (StatusCode::OK, format!("item {item} is in stock\n")),
        Some(Harm::Error) => (StatusCode::INTERNAL_SERVER_ERROR, "the stock is out of order\n".to_owned()),
        Some(Harm::Silence) => std::future::pending().await,
    }
}

/// A call of B.
type Stock = BoxCloneSyncService<Request<Empty<Bytes>>, Response<CallBody<Incoming>>, BoxError>;

#[derive(Clone)]
struct Orders {
    b: SocketAddr,
    stock: Stock,
}

/// A, which asks B there and tells `producer` of it. The request that it does so for is that of its own caller.
pub(super) fn a(b: SocketAddr, producer: Producer) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let ask = service_fn(move |request: Request<Empty<Bytes>>| {
        let answer = client.request(request);
        async move { Ok::<_, BoxError>(timeout(PATIENCE, answer).await??) }
    });
    let calls = CallLayer::new(producer, B).classify(|error: &BoxError| gateway::error_class(&**error));
    let stock = BoxCloneSyncService::new(calls.layer(ask));
    Router::new().route("/orders/{id}", get(order)).layer(ContextLayer).with_state(Orders { b, stock })
}

async fn order(State(Orders { b, stock }): State<Orders>, Path(item): Path<u64>) -> (StatusCode, String) {
    match ask(b, stock, item).await {
        Ok((status, text)) if status.is_success() => (StatusCode::OK, format!("ordered: {text}")),
        Ok((_, text)) => (StatusCode::BAD_GATEWAY, format!("not ordered: {text}")),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "not ordered: the stock does not answer\n".to_owned()),
    }
}

async fn ask(b: SocketAddr, stock: Stock, item: u64) -> Result<(StatusCode, String), BoxError> {
    let request = Request::get(format!("http://{b}/stock/{item}"))
        .extension(Route("/stock/{id}".into()))
        .body(Empty::new())?;
    let (answer, body) = stock.oneshot(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((answer.status, String::from_utf8_lossy(&body).into_owned()))
}
