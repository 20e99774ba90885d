//! SQS as a closure: it is given the messages of a call, and says what becomes of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use event::Event;
use gateway::Settings;
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) const QUEUE_URL: &str = "http://127.0.0.1:4566/000000000000/events";

/// What becomes of the messages of a call.
pub(crate) enum Answer {
    /// All are accepted.
    Take,
    /// Those at these places fail, with code and whose fault it is; the others are accepted.
    Fail(Vec<(usize, &'static str, bool)>),
    /// The call fails, with status and code.
    Error(u16, &'static str),
    /// Nobody is there.
    Gone,
    /// Nobody answers.
    Silence,
}

#[derive(Default)]
struct State {
    calls: Vec<Vec<String>>,
    accepted: Vec<String>,
}

type Script = dyn Fn(usize, &[String]) -> Answer + Send + Sync;

/// A queue. A clone is the same.
#[derive(Clone)]
pub(crate) struct Queue {
    script: Arc<Script>,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

impl Queue {
    /// `script` is given the number of the call, from 0, and its messages.
    pub(crate) fn new(script: impl Fn(usize, &[String]) -> Answer + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), state: Arc::default(), changed: watch::Sender::new(()) }
    }

    /// A queue that accepts everything.
    pub(crate) fn open() -> Self {
        Self::new(|_, _| Answer::Take)
    }

    pub(crate) fn client(&self) -> aws_sdk_sqs::Client {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials =
            SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(credentials)
            .http_client(http_client_fn(move |_, _| connector.clone()));
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// The messages of each call.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(crate) fn accepted(&self) -> Vec<String> {
        self.state.lock().unwrap().accepted.clone()
    }

    /// What was accepted, each of which must be an event.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.accepted().iter().map(|json| Event::from_json(json).unwrap()).collect()
    }

    /// Returns when it holds of the queue; two minutes are the bound.
    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            while !holds(self) {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(120), waiting).await.unwrap();
    }

    fn answer(&self, messages: Vec<String>) -> HttpConnectorFuture {
        let mut state = self.state.lock().unwrap();
        let answer = (self.script)(state.calls.len(), &messages);
        state.calls.push(messages.clone());
        let failures = match answer {
            Answer::Take => Vec::new(),
            Answer::Fail(failures) => failures,
            Answer::Error(status, code) => {
                return respond(status, &json!({ "__type": code, "message": "scripted" }));
            }
            Answer::Gone => {
                let error = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                return HttpConnectorFuture::ready(Err(ConnectorError::io(error.into())));
            }
            Answer::Silence => return HttpConnectorFuture::new(std::future::pending()),
        };
        let failed: Vec<_> = failures
            .iter()
            .map(|(place, code, sender_fault)| {
                json!({ "Id": place.to_string(), "Code": code, "SenderFault": sender_fault, "Message": "scripted" })
            })
            .collect();
        let taken = (0..messages.len()).filter(|place| failures.iter().all(|failure| failure.0 != *place));
        let successful: Vec<_> = taken
            .map(|place| {
                state.accepted.push(messages[place].clone());
                json!({ "Id": place.to_string(), "MessageId": "m", "MD5OfMessageBody": "0" })
            })
            .collect();
        respond(200, &json!({ "Successful": successful, "Failed": failed }))
    }
}

fn respond(status: u16, body: &Value) -> HttpConnectorFuture {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    HttpConnectorFuture::ready(Ok(response))
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl HttpConnector for Queue {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let input: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let entries = input["Entries"].as_array().unwrap();
        let messages: Vec<_> =
            entries.iter().map(|entry| entry["MessageBody"].as_str().unwrap().to_owned()).collect();
        let response = self.answer(messages);
        self.changed.send_replace(());
        response
    }
}

/// Settings for this queue.
pub(crate) fn settings() -> Settings {
    Settings::new("shop", QUEUE_URL)
}

/// An event with that number.
pub(crate) fn event(number: usize) -> Event {
    event_of(&number.to_string(), "x")
}

/// An event with that id and text.
pub(crate) fn event_of(id: &str, text: &str) -> Event {
    let fields = json!({ "id": id, "requestId": "r", "timestamp": "2020-05-01T20:00:00Z", "type": "ORDER_PLACED",
                         "source": "shop", "data": { "Text": text } });
    Event::from_json(fields.to_string()).unwrap()
}

/// The numbers of those events.
pub(crate) fn numbers<'a>(messages: impl IntoIterator<Item = &'a String>) -> Vec<usize> {
    let number = |json: &String| Event::from_json(json).unwrap().id().parse().unwrap();
    messages.into_iter().map(number).collect()
}
