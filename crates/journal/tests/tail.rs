//! Following new events over a scripted stream whose shards open, close and split.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use common::{Answer, SHARDS, bounded, chain, event, wire};
use event::Event;
use futures::StreamExt;
use futures::stream::BoxStream;
use journal::{Journal, TailError};
use serde_json::{Value, json};

/// A table's stream in memory. An iterator is `<shard>@<position>`.
#[derive(Clone, Default)]
struct Stream(Arc<Mutex<BTreeMap<String, Shard>>>);

#[derive(Default)]
struct Shard {
    parent: Option<String>,
    closed: bool,
    records: Vec<Value>,
    /// Iterators made up to now no longer work.
    expire: bool,
}

impl Stream {
    fn open(&self, id: &str, parent: Option<&str>) {
        let shard = Shard { parent: parent.map(str::to_owned), ..Shard::default() };
        self.0.lock().unwrap().insert(id.to_owned(), shard);
    }

    fn with(&self, id: &str, change: impl FnOnce(&mut Shard)) {
        change(self.0.lock().unwrap().get_mut(id).unwrap());
    }

    fn land(&self, id: &str, name: &str, image: Value) {
        self.with(id, |shard| {
            let sequence = format!("{}", shard.records.len());
            shard.records.push(
                json!({ "eventName": name, "dynamodb": { "NewImage": image, "SequenceNumber": sequence } }),
            );
        });
    }

    fn answer(&self, operation: &str, body: &Value) -> Answer {
        let mut shards = self.0.lock().unwrap();
        Answer::Ok(match operation {
            "DescribeTable" => json!({ "Table": {
                "LatestStreamArn": "arn", "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" } } }),
            // One shard a page, to be followed.
            "DescribeStream" => {
                let start = body["ExclusiveStartShardId"].as_str().unwrap_or_default();
                let mut after = shards.iter().filter(|(id, _)| id.as_str() > start);
                let page: Vec<_> = after.next().map(|(id, shard)| describe(id, shard)).into_iter().collect();
                let last = after.next().and(page.first().map(|shard| shard["ShardId"].clone()));
                json!({ "StreamDescription": { "Shards": page, "LastEvaluatedShardId": last } })
            }
            "GetShardIterator" => {
                let id = body["ShardId"].as_str().unwrap();
                let shard = shards.get_mut(id).unwrap();
                shard.expire = false;
                let position = match body["ShardIteratorType"].as_str().unwrap() {
                    "LATEST" => shard.records.len(),
                    "TRIM_HORIZON" => 0,
                    _ => body["SequenceNumber"].as_str().unwrap().parse::<usize>().unwrap() + 1,
                };
                json!({ "ShardIterator": format!("{id}@{position}") })
            }
            "GetRecords" => {
                let (id, position) = body["ShardIterator"].as_str().unwrap().split_once('@').unwrap();
                let shard = &shards[id];
                if shard.expire {
                    return Answer::Error(400, "ExpiredIteratorException", "Iterator expired");
                }
                let records = &shard.records[position.parse::<usize>().unwrap()..];
                match shard.closed {
                    true => json!({ "Records": records }),
                    false => {
                        json!({ "Records": records, "NextShardIterator": format!("{id}@{}", shard.records.len()) })
                    }
                }
            }
            other => panic!("{other}"),
        })
    }

    async fn tail(&self) -> Result<BoxStream<'static, Result<Event, TailError>>, TailError> {
        let stream = self.clone();
        let http = common::scripted(move |operation, body| stream.answer(operation, &body));
        let streams = aws_sdk_dynamodbstreams::Client::from_conf(
            aws_sdk_dynamodbstreams::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-central-1"))
                .credentials_provider(Credentials::new("test", "test", None, None, "test"))
                .http_client(http.clone())
                .build(),
        );
        Journal::new(common::client(http), "events", SHARDS).tail(streams).await
    }
}

