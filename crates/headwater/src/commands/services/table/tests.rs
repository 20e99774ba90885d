use std::time::Duration;

use event::Event;
use flow::{flows, services};
use serde_json::json;
use time::macros::datetime;

use super::*;

const START: OffsetDateTime = datetime!(2026-05-01 20:00:00 UTC);

/// Requests of a gateway to a, and of a to b, one a minute for two hours. In the second hour every third call to b fails.
fn events(request: impl Fn(u32) -> String) -> Vec<Event> {
    let one = |number: u32| {
        let begin = START + time::Duration::minutes(i64::from(number) - 60);
        let fails = number >= 60 && number.is_multiple_of(3);
        let end = if fails { event::call::FAILURE } else { event::call::RESPONSE };
        let status = if fails { 503 } else { 200 };
        let took = 4 + i64::from(number % 7);
        let call = |caller: &str, name: &str, milliseconds: i64, event_type: &str| {
            let timestamp = (begin + time::Duration::milliseconds(milliseconds)).format(&Rfc3339).unwrap();
            let data = json!({ "Name": name, "Method": "GET", "Route": format!("/{name}/{{id}}"), "Status": status });
            let fields = json!({ "id": format!("{number}-{name}-{event_type}"), "requestId": request(number),
                                 "timestamp": timestamp, "type": event_type, "source": caller, "data": data });
            Event::from_json(fields.to_string()).unwrap()
        };
        [
            call("gateway", "a", 0, event::call::REQUEST),
            call("a", "b", 1, event::call::REQUEST),
            call("a", "b", 1 + took, end),
            call("gateway", "a", 2 + took, end),
        ]
    };
    (0..120).flat_map(one).collect()
}

fn report(events: &[Event], cut_minutes: i64) -> Report {
    let hour = |since: OffsetDateTime| Window { since, until: since + time::Duration::hours(1) };
    let part = |asked: Window, cut: i64| Part {
        asked,
        read: Window { since: asked.since + time::Duration::minutes(cut), ..asked },
        events: events.len() as u64 / 2,
        is_cut: cut > 0,
    };
    let (window, before) = (part(hour(START), cut_minutes), part(hour(START - time::Duration::hours(1)), 0));
    let flows = flows(events, window.asked.until, Duration::from_secs(30));
    Report {
        services: services(&flows, &window.read, &before.read),
        window,
        before,
        source: None,
        patience: Duration::from_secs(30),
        queries: 24,
    }
}

fn drawn(report: &Report, environment: &str, width: Option<usize>) -> String {
    anstream::adapter::strip_str(&draw(report, environment, width)).to_string()
}

#[test]
fn the_likeliest_culprit_is_first_with_its_evidence() {
    let events = events(|number| format!("request-{number}"));
    insta::assert_snapshot!(drawn(&report(&events, 0), "local", None));
}

#[test]
fn what_the_limit_left_out_is_said_and_machines_are_told_the_same() {
    let events = events(|number| format!("request-{number}"));
    let report = report(&events, 20);
    insta::assert_snapshot!(drawn(&report, "dev", Some(80)));
    insta::assert_json_snapshot!(report.as_json());
}

#[test]
fn a_window_without_calls_says_so() {
    insta::assert_snapshot!(drawn(&report(&[], 0), "local", None));
}

#[test]
fn a_hostile_request_is_one_word_of_the_command_that_shows_it() {
    let events = events(|_| "$(reboot)'; \u{1b}[2J".to_owned());
    let drawn = drawn(&report(&events, 0), "local", None);
    let command = drawn.lines().find(|line| line.contains("cargo xtask flow")).unwrap().trim();
    assert_eq!(command, r"cargo xtask flow --request '$(reboot)'\''; \u{1b}[2J'");
    assert_eq!(word("677afffc-373e"), "677afffc-373e");
    assert_eq!(word(""), "''");
}
