//! A producer without HTTP: a program that says what it does, event by event.
//!
//! ```sh
//! HEADWATER_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/headwater-dev-event-queue \
//!     cargo run --package gateway --example producer
//! ```
//!
//! `AWS_ENDPOINT_URL` leads it to a local emulator. With `HEADWATER_SPOOL=DIRECTORY` it keeps its events there until the queue has
//! them, and sends first what it left there when it was killed.
#![allow(clippy::print_stderr, reason = "a program says what it did")]

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_http_client::{Builder, tls};
use gateway::{Durability, Producer, RequestId, Settings, TraceId};
use serde_json::Map;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let queue_url =
        std::env::var("HEADWATER_QUEUE_URL").map_err(|_| "set HEADWATER_QUEUE_URL to the queue's URL")?;

    // Who speaks, to which queue; and where events are until the queue has them.
    let mut settings = Settings::new("Nightly Invoices", queue_url);
    if let Some(directory) = std::env::var_os("HEADWATER_SPOOL") {
        settings.durability = Durability::spool(directory);
    }
    // Region and credentials by AWS's standard chain. The SDK is built without a TLS of its own here.
    let https = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let (producer, delivery) = Producer::start(settings, aws_sdk_sqs::Client::new(&aws))?;

    // All events of one piece of work have one request id.
    let request_id = RequestId::of_trace(TraceId::random());
    for invoice in 1..=3 {
        let data = Map::from_iter([("Invoice".to_owned(), invoice.into())]);
        let event = producer.event("INVOICE_WRITTEN", request_id.as_str(), data)?;
        // Neither waits for the network nor fails.
        producer.emit(&event);
    }

    // What was emitted just now is still on its way: it gets five seconds.
    let flushed = delivery.shutdown(Duration::from_secs(5)).await;
    eprintln!("{} events of request {request_id} sent, {} left", flushed.sent, flushed.left);
    Ok(())
}
