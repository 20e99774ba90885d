//! From the journal's stream to EventStoreDB: each event once and in order, whatever dies on the way.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{AttributeValue as StreamValue, OperationType, ShardIteratorType};
use end_to_end::{Local, Relayed, until};
use event::dead_letter::{DeadLetter, Message};
use headwater::{load, queue::Received};
use kurrentdb::TombstoneStreamOptions;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{DEFAULTS, SEED, eventstore::official_client, message};

/// A message that fails comes again after 6 × 1 s, and none is given up for that. The relay gets 10 records at a time.
const IMPATIENT: &str = "
[environments.local.queue]
max_receive_count = 100
[environments.local.ingest]
timeout_seconds = 1
[environments.local.relay]
batch_size = 10
";

/// Events of 200 requests by turns, whose timestamps are in no order.
fn scattered(count: u64) -> Vec<Message> {
    let requests: Vec<_> = (0..200).map(|_| Uuid::new_v4()).collect();
    let begin = OffsetDateTime::UNIX_EPOCH + Duration::days(18_000);
    let event = |(index, request): (u64, &Uuid)| {
        let mut event = load::event(*request, index);
        let seconds = i64::try_from(index * 7_919 % 1_009).unwrap_or_default();
        event["timestamp"] = json!((begin + Duration::seconds(seconds)).format(&Rfc3339).unwrap_or_default());
        message(event.to_string())
    };
    (0..count).zip(requests.iter().cycle()).map(event).collect()
}

#[tokio::test]
async fn a_thousand_events_are_relayed_once_and_in_order_though_relay_and_eventstoredb_die_on_the_way()
-> Result<()> {
    let local = Local::start(IMPATIENT).await?;
    local.deploy().await?;
    let messages = scattered(1_000);
    let disturb = async {
        until("a batch that fails because its relay was killed", || async {
            for process in local.emulator.function_processes()? {
                // One that ended meanwhile is as good as killed.
                let _ = process.kill();
            }
            Ok(failures(&local)?.contains("Runtime").then_some(()))
        })
        .await?;
        local.task.stop().await?;
        until("a batch that fails because EventStoreDB is away", || async {
            Ok(failures(&local)?.contains("EventStoreAway").then_some(()))
        })
        .await?;
        local.task.follow(&local.bench).await
    };
    futures::try_join!(local.send(&messages), disturb)?;
    local.expect_stored(&messages).await?;
    let relayed = local.expect_relayed().await?;
    assert_eq!(relayed.len(), 200);
    assert_eq!(keys(&relayed), stream_of(&local).await?, "the order of the journal's stream");
    local.expect_failed(0).await?;
    Ok(())
}

/// What the emulator says of batches of the journal's stream that failed.
fn failures(local: &Local) -> Result<String> {
    let log = fs::read_to_string(local.emulator.log().context("the emulator keeps no log")?)?;
    Ok(log.lines().filter(|line| line.contains("failed processing DynamoDB stream batch")).collect())
}

/// The events' keys by request, in order.
fn keys(relayed: &Relayed) -> BTreeMap<String, Vec<String>> {
    let key = |metadata: &Value| metadata["eventKey"].as_str().unwrap_or_default().to_owned();
    let of = |(request, events): (&String, &Vec<headwater::streams::Recorded>)| {
        (request.clone(), events.iter().map(|event| key(&event.metadata)).collect())
    };
    relayed.iter().map(of).collect()
}

