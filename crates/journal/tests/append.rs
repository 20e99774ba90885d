//! Append against a scripted DynamoDB: every trouble that a call can meet, on a paused clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Answer, Table, append, chain, event, event_with, journal};
use journal::{Outcome, conflicts};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(30);

fn is_stored(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stored { .. })
}

fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Retry { error } => chain(error.as_ref()),
        Outcome::Rejected { reason } => format!("[{}] {reason}", reason.code()),
        other => panic!("neither Retry nor Rejected: {other:?}"),
    }
}

fn holds(body: &Value, id: &str) -> bool {
    let requests = body["RequestItems"]["events"].as_array().unwrap();
    requests.iter().any(|request| request["PutRequest"]["Item"]["Id"]["S"] == id)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_events_go_out_in_forty_calls_and_each_is_stored_once() {
    let table = Table::default();
    let events: Vec<_> = (0..1000).map(event).collect();
    let journal = journal({
        let table = table.clone();
        move |operation, body| {
            assert_eq!(operation, "BatchWriteItem");
            table.write(&body, |_| true)
        }
    });
    for _ in 0..2 {
        let outcomes = append(&journal, &events, LONG).await;
        assert_eq!(outcomes.len(), 1000);
        assert!(outcomes.iter().all(is_stored));
    }
    assert_eq!(table.stored().items.len(), 1000, "the second append wrote the same items");
    assert_eq!(table.stored().calls, [25; 80]);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_append_makes_no_call() {
    let journal = journal(|_, _| panic!("a call"));
    assert!(append(&journal, &[], LONG).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_folded_and_both_sides_of_a_conflict_are_stored() {
    let table = Table::default();
    let journal = journal({
        let table = table.clone();
        move |_, body| table.write(&body, |_| true)
    });
    let other = event_with("id-1", 1, json!({ "n": "changed" }));
    // An id is unique for its source alone.
    let mut elsewhere: Value = serde_json::from_str(&event(2).to_json()).unwrap();
    elsewhere["source"] = json!("/elsewhere");
    let elsewhere = event::Event::from_json(elsewhere.to_string()).unwrap();
    let events = [event(1), event(2), event(1), other.clone(), other, elsewhere];
    let outcomes = append(&journal, &events, LONG).await;
    assert!(matches!(
        outcomes[..],
        [
            Outcome::Stored { conflicts_with: None },
            Outcome::Stored { conflicts_with: None },
            Outcome::Folded { into: 0 },
            Outcome::Stored { conflicts_with: Some(0) },
            Outcome::Folded { into: 3 },
            Outcome::Stored { conflicts_with: None },
        ]
    ));
    assert_eq!(table.ids(), ["id-1", "id-1", "id-2", "id-2"]);

    let found = conflicts(&events);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].events.len()), ("id-1", 2));
}

#[tokio::test(start_paused = true)]
async fn unprocessed_items_alone_are_sent_again_until_they_are_stored() {
    let table = Table::default();
    let calls = AtomicUsize::new(0);
    let journal = journal({
        let table = table.clone();
        move |_, body| {
            let takes = calls.fetch_add(1, Ordering::Relaxed) >= 3;
            table.write(&body, |item| takes || item["Id"]["S"] == "id-0")
        }
    });
    let events: Vec<_> = (0..3).map(event).collect();
    assert!(append(&journal, &events, LONG).await.iter().all(is_stored));
    assert_eq!(table.stored().calls, [3, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_unprocessed_at_the_deadline_comes_back_as_retry_and_the_rest_is_stored() {
    let table = Table::default();
    let journal = journal({
        let table = table.clone();
        move |_, body| table.write(&body, |item| item["Id"]["S"] != "id-1")
    });
    let events: Vec<_> = [0, 1, 2, 1].map(event).into();
    let begin = tokio::time::Instant::now();
    let outcomes = append(&journal, &events, Duration::from_secs(10)).await;
    assert!(begin.elapsed() <= Duration::from_secs(10));
    assert!(is_stored(&outcomes[0]) && is_stored(&outcomes[2]));
    let shown = reason(&outcomes[1]);
    assert!(shown.starts_with("table events left the item unprocessed in each of"), "{shown}");
    assert_eq!(reason(&outcomes[3]), shown, "a folded event shares the fate of the one it was folded into");
}

#[tokio::test(start_paused = true)]
async fn throttling_server_errors_and_silence_pass_with_patience() {
    let table = Table::default();
    let calls = AtomicUsize::new(0);
    let journal = journal({
        let table = table.clone();
        move |_, body| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Error(400, "ProvisionedThroughputExceededException", "slow down"),
            1 => Answer::Error(400, "ThrottlingException", "slow down"),
            2 => Answer::Error(500, "InternalServerError", "oops"),
            3 => Answer::Error(503, "Unheard", "of"),
            4 => Answer::Silence,
            _ => table.write(&body, |_| true),
        }
    });
    assert!(append(&journal, &[event(0)], LONG).await.iter().all(is_stored));
}

#[tokio::test(start_paused = true)]
async fn a_silent_dynamodb_is_given_up_at_the_deadline() {
    let journal = journal(|_, _| Answer::Silence);
    let begin = tokio::time::Instant::now();
    let outcomes = append(&journal, &[event(0)], Duration::from_secs(7)).await;
    assert!(begin.elapsed() <= Duration::from_secs(7));
    let shown = reason(&outcomes[0]);
    assert!(shown.starts_with("BatchWriteItem on table events gave no answer within"), "{shown}");
    let outcomes = append(&journal, &[event(0)], Duration::ZERO).await;
    assert_eq!(reason(&outcomes[0]), "the deadline left no time to write to table events");
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_is_found_among_many_and_the_others_are_stored() {
    let table = Table::default();
    let journal = journal({
        let table = table.clone();
        move |_, body| match holds(&body, "id-7") || holds(&body, "id-20") {
            true => {
                Answer::Error(400, "ValidationException", "Nesting Levels have exceeded supported limits")
            }
            false => table.write(&body, |_| true),
        }
    });
    let events: Vec<_> = (0..30).map(event).collect();
    let outcomes = append(&journal, &events, LONG).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match n {
            7 | 20 => assert_eq!(
                reason(outcome),
                "[refused-by-dynamodb] DynamoDB refuses the event: Nesting Levels have exceeded supported limits \
                 (ValidationException)"
            ),
            _ => assert!(is_stored(outcome), "{n}: {outcome:?}"),
        }
    }
    assert_eq!(table.stored().items.len(), 28);
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_setup_come_back_at_once_for_retry_and_never_as_rejections() {
    for (status, code, message) in [
        (400, "AccessDeniedException", "User is not authorized to perform: dynamodb:BatchWriteItem"),
        (400, "ResourceNotFoundException", "Requested resource not found"),
        (400, "ExpiredTokenException", "The security token included in the request is expired"),
        (400, "ValidationException", "The provided key element does not match the schema"),
        (400, "ValidationException", "Type mismatch for Index Key TypeShard Expected: N Actual: S"),
    ] {
        let calls = AtomicUsize::new(0);
        let journal = journal(move |_, _| {
            assert_eq!(calls.fetch_add(1, Ordering::Relaxed), 0, "{code} was tried again");
            Answer::Error(status, code, message)
        });
        let outcomes = append(&journal, &[event(0), event(1)], LONG).await;
        for outcome in &outcomes {
            let shown = reason(outcome);
            assert!(shown.starts_with("BatchWriteItem on table events failed: "), "{shown}");
            assert!(shown.contains(code) && shown.contains(message), "{shown}");
            assert!(matches!(outcome, Outcome::Retry { .. }));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_over_400_kb_is_rejected_before_any_call_and_the_others_are_stored() {
    let table = Table::default();
    let journal = journal({
        let table = table.clone();
        move |_, body| table.write(&body, |_| true)
    });
    let large = event_with("large", 0, json!({ "text": "x".repeat(409_600) }));
    let outcomes = append(&journal, &[event(0), large, event(1)], LONG).await;
    insta::assert_snapshot!(reason(&outcomes[1]));
    assert_eq!(table.ids(), ["id-0", "id-1"]);
}
