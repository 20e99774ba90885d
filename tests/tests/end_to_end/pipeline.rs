//! Events through the real function: from the queue into the journal or, with their reason, the dead-letter queue.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use end_to_end::{Local, until};
use event::dead_letter::{Attribute, Cause, DeadLetter, Message, Value};
use futures::TryStreamExt;
use headwater::{commands::redrive, load};
use journal::{ReadOptions, conflicts};
use serde_json::json;

use crate::{DEFAULTS, SEED, message};

/// A message that fails comes again after 6 × 1 s; none is given up for that.
const SHORT_TIMEOUT: &str = "
[environments.local.queue]
max_receive_count = 100
[environments.local.ingest]
timeout_seconds = 1
";

/// Each JSON type, falsy values above all, and a time that is not in UTC.
const TYPES: &str = r#"{
  "id": "c7e6f3b2-8f0e-4a38-8d7a-0f4a1f7a9d11",
  "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
  "timestamp": "2020-05-01T22:00:00.5+02:00",
  "type": "MICROSERVICE_RESPONSE",
  "source": "Gateway",
  "data": {
    "zero": 0, "false": false, "null": null, "empty": "",
    "digits": 12345678901234567890.123456789012345678,
    "nested": { "list": [0, "", null, { "deep": [] }], "map": {} },
    "text": "naïve — 事件 🌊"
  }
}"#;

/// The source document's message with another value in one field; `null` takes the field away.
fn with(field: &str, value: serde_json::Value) -> Result<String> {
    let mut event: serde_json::Map<_, _> = serde_json::from_str(SEED)?;
    match value {
        serde_json::Value::Null => event.remove(field),
        value => event.insert(field.to_owned(), value),
    };
    Ok(serde_json::to_string(&event)?)
}

/// An attribute value as DynamoDB's JSON has it.
fn typed(value: &AttributeValue) -> serde_json::Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(digits) => json!({ "N": digits }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(typed).collect::<Vec<_>>() }),
        AttributeValue::M(map) => json!({ "M": typed_members(map) }),
        other => json!({ "unexpected": format!("{other:?}") }),
    }
}

fn typed_members<'a>(
    map: impl IntoIterator<Item = (&'a String, &'a AttributeValue)>,
) -> BTreeMap<&'a str, serde_json::Value> {
    map.into_iter().map(|(name, value)| (name.as_str(), typed(value))).collect()
}

#[tokio::test]
async fn the_source_documents_message_is_stored_with_its_exact_types() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let messages = [message(SEED), message(TYPES)];
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;
    let mut items = local.items().await?;
    items.sort_by_key(|item| format!("{:?}", item["EventKey"]));
    let items: Vec<_> = items.iter().map(typed_members).collect();
    insta::assert_json_snapshot!(items);
    Ok(())
}

#[tokio::test]
async fn a_thousand_events_are_stored_once_each_and_add_nothing_when_they_come_again() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let messages: Vec<_> = load::messages(1_000).collect();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;

    local.send(&messages[..200]).await?;
    local.send(&vec![messages[0].clone(); 10]).await?;
    local.expect_drained().await?;
    let stored = local.expect_stored(&messages).await?;

    // The indexes hold them all as well, and give them in the order of time.
    let by_source = local.journal().by_source("Gateway", &ReadOptions::default());
    let by_source: Vec<_> = by_source.try_collect().await?;
    assert_eq!(by_source.len(), stored.len());
    assert!(by_source.is_sorted_by_key(|event| event.timestamp().normalised().to_owned()));
    assert_eq!(local.dead_letter_queue().await?.depth().await?.waiting, 0);
    Ok(())
}

#[tokio::test]
async fn an_id_with_other_content_is_another_event_and_the_conflict_shows() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let messages = [message(SEED), message(with("data", json!({ "Name": "Microservice B" }))?)];
    local.send(&messages).await?;
    let stored = local.expect_stored(&messages).await?;
    let found = conflicts(&stored);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].events.len(), 2);
    Ok(())
}

/// What can never be stored, of every sort, with attributes of every type.
fn poison() -> Result<Vec<Message>> {
    let nested = (0..40).fold(json!(0), |inner, _| json!([inner]));
    let bodies = [
        r#"{"id": "5b070a84", "requestId": "677afffc", "type": "MICROSERVICE_REQUEST""#.to_owned(),
        with("type", json!(null))?,
        with("timestamp", json!("yesterday"))?,
        with("data", json!({ "nested": nested }))?,
        with("type", json!("$metadata"))?,
        with("data", json!({ "text": "x".repeat(410 * 1024) }))?,
    ];
    let attribute = |data_type: &str, value| Attribute { data_type: data_type.to_owned(), value };
    let attributes = BTreeMap::from([
        ("Trace".to_owned(), attribute("String", Value::StringValue("a — b".to_owned()))),
        ("Attempt".to_owned(), attribute("Number.int", Value::StringValue("7".to_owned()))),
        ("Raw".to_owned(), attribute("Binary", Value::BinaryValue(vec![0, 159, 146, 150]))),
    ]);
    Ok(bodies.map(|body| Message { body, attributes: attributes.clone() }).into())
}

