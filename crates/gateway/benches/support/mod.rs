//! A service that does nothing, requests to it, and a queue that never answers.

use std::convert::Infallible;
use std::future::{Ready, pending, ready};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use gateway::{Attempt, CallLayer, CallService, Delivery, Durability, Producer, Route, Settings};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service};

/// The queue while it is away: all of the cost is that of those who emit.
#[derive(Debug)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(pending())
    }
}

fn client() -> aws_sdk_sqs::Client {
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "bench"));
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials)
        .http_client(http_client_fn(|_, _| SharedHttpConnector::new(Silent)));
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// Answers at once, without a body.
#[derive(Clone, Copy)]
pub struct Nothing;

impl Service<Request<()>> for Nothing {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Empty::new())))
    }
}

/// The service behind the layer; to be called inside of a runtime.
pub fn layered(durability: Durability) -> (CallService<Nothing>, Producer, Delivery) {
    let settings =
        Settings { durability, ..Settings::new("Gateway", "http://127.0.0.1/000000000000/events") };
    let (producer, delivery) = Producer::start(settings, client()).unwrap();
    let service = CallLayer::new(producer.clone(), "Microservice A").layer(Nothing);
    (service, producer, delivery)
}

/// A request as it comes through a gateway. `route` is made once, as a router does.
pub fn request(route: &Route) -> Request<()> {
    let request = Request::get("http://10.0.0.1:8080/orders/5b070a84?page=2")
        .header("x-request-id", "677afffc-373e-42f0-8363-f24bc675bcf6")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .extension(route.clone())
        .extension(Attempt(1));
    request.body(()).unwrap()
}