fn describe(id: &str, shard: &Shard) -> Value {
    let range = match shard.closed {
        true => json!({ "StartingSequenceNumber": "0", "EndingSequenceNumber": "9" }),
        false => json!({ "StartingSequenceNumber": "0" }),
    };
    json!({ "ShardId": id, "ParentShardId": shard.parent, "SequenceNumberRange": range })
}

async fn next(tail: &mut BoxStream<'static, Result<Event, TailError>>) -> Result<Event, TailError> {
    bounded(tail.next()).await.expect("the stream goes on")
}

#[tokio::test(start_paused = true)]
async fn only_events_that_land_after_the_call_come_from_every_open_shard() {
    let stream = Stream::default();
    stream.open("0-closed", None);
    stream.land("0-closed", "INSERT", wire(&event(0)));
    stream.with("0-closed", |shard| shard.closed = true);
    stream.open("1", None);
    stream.open("2", None);
    stream.land("1", "INSERT", wire(&event(1)));
    let mut tail = stream.tail().await.unwrap();
    stream.land("2", "INSERT", wire(&event(2)));
    assert_eq!(next(&mut tail).await.unwrap(), event(2));
    stream.land("1", "REMOVE", wire(&event(1)));
    stream.land("1", "INSERT", wire(&event(3)));
    assert_eq!(next(&mut tail).await.unwrap(), event(3));
}

#[tokio::test(start_paused = true)]
async fn when_a_shard_closes_its_children_are_read_from_their_first_record() {
    let stream = Stream::default();
    stream.open("1", None);
    let mut tail = stream.tail().await.unwrap();
    stream.land("1", "INSERT", wire(&event(1)));
    stream.with("1", |shard| shard.closed = true);
    stream.open("2-child", Some("1"));
    stream.land("2-child", "INSERT", wire(&event(2)));
    stream.with("2-child", |shard| shard.closed = true);
    stream.open("3-grandchild", Some("2-child"));
    stream.land("3-grandchild", "INSERT", wire(&event(3)));
    for n in 1..=3 {
        assert_eq!(next(&mut tail).await.unwrap(), event(n));
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_taken_up_behind_the_last_record() {
    let stream = Stream::default();
    stream.open("1", None);
    let mut tail = stream.tail().await.unwrap();
    stream.land("1", "INSERT", wire(&event(1)));
    assert_eq!(next(&mut tail).await.unwrap(), event(1));
    stream.land("1", "INSERT", wire(&event(2)));
    stream.with("1", |shard| shard.expire = true);
    assert_eq!(next(&mut tail).await.unwrap(), event(2));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_no_event_is_one_error_and_the_stream_goes_on() {
    let stream = Stream::default();
    stream.open("1", None);
    let mut tail = stream.tail().await.unwrap();
    stream.land("1", "INSERT", json!({ "RequestId": { "S": "r" }, "EventKey": { "S": "k" } }));
    stream.land("1", "INSERT", wire(&event(2)));
    let error = next(&mut tail).await.unwrap_err();
    assert_eq!(
        chain(&error),
        "a record of shard 1 cannot be read as an event: item r / k: attribute Data is missing"
    );
    assert_eq!(next(&mut tail).await.unwrap(), event(2));
}

#[tokio::test(start_paused = true)]
async fn a_table_without_a_stream_is_an_error_that_says_what_to_do() {
    let http = common::scripted(|_, _| Answer::Ok(json!({ "Table": {} })));
    let journal = Journal::new(common::client(http.clone()), "events", SHARDS);
    let streams = aws_sdk_dynamodbstreams::Client::from_conf(
        aws_sdk_dynamodbstreams::Config::builder().behavior_version(BehaviorVersion::latest()).build(),
    );
    let error = journal.tail(streams).await.err().expect("no stream");
    insta::assert_snapshot!(chain(&error), @"table events has no stream: deploy its stack again, which turns the stream on");
}
