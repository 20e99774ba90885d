//! A server on a free port, and clients of it.
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::{future::Future, time::Duration};

use eventstore_embedded::{Running, Server};
use kurrentdb::{Client, EventData, ReadStream, ResolvedEvent, Subscription, SubscriptionEvent};
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

/// No condition is waited for longer than this.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) async fn start(server: Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    server.start(listener).await.expect("the server starts")
}

/// A client over a connection of its own.
pub(crate) fn client(running: &Running) -> Client {
    client_with(&format!("esdb://{}?tls=false", running.address()))
}

pub(crate) fn client_with(connection_string: &str) -> Client {
    Client::new(connection_string.parse().expect("a connection string")).expect("a client")
}

/// An event that carries a number.
pub(crate) fn event(number: u64) -> EventData {
    EventData::json("Counted", &json!({"number": number})).expect("JSON").id(Uuid::new_v4())
}

pub(crate) fn events(numbers: std::ops::Range<u64>) -> Vec<EventData> {
    numbers.map(event).collect()
}

/// The number of an event.
pub(crate) fn number(event: &ResolvedEvent) -> u64 {
    let original = event.event.as_ref().expect("the event is there");
    let data: serde_json::Value = original.as_json().expect("JSON");
    data["number"].as_u64().expect("a number")
}

pub(crate) async fn all_of(mut stream: ReadStream) -> kurrentdb::Result<Vec<ResolvedEvent>> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await? {
        events.push(event);
    }
    Ok(events)
}

pub(crate) async fn numbers_of(stream: ReadStream) -> kurrentdb::Result<Vec<u64>> {
    Ok(all_of(stream).await?.iter().map(number).collect())
}

/// What the future gives, which must not take for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.expect("it happens in time")
}

/// The next event of a subscription that is not a checkpoint or the like.
pub(crate) async fn next(subscription: &mut Subscription) -> kurrentdb::Result<ResolvedEvent> {
    soon(subscription.next()).await
}

/// Reads a subscription until it says that it is live, and gives the numbers of the events up to then.
pub(crate) async fn until_live(subscription: &mut Subscription) -> kurrentdb::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    loop {
        match soon(subscription.next_subscription_event()).await? {
            SubscriptionEvent::EventAppeared(event) => numbers.push(number(&event)),
            SubscriptionEvent::CaughtUp(_) => return Ok(numbers),
            _ => {}
        }
    }
}