#[tokio::test]
async fn poison_goes_to_the_dead_letter_queue_with_its_reason_and_the_rest_of_the_batch_is_stored()
-> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let (good, poison): (Vec<_>, _) = (load::messages(4).collect(), poison()?);
    let batch: Vec<_> = poison.iter().chain(&good).cloned().collect();
    local.send(&batch).await?;
    local.expect_stored(&good).await?;
    let letters = letters(&local, &poison).await?;
    let reasons: Vec<_> = letters.iter().map(DeadLetter::reason).collect();
    insta::assert_snapshot!(reasons.join("\n"));

    // Sent back as it was it is rejected again; a message without a reason, as SQS moves them, is stored.
    let (dead, queue) = (local.dead_letter_queue().await?, local.queue().await?);
    ensure!(dead.send(&[message(SEED)]).await?.is_empty(), "the dead-letter queue took no message");
    redrive::redrive(&dead, &queue).await?;
    let stored: Vec<_> = good.into_iter().chain([message(SEED)]).collect();
    local.expect_stored(&stored).await?;
    local.expect_drained().await?;
    self::letters(&local, &poison).await?;
    Ok(())
}

/// The dead letters of exactly these messages, in their order.
async fn letters(local: &Local, poison: &[Message]) -> Result<Vec<DeadLetter>> {
    let dead = local.expect_dead(poison.len() as u64).await?;
    let letters: Result<Vec<_>> = dead
        .iter()
        .map(|received| DeadLetter::from_message(&received.message)?.context("a dead letter has no reason"))
        .collect();
    let letters = letters?;
    let letter = |original: &Message| {
        let found = letters.iter().find(|letter| letter.original == *original).cloned();
        found.with_context(|| format!("no dead letter is as this was sent: {:.200}", original.body))
    };
    let found: Vec<_> = poison.iter().map(letter).collect::<Result<_>>()?;
    assert!(found.iter().all(|letter| letter.cause == Cause::Rejected));
    Ok(found)
}

#[tokio::test]
async fn what_a_handler_held_that_was_killed_is_stored_once() -> Result<()> {
    let local = Local::start_ingest(SHORT_TIMEOUT).await?;
    local.deploy().await?;
    let messages: Vec<_> = load::messages(300).collect();
    let log = local.emulator.log().context("the emulator keeps no log")?.to_owned();
    let kill = until("a batch that fails because its handler was killed", || async {
        for process in local.emulator.function_processes()? {
            // One that ended meanwhile is as good as killed.
            let _ = process.kill();
        }
        let failed = std::fs::read_to_string(&log)?.contains("failed processing SQS batch");
        ensure!(failed || local.items().await?.len() < messages.len(), "all was stored before a kill hit");
        Ok(failed.then_some(()))
    });
    futures::try_join!(local.send(&messages), kill)?;
    local.expect_stored(&messages).await?;
    local.expect_drained().await?;
    local.expect_stored(&messages).await?;
    assert_eq!(local.dead_letter_queue().await?.depth().await?.waiting, 0);
    Ok(())
}

/// Lambda may give 10,000 messages of together 6 MB to one invocation, DynamoDB takes 25 items in a call.
#[tokio::test]
async fn one_invocation_stores_hundreds_of_records_each_once_with_poison_and_duplicates_among_them()
-> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let good: Vec<_> = load::messages(600).collect();
    let poison = message("not an event");
    let bodies = good.iter().chain(&good[..50]).chain([&poison]).map(|message| &message.body);
    let records: Vec<_> = bodies
        .enumerate()
        .map(|(index, body)| {
            json!({
                "messageId": format!("message-{index}"), "receiptHandle": "handle", "body": body,
                "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1588363200000" },
                "messageAttributes": {}, "eventSource": "aws:sqs",
            })
        })
        .collect();
    let lambda = aws_sdk_lambda::Client::new(&local.bench.session.sdk);
    let payload = Blob::new(json!({ "Records": records }).to_string());
    let answer = lambda.invoke().function_name(local.name(blueprint::INGEST)).payload(payload).send().await?;
    let said = answer.payload.context("the function said nothing")?.into_inner();
    ensure!(answer.function_error.is_none(), "it failed: {}", String::from_utf8_lossy(&said));
    let said: serde_json::Value = serde_json::from_slice(&said)?;
    assert_eq!(said["batchItemFailures"], json!([]));
    local.expect_stored(&good).await?;
    letters(&local, &[poison]).await?;
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_sent_while_nobody_takes_events_is_stored_once_somebody_does() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let lambda = aws_sdk_lambda::Client::new(&local.bench.session.sdk);
    let mappings =
        lambda.list_event_source_mappings().send().await?.event_source_mappings.unwrap_or_default();
    lambda.update_event_source_mapping().set_uuid(mappings[0].uuid.clone()).enabled(false).send().await?;
    local.send(&[message(SEED)]).await?;
    assert_eq!(local.queue().await?.depth().await?.waiting, 1);
    assert!(local.stored().await?.is_empty());
    local.deploy().await?;
    local.expect_stored(&[message(SEED)]).await?;
    Ok(())
}
