//! Reads against a scripted DynamoDB that pages, shards and counts what was asked of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod common;

use std::sync::{Arc, Mutex};

use common::{Answer, SHARDS, Table, append, chain, event, event_with, journal};
use event::{Event, Timestamp};
use futures::StreamExt;
use journal::{Direction, EventStream, Journal, ReadError, ReadOptions};
use serde_json::{Value, json};

/// A journal over a table in memory whose pages hold at most `page` items; every Query's body is kept.
async fn filled(events: &[Event], page: usize) -> (Journal, Arc<Mutex<Vec<Value>>>) {
    let table = Table::default();
    let queries = Arc::new(Mutex::new(Vec::new()));
    let journal = journal({
        let queries = Arc::clone(&queries);
        move |operation, body| match operation {
            "BatchWriteItem" => table.write(&body, |_| true),
            "Query" => {
                queries.lock().unwrap().push(body.clone());
                Answer::Ok(query(&table, &body, page))
            }
            other => panic!("{other}"),
        }
    });
    append(&journal, events, std::time::Duration::from_secs(9)).await;
    (journal, queries)
}

/// Query as DynamoDB does it, for the conditions that the journal makes.
fn query(table: &Table, body: &Value, page: usize) -> Value {
    let value = |name: &str| body["ExpressionAttributeValues"][name]["S"].as_str();
    let partition = body["ExpressionAttributeNames"]["#partition"].as_str().unwrap();
    let condition = body["KeyConditionExpression"].as_str().unwrap();
    assert_eq!(condition.contains("BETWEEN"), value(":since").is_some() && value(":until").is_some());
    let mut items: Vec<Value> = table.stored().items.values().cloned().collect();
    items.retain(|item| {
        let key = item["EventKey"]["S"].as_str().unwrap();
        item[partition]["S"].as_str() == value(":partition")
            && value(":since").is_none_or(|since| key >= since)
            && value(":until").is_none_or(|until| key < until)
    });
    items.sort_by_key(|item| item["EventKey"]["S"].as_str().unwrap().to_owned());
    if body["ScanIndexForward"] == false {
        items.reverse();
    }
    if let Some(start) = body["ExclusiveStartKey"]["EventKey"]["S"].as_str() {
        let at = items.iter().position(|item| item["EventKey"]["S"] == start).unwrap();
        items.drain(..=at);
    }
    let page = body["Limit"].as_u64().map_or(page, |limit| page.min(limit as usize));
    let has_more = items.len() > page;
    items.truncate(page);
    match items.last() {
        Some(last) if has_more => {
            json!({ "Items": items, "LastEvaluatedKey": { "EventKey": last["EventKey"] } })
        }
        _ => json!({ "Items": items }),
    }
}

async fn ids(stream: EventStream) -> Vec<String> {
    stream.map(|event| event.unwrap().id().to_owned()).collect().await
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("id-{n}")).collect()
}

fn at(minute: usize) -> Option<Timestamp> {
    Some(event(minute).timestamp().clone())
}

#[tokio::test]
async fn all_shards_and_pages_come_merged_in_the_order_of_time() {
    let events: Vec<_> = (0..100).rev().map(event).collect();
    let (journal, _) = filled(&events, 7).await;
    let forwards = ReadOptions::default();
    let backwards = ReadOptions { direction: Direction::Backwards, ..ReadOptions::default() };
    for stream in [
        journal.by_type("T", &forwards),
        journal.by_source("S", &forwards),
        journal.by_request("request", &forwards),
    ] {
        assert_eq!(ids(stream).await, numbered(0..100));
    }
    for stream in [journal.by_type("T", &backwards), journal.by_request("request", &backwards)] {
        assert_eq!(ids(stream).await, numbered((0..100).rev()));
    }
    assert_eq!(ids(journal.by_types(&["other", "T"], &backwards)).await, numbered((0..100).rev()));
    assert!(ids(journal.by_type("other", &forwards)).await.is_empty());
}

