//! An environment whose AWS holds these events and dead letters, in memory: what the explorer reads of it is read as from AWS.

use std::{
    collections::BTreeMap,
    num::NonZeroU16,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use aws_env::scripted::{Reply, Request, Script};
use blueprint::configuration::Configuration;
use event::{
    Event,
    dead_letter::{Cause, DeadLetter, Value as Attribute},
};
use headwater::{
    explorer::{Explorer, Options},
    session::Session,
};
use journal::{dynamodb_json, item, schema};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use end_to_end::message;

/// DynamoDB's pages end at 1 MB; these after as many items.
const PAGE_ITEMS: usize = 1_000;

/// What AWS holds.
#[derive(Default)]
pub(crate) struct Held {
    /// The partitions of table and indexes: items by their keys.
    partitions: BTreeMap<String, BTreeMap<String, Value>>,
    pub(crate) dead: Vec<DeadLetter>,
    /// How many messages went back to the queue.
    pub(crate) moved: usize,
}

/// The explorer of it, served.
pub(crate) struct Fake {
    pub(crate) url: String,
    held: Arc<Mutex<Held>>,
    pub(crate) script: Script,
    stop: CancellationToken,
    serving: JoinHandle<Result<()>>,
}

impl Fake {
    /// Serves the explorer of an environment with these events.
    pub(crate) async fn start(events: Vec<Event>, options: Options) -> Result<Self> {
        let environment =
            Configuration::parse(end_to_end::DEFAULTS, Path::new("headwater.toml"))?.environment("local")?;
        let shards = environment.journal.index_shards;
        let mut held = Held::default();
        events.iter().for_each(|event| held.put(event, shards));
        let held = Arc::new(Mutex::new(held));
        let answering = Arc::clone(&held);
        let script = Script::new(move |request| {
            answering.lock().unwrap_or_else(PoisonError::into_inner).answer(request)
        });
        let session =
            Session { scope: environment.scope(), environment, sdk: script.config(), lacking: None };
        let explorer = Explorer::bind(session, options).await?;
        let (url, stop) = (explorer.url(), CancellationToken::new());
        let serving = tokio::spawn(explorer.serve(stop.clone()));
        Ok(Self { url, held, script, stop, serving })
    }

    /// A message that was given up.
    pub(crate) fn give_up(&self, cause: Cause, reason: &str, body: &str) {
        let mut held = self.held();
        let id = format!("message-{}", held.dead.len());
        held.dead.push(DeadLetter::new(cause, reason, id, Some(1_700_000_000_000), message(body)));
    }

    /// What its AWS holds.
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its address with that path, without the token.
    pub(crate) fn at(&self, path: &str) -> String {
        let (address, _) = self.url.split_once("/#").unwrap_or_default();
        format!("{address}{path}")
    }

    /// Its token.
    pub(crate) fn token(&self) -> &str {
        self.url.split_once("token=").unwrap_or_default().1
    }

    /// Ends it in order.
    pub(crate) async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.serving.await?
    }
}

impl Held {
    fn put(&mut self, event: &Event, shards: NonZeroU16) {
        let shard = event.shard(shards);
        let json = dynamodb_json::from_item(&item::from_event(event, shards));
        let places = [
            event.request_id().to_owned(),
            format!("{}:{}", schema::TYPE_INDEX.name, schema::index_partition(event.event_type(), shard)),
            format!("{}:{}", schema::SOURCE_INDEX.name, schema::index_partition(event.source(), shard)),
        ];
        for place in places {
            self.partitions.entry(place).or_default().insert(event.key().to_string(), json.clone());
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let body = request.json();
        match request.operation.as_str() {
            "Query" => match self.query(&body) {
                Ok(page) => Reply::json(200, page),
                Err(error) => Reply::error(400, "ValidationException", &error.to_string()),
            },
            "GetQueueUrl" => {
                let name = body["QueueName"].as_str().unwrap_or_default();
                Reply::json(
                    200,
                    json!({ "QueueUrl": format!("https://sqs.eu-west-1.amazonaws.com/1/{name}") }),
                )
            }
            "GetQueueAttributes" => {
                let attributes = json!({
                    "ApproximateNumberOfMessages": self.dead.len().to_string(),
                    "ApproximateNumberOfMessagesNotVisible": "0", "QueueArn": "arn:aws:sqs:eu-west-1:1:queue",
                });
                Reply::json(200, json!({ "Attributes": attributes }))
            }
            "ReceiveMessage" => {
                Reply::json(200, json!({ "Messages": self.dead.iter().map(received).collect::<Vec<_>>() }))
            }
            "ChangeMessageVisibilityBatch" => Reply::json(200, json!({ "Successful": [], "Failed": [] })),
            "StartMessageMoveTask" => {
                self.moved += self.dead.len();
                self.dead.clear();
                Reply::json(200, json!({ "TaskHandle": "handle" }))
            }
            other => Reply::error(400, "UnknownOperation", other),
        }
    }

    fn query(&self, body: &Value) -> Result<Value> {
        let bound = |name: &str| body["ExpressionAttributeValues"][name]["S"].as_str();
        let partition = bound(":partition").context("no partition")?;
        let place = match body["IndexName"].as_str() {
            Some(index) => format!("{index}:{partition}"),
            None => partition.to_owned(),
        };
        let after = body["ExclusiveStartKey"][schema::EVENT_KEY]["S"].as_str();
        let forwards = body["ScanIndexForward"] != false;
        let is_wanted = |key: &str| {
            bound(":since").is_none_or(|since| key >= since)
                && bound(":until").is_none_or(|until| key < until)
                && after.is_none_or(|after| if forwards { key > after } else { key < after })
        };
        let found = self.partitions.get(&place).into_iter().flatten().filter(|(key, _)| is_wanted(key));
        let found: Vec<_> = match forwards {
            true => found.take(PAGE_ITEMS + 1).collect(),
            false => found.rev().take(PAGE_ITEMS + 1).collect(),
        };
        let page: Vec<_> = found.iter().take(PAGE_ITEMS).map(|(_, item)| *item).collect();
        let last = found.get(PAGE_ITEMS - 1).filter(|_| found.len() > PAGE_ITEMS);
        let last = last.map(|(key, _)| json!({ schema::EVENT_KEY: { "S": key } }));
        Ok(json!({ "Items": page, "Count": page.len(), "LastEvaluatedKey": last }))
    }
}

fn received(letter: &DeadLetter) -> Value {
    let message = letter.to_message();
    // None is so large that its facts do not fit beside it, so all are text.
    let attributes = message.attributes.iter().filter_map(|(name, attribute)| match &attribute.value {
        Attribute::StringValue(text) => {
            Some((name.clone(), json!({ "DataType": attribute.data_type, "StringValue": text })))
        }
        Attribute::BinaryValue(_) => None,
    });
    json!({
        "MessageId": letter.message_id, "ReceiptHandle": letter.message_id, "Body": message.body,
        "Attributes": { "SentTimestamp": "1700000000000" },
        "MessageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
    })
}
