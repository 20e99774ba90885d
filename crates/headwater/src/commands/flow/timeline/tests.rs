use std::time::Duration;

use event::Event;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::datetime};

use super::*;

const START: OffsetDateTime = datetime!(2026-05-01 20:00:00 UTC);

/// An event so many milliseconds after the start.
fn event(milliseconds: i64, source: &str, event_type: &str, data: serde_json::Value) -> Event {
    let timestamp = (START + time::Duration::milliseconds(milliseconds)).format(&Rfc3339).unwrap();
    let id = format!("{milliseconds}-{source}-{event_type}");
    let fields = json!({ "id": id, "requestId": "677afffc", "timestamp": timestamp, "type": event_type,
                         "source": source, "data": data });
    Event::from_json(fields.to_string()).unwrap()
}

fn drawn(events: &[Event], width: Option<usize>) -> String {
    let now = START + time::Duration::minutes(1);
    let flow = Flow::of("677afffc", events, now, Duration::from_secs(30));
    anstream::adapter::strip_str(&draw(&flow, width)).to_string()
}

/// A request that fails three services below, with an attempt that was made good and an event of another type.
fn failed() -> Vec<Event> {
    use event::call::{FAILURE, REQUEST, RESPONSE};
    vec![
        event(
            0,
            "gateway",
            REQUEST,
            json!({ "Name": "orders", "Span": "1", "Method": "POST", "Route": "/orders" }),
        ),
        event(
            3,
            "orders",
            REQUEST,
            json!({ "Name": "prices", "Span": "2", "Parent": "1", "Method": "GET", "Route": "/prices", "Attempt": 1 }),
        ),
        event(
            8,
            "orders",
            FAILURE,
            json!({ "Name": "prices", "Span": "2", "Status": 503, "Error": "status" }),
        ),
        event(
            20,
            "orders",
            REQUEST,
            json!({ "Name": "prices", "Span": "3", "Parent": "1", "Method": "GET", "Route": "/prices", "Attempt": 2 }),
        ),
        event(
            45,
            "orders",
            RESPONSE,
            json!({ "Name": "prices", "Span": "3", "Status": 200, "DurationMicroseconds": 24_810 }),
        ),
        event(46, "orders", "ORDER_PRICED", json!({ "total": 12 })),
        event(
            50,
            "orders",
            REQUEST,
            json!({ "Name": "stock", "Span": "4", "Parent": "1", "Method": "PUT", "Route": "/stock/{sku}" }),
        ),
        event(52, "stock", REQUEST, json!({ "Name": "ledger", "Span": "5", "Parent": "4" })),
        event(350, "orders", FAILURE, json!({ "Name": "stock", "Span": "4", "Error": "timeout" })),
        event(
            355,
            "gateway",
            FAILURE,
            json!({ "Name": "orders", "Span": "1", "Status": 502, "Error": "status" }),
        ),
    ]
}

#[test]
fn a_request_is_a_timeline_with_what_failed_and_because_of_what() {
    insta::assert_snapshot!(drawn(&failed(), None));
}

#[test]
fn a_wide_terminal_has_bars_and_a_narrow_one_cuts_names() {
    insta::assert_snapshot!("wide", drawn(&failed(), Some(150)));
    insta::assert_snapshot!("narrow", drawn(&failed(), Some(60)));
    assert!(drawn(&failed(), Some(150)).lines().all(|line| line.chars().count() <= 150));
}

#[test]
fn hostile_text_drives_no_terminal_and_no_width_is_too_small() {
    let hostile = "\u{1b}[2J\nx".repeat(20);
    let events = [
        event(
            0,
            &hostile,
            event::call::REQUEST,
            json!({ "Name": hostile, "Method": hostile, "Route": hostile }),
        ),
        event(1, &hostile, event::call::FAILURE, json!({ "Name": hostile, "Error": hostile })),
        event(2, &hostile, &hostile, json!({})),
    ];
    for width in [None, Some(0), Some(1), Some(80), Some(10_000)] {
        let drawn = drawn(&events, width);
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn}");
    }
    insta::assert_snapshot!(drawn(&events, Some(120)));
}
