//! A producer of events for each request that is made to a service.
//!
//! [`CallLayer`] is a [`tower::Layer`] for whatever calls a service by HTTP. Before the call goes on it emits
//! `MICROSERVICE_REQUEST`, and when the answer has ended `MICROSERVICE_RESPONSE` or `MICROSERVICE_FAILURE`
//! ([`event::call`]). [`ContextLayer`] is its counterpart in a server: the calls that are made while a request is handled
//! belong to that request. A [`Producer`] takes the events, with or without HTTP, and its [`Delivery`] sends them to the queue.
//!
//! A server of axum that calls another service with hyper's client:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use bytes::Bytes;
//! use gateway::{CallLayer, ContextLayer, Durability, Producer, Route, Settings};
//! use http::{Request, StatusCode};
//! use http_body_util::Empty;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{Layer, ServiceExt};
//!
//! # async fn run(sqs: aws_sdk_sqs::Client, listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = Settings::new("shop", "https://sqs.eu-west-1.amazonaws.com/123456789012/events");
//! settings.durability = Durability::spool("/var/lib/shop/events");
//! let (producer, delivery) = Producer::start(settings, sqs)?;
//!
//! let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
//! let orders = CallLayer::new(producer, "orders").layer(client);
//! let handler = async move || {
//!     let request = Request::get("http://orders.internal/orders/7").extension(Route("/orders/{id}".into()));
//!     let response = orders.clone().oneshot(request.body(Empty::new()).map_err(|_| StatusCode::BAD_REQUEST)?);
//!     response.await.map(|response| response.status().to_string()).map_err(|_| StatusCode::BAD_GATEWAY)
//! };
//! let server = axum::serve(listener, Router::new().route("/", get(handler)).layer(ContextLayer));
//! server.with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
//!
//! let flushed = delivery.shutdown(Duration::from_secs(5)).await;
//! # let _ = flushed;
//! # Ok(())
//! # }
//! ```

mod backlog;
mod call;
mod classify;
mod context;
mod context_layer;
mod counters;
mod layer;
mod memory;
mod producer;
pub mod proxy;
mod random;
mod seldom;
mod send;
mod settings;
mod spool;
mod wire;

pub use call::{Attempt, Route};
pub use classify::{Classify, Sources, error_class};
pub use context::{Context, RequestId, SpanId, TraceContext, TraceId};
pub use context_layer::{ContextFuture, ContextLayer, ContextService};
pub use layer::{CallBody, CallFuture, CallLayer, CallService};
pub use producer::{Delivery, Error, Flushed, Producer, Totals};
pub use settings::{Durability, Settings};