#[tokio::test]
async fn a_window_includes_since_and_excludes_until() {
    let events: Vec<_> = (0..20).map(event).collect();
    let (journal, queries) = filled(&events, 3).await;
    let read = |since, until| {
        let options = ReadOptions { since, until, ..ReadOptions::default() };
        let (by_type, by_request) = (journal.by_type("T", &options), journal.by_request("request", &options));
        async move {
            let found = ids(by_type).await;
            assert_eq!(found, ids(by_request).await);
            found
        }
    };
    assert_eq!(read(at(5), at(8)).await, numbered(5..8));
    assert_eq!(read(at(17), None).await, numbered(17..20));
    assert_eq!(read(None, at(2)).await, numbered(0..2));
    let before = queries.lock().unwrap().len();
    assert!(read(at(8), at(8)).await.is_empty() && read(at(9), at(8)).await.is_empty());
    assert_eq!(queries.lock().unwrap().len(), before, "an empty window needs no call");
}

#[tokio::test]
async fn a_limit_reads_no_more_than_one_page_of_so_many_from_each_shard() {
    let events: Vec<_> = (0..400).map(event).collect();
    let (journal, queries) = filled(&events, 1000).await;
    let options = ReadOptions { limit: Some(10), direction: Direction::Backwards, ..ReadOptions::default() };
    assert_eq!(ids(journal.by_type("T", &options)).await, numbered((390..400).rev()));
    let queries = queries.lock().unwrap();
    assert_eq!(queries.len(), usize::from(SHARDS.get()));
    assert_eq!(options.queries.get(), queries.len() as u64);
    assert!(queries.iter().all(|query| query["Limit"] == 10 && query["IndexName"] == "Type-Index"));
}

#[tokio::test]
async fn a_stream_that_is_not_read_on_asks_for_no_further_page() {
    let events: Vec<_> = (0..100).map(event).collect();
    let (journal, queries) = filled(&events, 5).await;
    let first = ids(journal.by_request("request", &ReadOptions::default()).take(5).boxed()).await;
    assert_eq!(first, numbered(0..5));
    assert_eq!(queries.lock().unwrap().len(), 1);
    assert_eq!(queries.lock().unwrap()[0]["ConsistentRead"], true);
}

#[tokio::test]
async fn events_of_one_instant_come_in_the_order_of_their_keys_whatever_their_shards() {
    let same: Vec<_> = ["a", "a!", "a#", "b", "é", "B"].map(|id| event_with(id, 7, json!({}))).into();
    let (journal, _) = filled(&same, 2).await;
    let by_request = ids(journal.by_request("request", &ReadOptions::default())).await;
    assert_eq!(by_request.len(), same.len());
    assert_eq!(ids(journal.by_type("T", &ReadOptions::default())).await, by_request);
}

#[tokio::test]
async fn an_item_that_is_no_event_is_one_error_and_the_read_goes_on() {
    let items = [
        json!({ "RequestId": { "S": "request" }, "EventKey": { "S": "stranger" } }),
        common::wire(&event(1)),
    ];
    let journal = journal(move |_, _| Answer::Ok(json!({ "Items": items })));
    let found: Vec<_> = journal.by_request("request", &ReadOptions::default()).collect().await;
    let error = found[0].as_ref().unwrap_err();
    assert_eq!(
        chain(error),
        "an item of table events cannot be read as an event: item request / stranger: attribute Data is missing"
    );
    assert_eq!(found[1].as_ref().unwrap(), &event(1));
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn a_failed_query_ends_the_stream_with_its_place_and_cause() {
    let journal = journal(|_, _| Answer::Error(400, "AccessDeniedException", "not authorized"));
    let found: Vec<_> = journal.by_type("T", &ReadOptions::default()).collect().await;
    assert!(matches!(found[..], [Err(ReadError::Query { .. })]));
    let shown = chain(found[0].as_ref().unwrap_err());
    assert!(shown.starts_with("Query of index Type-Index of table events failed: "), "{shown}");
    assert!(shown.contains("not authorized"), "{shown}");
}