/// The keys of all items that the journal's stream tells of, by request, in the order of the stream.
async fn stream_of(local: &Local) -> Result<BTreeMap<String, Vec<String>>> {
    let sdk = &local.bench.session.sdk;
    let table = aws_sdk_dynamodb::Client::new(sdk).describe_table().table_name(local.journal().table());
    let stream = table.send().await?.table.and_then(|table| table.latest_stream_arn);
    let client = aws_sdk_dynamodbstreams::Client::new(sdk);
    let description =
        client.describe_stream().set_stream_arn(stream.clone()).send().await?.stream_description;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in description.and_then(|description| description.shards).unwrap_or_default() {
        let first = client
            .get_shard_iterator()
            .set_stream_arn(stream.clone())
            .set_shard_id(shard.shard_id)
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut next = first.send().await?.shard_iterator;
        while let Some(iterator) = next.take() {
            let page = client.get_records().shard_iterator(iterator).send().await?;
            let records = page.records.unwrap_or_default();
            next = page.next_shard_iterator.filter(|_| !records.is_empty());
            for record in records {
                ensure!(record.event_name == Some(OperationType::Insert), "the journal only grows");
                let keys = record.dynamodb.and_then(|record| record.keys).unwrap_or_default();
                let text = |name: &str| match keys.get(name) {
                    Some(StreamValue::S(text)) => Ok(text.clone()),
                    other => anyhow::bail!("{name} is {other:?}"),
                };
                found.entry(text("RequestId")?).or_default().push(text("EventKey")?);
            }
        }
    }
    Ok(found)
}

/// What a message in the failure queue says: reason, key and item.
fn letter(received: &Received) -> Result<Value> {
    let letter = DeadLetter::from_message(&received.message)?.context("it has no reason")?;
    let said: Value = serde_json::from_str(&letter.original.body)?;
    ensure!(said["reason"] == letter.reason(), "the reason differs: {said}");
    Ok(said)
}

#[tokio::test]
async fn what_can_never_be_relayed_goes_whole_to_the_failure_queue_with_its_reason_and_the_rest_goes_on()
-> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    local.send(&[message(SEED)]).await?;
    local.expect_stored(&[message(SEED)]).await?;
    let first = local.expect_relayed().await?;
    let request = first.keys().next().context("nothing was relayed")?;
    let client = official_client(&local).await?;
    client.tombstone_stream(format!("request-{request}"), &TombstoneStreamOptions::default()).await?;

    // No function of ours writes such an item.
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = aws_sdk_dynamodb::Client::new(&local.bench.session.sdk).put_item();
    let put = put.table_name(local.journal().table()).item("RequestId", text("somebody's"));
    put.item("EventKey", text("1")).item("Data", AttributeValue::N("17".to_owned())).send().await?;
    let mut late: Value = serde_json::from_str(SEED)?;
    late["id"] = json!(Uuid::new_v4());
    let good: Vec<_> = load::messages(10).collect();
    local.send(&[message(late.to_string())]).await?;
    local.send(&good).await?;

    let failed = local.expect_failed(2).await?;
    let failed: Vec<Value> = failed.iter().map(letter).collect::<Result<_>>()?;
    let of = |request: &str| {
        let found = failed.iter().find(|letter| letter["requestId"] == request);
        found.with_context(|| format!("no letter is about {request}: {failed:?}"))
    };
    let item = json!({
        "RequestId": { "S": "somebody's" }, "EventKey": { "S": "1" }, "Data": { "N": "17" },
    });
    assert_eq!(of("somebody's")?["item"], item);
    let deleted = of(request)?;
    assert_eq!(deleted["item"]["Id"]["S"], late["id"]);
    assert_eq!(deleted["item"]["Data"], json!({ "M": { "Name": { "S": "Microservice A" } } }));
    let reasons = [of("somebody's")?, deleted].map(|letter| letter["reason"].as_str().unwrap_or_default());
    insta::assert_snapshot!(reasons.join("\n"));

    let streams = local.streams().await?;
    for message in &good {
        let event = event::Event::from_json(&message.body)?;
        let stream = format!("request-{}", event.request_id());
        until("the good events in their streams", || async {
            let events = streams.read(&stream).await?;
            Ok(events.iter().any(|recorded| recorded.id == event.id()).then_some(()))
        })
        .await?;
    }
    Ok(())
}
