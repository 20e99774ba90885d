//! A DynamoDB that answers by a closure on the request, and events to store in it.
#![allow(dead_code, reason = "each test file is a crate of its own and uses what it needs")]

use std::collections::BTreeMap;
use std::future::Future;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use event::Event;
use journal::{Journal, item};
use serde_json::{Map, Value, json};

/// What the scripted DynamoDB answers.
pub(crate) enum Answer {
    Ok(Value),
    /// An HTTP status, an error code and its message.
    Error(u16, &'static str, &'static str),
    /// Nothing, ever.
    Silence,
}

/// An HTTP client that hands the operation's name and the body to a closure.
pub(crate) fn scripted<F>(answer: F) -> SharedHttpClient
where
    F: Fn(&str, Value) -> Answer + Send + Sync + 'static,
{
    let connector = SharedHttpConnector::new(Scripted(Arc::new(answer)));
    http_client_fn(move |_, _| connector.clone())
}

struct Scripted<F>(Arc<F>);

impl<F> std::fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl<F: Fn(&str, Value) -> Answer + Send + Sync + 'static> HttpConnector for Scripted<F> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.rsplit('.').next().unwrap();
        let (status, body) = match (self.0)(operation, body) {
            Answer::Ok(body) => (200, body),
            Answer::Error(status, code, message) => (
                status,
                json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message }),
            ),
            Answer::Silence => return HttpConnectorFuture::new(std::future::pending()),
        };
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

pub(crate) fn client(http: SharedHttpClient) -> Client {
    Client::from_conf(
        aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .build(),
    )
}

pub(crate) const SHARDS: NonZeroU16 = NonZeroU16::new(4).unwrap();

pub(crate) fn journal<F>(answer: F) -> Journal
where
    F: Fn(&str, Value) -> Answer + Send + Sync + 'static,
{
    Journal::new(client(scripted(answer)), "events", SHARDS)
}

/// The event with number `n`: its id, and its minute of the day.
pub(crate) fn event(n: usize) -> Event {
    event_with(&format!("id-{n}"), n, json!({ "n": n }))
}

pub(crate) fn event_with(id: &str, minute: usize, data: Value) -> Event {
    let timestamp = format!("2020-05-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    let event = json!({ "id": id, "requestId": "request", "timestamp": timestamp, "type": "T", "source": "S", "data": data });
    Event::from_json(event.to_string()).unwrap()
}

/// A table in memory: what was put, by its key, and how many calls and items came.
#[derive(Clone, Default)]
pub(crate) struct Table(Arc<Mutex<Stored>>);

#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) items: BTreeMap<(String, String), Value>,
    pub(crate) calls: Vec<usize>,
}

impl Table {
    pub(crate) fn stored(&self) -> std::sync::MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }

    /// Stores the items that `takes` and answers with the others as unprocessed.
    pub(crate) fn write(&self, body: &Value, takes: impl Fn(&Value) -> bool) -> Answer {
        let requests = body["RequestItems"]["events"].as_array().unwrap();
        let mut stored = self.stored();
        stored.calls.push(requests.len());
        let (taken, left): (Vec<_>, Vec<_>) =
            requests.iter().partition(|request| takes(&request["PutRequest"]["Item"]));
        for request in taken {
            let item = &request["PutRequest"]["Item"];
            let key = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
            stored.items.insert((key("RequestId"), key("EventKey")), item.clone());
        }
        Answer::Ok(if left.is_empty() {
            json!({})
        } else {
            json!({ "UnprocessedItems": { "events": left } })
        })
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let id = |item: &Value| item["Id"]["S"].as_str().unwrap().to_owned();
        let mut ids: Vec<_> = self.stored().items.values().map(id).collect();
        ids.sort();
        ids
    }
}

/// Appends with a deadline so long from now.
pub(crate) async fn append(journal: &Journal, events: &[Event], time: Duration) -> Vec<journal::Outcome> {
    journal.append(events, tokio::time::Instant::now() + time).await
}

/// The chain of an error, as the binary prints it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

/// Awaits with a bound, on the test's clock.
pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("done within a minute")
}

/// An event's item as DynamoDB writes it into an answer.
pub(crate) fn wire(event: &Event) -> Value {
    let item = item::from_event(event, SHARDS);
    Value::Object(item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

/// A value as DynamoDB writes it, with its type.
pub(crate) fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::Null(is_null) => json!({ "NULL": is_null }),
        AttributeValue::L(elements) => json!({ "L": elements.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(members) => {
            let members: Map<_, _> =
                members.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": members })
        }
        other => panic!("no event has {other:?}"),
    }
}
