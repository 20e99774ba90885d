//! The handler on scripted AWS: each record has its own outcome, and none is lost.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use event::dead_letter::{Attribute, Message};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::testing::*;

fn failures(report: &Report) -> Vec<&str> {
    report.response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

fn received(mut record: Value, times: u32) -> Value {
    record["attributes"]["ApproximateReceiveCount"] = json!(times.to_string());
    record
}

/// DynamoDB stores nothing: it is throttled.
fn throttled(operation: &str, input: &Value) -> Reply {
    match operation {
        "BatchWriteItem" => Reply::Error(400, "ProvisionedThroughputExceededException"),
        _ => healthy(operation, input),
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_stored_and_nothing_comes_again() {
    let (ingest, calls) = ingest(healthy);
    let report = ingest
        .handle(batch([record("m1", &event("a")), record("m2", &event("b"))]), deadline())
        .await
        .unwrap();
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!((report.metrics.received, report.metrics.stored, report.metrics.latencies.len()), (2, 2, 2));
    assert_eq!(dead_letters(&calls), [Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_in_the_batch_is_counted_as_folded_not_as_stored() {
    let (ingest, _) = ingest(healthy);
    let report = ingest
        .handle(batch([record("m1", &event("a")), record("m2", &event("a"))]), deadline())
        .await
        .unwrap();
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!((report.metrics.stored, report.metrics.folded), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cloudevent_is_the_same_event_as_in_our_form() {
    let (ingest, _) = ingest(healthy);
    let cloudevent = json!({
        "specversion": "1.0", "id": "a", "requestid": "677afffc-373e-42f0-8363-f24bc675bcf6",
        "time": "2020-05-01T20:00:00Z", "type": "MICROSERVICE_REQUEST", "source": "Gateway",
        "data": { "Name": "Microservice A" },
    });
    let records = [record("m1", &event("a")), record("m2", &cloudevent.to_string())];
    let metrics = ingest.handle(batch(records), deadline()).await.unwrap().metrics;
    assert_eq!((metrics.stored, metrics.folded, metrics.rejected), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn two_events_of_one_id_and_other_content_are_both_stored_and_counted_as_a_conflict() {
    let (ingest, _) = ingest(healthy);
    let other = event("a").replace("Microservice A", "Microservice B");
    let records = [record("m0", "poison"), record("m1", &event("a")), record("m2", &other)];
    let metrics = ingest.handle(batch(records), deadline()).await.unwrap().metrics;
    assert_eq!((metrics.stored, metrics.folded, metrics.conflicts), (2, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn poison_goes_to_the_dead_letter_queue_at_once_and_the_others_are_stored() {
    let (ingest, calls) = ingest(healthy);
    let records = [record("m1", &event("a")), record("m2", " {\"not\": json"), record("m3", &event("c"))];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!((report.metrics.stored, report.metrics.rejected), (2, 1));
    let letters = dead_letters(&calls);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["MessageBody"], " {\"not\": json");
    insta::assert_json_snapshot!(letters[0]["MessageAttributes"]);
}

#[tokio::test(start_paused = true)]
async fn attributes_of_all_three_types_go_with_a_dead_letter() {
    let (ingest, calls) = ingest(healthy);
    let mut poison = record("m1", "poison");
    poison["messageAttributes"] = json!({
        "text": { "stringValue": "a", "stringListValues": [], "binaryListValues": [], "dataType": "String" },
        "number": { "stringValue": "1.50", "dataType": "Number.money" },
        "bytes": { "binaryValue": STANDARD.encode([0, 255]), "dataType": "Binary" },
    });
    ingest.handle(batch([poison]), deadline()).await.unwrap();
    let attributes = &dead_letters(&calls)[0]["MessageAttributes"];
    assert_eq!(attributes["text"], json!({ "StringValue": "a", "DataType": "String" }));
    assert_eq!(attributes["number"], json!({ "StringValue": "1.50", "DataType": "Number.money" }));
    assert_eq!(
        attributes["bytes"],
        json!({ "BinaryValue": STANDARD.encode([0, 255]), "DataType": "Binary" })
    );
}

#[tokio::test(start_paused = true)]
async fn ten_attributes_and_a_full_body_still_reach_the_dead_letter_queue_with_a_reason() {
    let (ingest, calls) = ingest(healthy);
    let mut crowded = record("m1", "poison");
    for n in 0..10 {
        crowded["messageAttributes"][format!("a{n}")] = json!({ "stringValue": "v", "dataType": "String" });
    }
    let full = record("m2", &"x".repeat(1024 * 1024));
    let report = ingest.handle(batch([crowded, full]), deadline()).await.unwrap();
    assert_eq!((failures(&report).len(), report.metrics.rejected), (0, 2));
    for letter in dead_letters(&calls) {
        assert!(letter["MessageAttributes"]["HeadwaterReason"]["StringValue"].is_string());
        assert!(letter["MessageAttributes"]["HeadwaterOriginal"]["BinaryValue"].is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_was_moved_back_is_read_as_its_original() {
    let (ingest, calls) = ingest(healthy);
    let mut first = record("m1", "poison");
    for n in 0..10 {
        first["messageAttributes"][format!("a{n}")] = json!({ "stringValue": "v", "dataType": "String" });
    }
    ingest.handle(batch([first]), deadline()).await.unwrap();
    let letter = dead_letters(&calls).remove(0);
    let mut again = record("m2", letter["MessageBody"].as_str().unwrap());
    for (name, attribute) in letter["MessageAttributes"].as_object().unwrap() {
        again["messageAttributes"][name] = json!({
            "stringValue": attribute["StringValue"], "binaryValue": attribute["BinaryValue"],
            "dataType": attribute["DataType"],
        });
    }
    ingest.handle(batch([again]), deadline()).await.unwrap();
    let mut letters = dead_letters(&calls);
    let (mut second, mut first) = (letters.remove(1), letters.remove(0));
    assert_eq!(second["MessageAttributes"]["HeadwaterMessageId"]["StringValue"], "m2");
    for letter in [&mut first, &mut second] {
        letter["MessageAttributes"]["HeadwaterMessageId"].take();
    }
    assert_eq!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_dead_letter_that_was_moved_back_is_kept_whole() {
    let (ingest, calls) = ingest(healthy);
    let mut damaged = record("m1", "its original left no room");
    damaged["messageAttributes"] = json!({
        "HeadwaterReason": { "stringValue": "a reason", "dataType": "String" },
        "HeadwaterOriginal": { "binaryValue": STANDARD.encode([1, 2, 3]), "dataType": "Binary" },
    });
    let report = ingest.handle(batch([damaged]), deadline()).await.unwrap();
    assert_eq!((failures(&report).len(), report.metrics.rejected), (0, 1));
    let letter = dead_letters(&calls).remove(0);
    let bytes = letter["MessageAttributes"]["HeadwaterOriginal"]["BinaryValue"].as_str().unwrap();
    let original = Attribute::binary(STANDARD.decode(bytes).unwrap());
    let reason = letter["MessageAttributes"]["HeadwaterReason"]["StringValue"].as_str().unwrap();
    let attributes = [
        ("HeadwaterOriginal", original),
        ("HeadwaterReason", Attribute::string(reason)),
        ("HeadwaterCause", Attribute::string("rejected")),
        ("HeadwaterMessageId", Attribute::string("m1")),
    ];
    let attributes = attributes.map(|(name, attribute)| (name.to_owned(), attribute)).into();
    let sent = Message { body: letter["MessageBody"].as_str().unwrap().to_owned(), attributes };
    let kept = DeadLetter::from_message(&sent).unwrap().unwrap().original;
    assert_eq!(kept.body, "its original left no room");
    assert_eq!(kept.attributes["HeadwaterOriginal"], Attribute::binary(vec![1, 2, 3]));
    assert_eq!(kept.attributes["HeadwaterReason"], Attribute::string("a reason"));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_panics_is_poison_and_the_others_are_stored() {
    let (mut ingest, calls) = ingest(healthy);
    ingest.parse = |body| if body == "boom" { panic!("at the digit 7") } else { Event::from_json(body) };
    let records = [record("m1", &event("a")), record("m2", "boom")];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!((failures(&report).len(), report.metrics.stored, report.metrics.rejected), (0, 1, 1));
    let reason = &dead_letters(&calls)[0]["MessageAttributes"]["HeadwaterReason"]["StringValue"];
    assert_eq!(reason, "ingest panicked on it, which is a fault of ingest: at the digit 7");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_comes_again() {
    let (ingest, calls) = ingest(throttled);
    let records = [record("m1", &event("a")), record("m2", "poison")];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m1"]);
    assert_eq!((report.metrics.stored, report.metrics.rejected, report.metrics.retried), (0, 1, 1));
    assert_eq!(dead_letters(&calls).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_fails_on_its_last_receive_is_moved_with_the_error_as_its_reason() {
    let (ingest, calls) = ingest(throttled);
    let records = [
        received(record("m1", &event("a")), MAX_RECEIVE_COUNT),
        received(record("m2", &event("b")), MAX_RECEIVE_COUNT - 1),
    ];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m2"]);
    assert_eq!((report.metrics.moved, report.metrics.retried), (1, 1));
    let letters = dead_letters(&calls);
    assert_eq!(letters[0]["MessageBody"], event("a"));
    assert_eq!(letters[0]["MessageAttributes"]["HeadwaterCause"]["StringValue"], "exhausted");
    let reason = letters[0]["MessageAttributes"]["HeadwaterReason"]["StringValue"].as_str().unwrap();
    assert!(reason.contains("ProvisionedThroughputExceeded"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_queue_that_is_down_makes_poison_come_again() {
    let (ingest, _) = ingest(|operation, input| match operation {
        "SendMessageBatch" => Reply::Error(500, "InternalFailure"),
        _ => healthy(operation, input),
    });
    let records = [record("m1", &event("a")), record("m2", "poison")];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m2"]);
    assert_eq!((report.metrics.stored, report.metrics.rejected, report.metrics.retried), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn only_the_dead_letters_that_failed_in_a_call_come_again() {
    let (ingest, _) = ingest(|operation, input| match operation {
        "SendMessageBatch" => Reply::Done(sent(input, &["1"])),
        _ => healthy(operation, input),
    });
    let records = ["m1", "m2", "m3"].map(|id| record(id, "poison"));
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m2"]);
    assert_eq!(report.metrics.rejected, 2);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_of_which_sqs_says_nothing_comes_again() {
    let (ingest, _) = ingest(|operation, input| match operation {
        "SendMessageBatch" => Reply::Done(json!({ "Successful": [], "Failed": [] })),
        _ => healthy(operation, input),
    });
    let report = ingest.handle(batch([record("m1", "poison")]), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m1"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_has_a_call_refused_does_not_hold_back_the_others() {
    let (ingest, _) = ingest(|operation, input| match operation {
        "SendMessageBatch" if input.to_string().contains("odious") => {
            Reply::Error(400, "InvalidMessageContents")
        }
        _ => healthy(operation, input),
    });
    let records = [record("m1", "poison"), record("m2", "odious"), record("m3", "poison")];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m2"]);
    assert_eq!(report.metrics.rejected, 2);
}

#[tokio::test(start_paused = true)]
async fn more_dead_letters_than_a_call_takes_need_several_and_keep_their_order() {
    let (ingest, calls) = ingest(|operation, input| match operation {
        "SendMessageBatch" => Reply::Done(sent(input, &["9"])),
        _ => healthy(operation, input),
    });
    let records = (0..25).map(|n| record(&format!("m{n}"), "poison"));
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert_eq!(failures(&report), ["m9", "m19"]);
    assert_eq!(dead_letters(&calls).len(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_silent_dynamodb_does_not_keep_the_answer_past_the_time_out_and_poison_is_moved_in_time() {
    let (ingest, calls) = ingest(|operation, input| match operation {
        "BatchWriteItem" => Reply::Silence,
        _ => healthy(operation, input),
    });
    let start = Instant::now();
    let records = [record("m1", &event("a")), record("m2", "poison")];
    let report = ingest.handle(batch(records), deadline()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(failures(&report), ["m1"]);
    assert_eq!(dead_letters(&calls).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_dead_letter_queue_does_not_keep_the_answer_past_the_time_out() {
    let (ingest, _) = ingest(|operation, input| match operation {
        "SendMessageBatch" => Reply::Silence,
        _ => healthy(operation, input),
    });
    let start = Instant::now();
    let report = ingest.handle(batch([record("m1", "poison")]), deadline()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(failures(&report), ["m1"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_refuses_the_batch_before_anything_is_stored() {
    for id in [json!(null), json!("")] {
        let (ingest, calls) = ingest(healthy);
        let mut nameless = record("m2", &event("b"));
        nameless["messageId"] = id;
        let error =
            ingest.handle(batch([record("m1", &event("a")), nameless]), deadline()).await.unwrap_err();
        assert_eq!(error, MissingMessageId { index: 1 });
        assert!(calls.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_counted_once() {
    let (ingest, _) = ingest(|operation, input| match operation {
        "SendMessageBatch" => Reply::Done(sent(input, &["0"])),
        "BatchWriteItem" => Reply::Done(json!({ "UnprocessedItems": input["RequestItems"] })),
        _ => healthy(operation, input),
    });
    let records = [
        record("m1", "poison"),
        record("m2", "poison"),
        record("m3", &event("a")),
        received(record("m4", &event("b")), MAX_RECEIVE_COUNT),
    ];
    let Metrics { received, stored, folded, rejected, moved, retried, .. } =
        ingest.handle(batch(records), deadline()).await.unwrap().metrics;
    assert_eq!((received, stored, folded, rejected, moved, retried), (4, 0, 0, 1, 1, 2));
}
