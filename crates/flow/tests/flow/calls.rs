//! Which events are one call, and for which call it was made.

use event::Event;
use flow::{Flow, Outcome, PATIENCE, Part};
use serde_json::json;

use crate::script::{at, event, events, expect, flow, outline};

#[test]
fn events_with_spans_are_calls_below_each_other_in_whatever_order_they_come() {
    expect(
        "
        9 gateway < a Span=1 Status=200 DurationMicroseconds=9000
        7 a < b Span=2 Status=200
        3 a > b Span=2 Parent=1
        0 gateway > a Span=1
        ",
        "
        gateway > a: answered 9 ms
          a > b: answered 4 ms
        ",
    );
}

#[test]
fn events_with_nothing_but_a_name_are_paired_by_turn_and_placed_by_time() {
    expect(
        "
        0 gateway > a
        1 a > b
        2 a > b
        5 a < b
        8 a ! b
        9 gateway < a
        20 gateway > a
        21 a > c
        22 a < c
        29 gateway < a
        ",
        "
        gateway > a: answered 9 ms
          a > b: answered 4 ms
          a > b: failed, culprit
        gateway > a: answered 9 ms
          a > c: answered 1 ms
        ",
    );
}

/// Such as the clock of the source document's events.
#[test]
fn a_clock_that_counts_seconds_does_not_turn_a_call_around() {
    expect("0 gateway < a id=0\n0 gateway > a id=9", "gateway > a: answered 0 ms");
}

/// The only call to a service is above what the service calls, whatever the two clocks say.
#[test]
fn clocks_that_differ_do_not_tear_a_flow_apart() {
    expect(
        "
        0 gateway > a
        9 gateway < a
        500 a > b
        505 a < b
        ",
        "
        gateway > a: answered 9 ms
          a > b: answered 5 ms
        ",
    );
}

#[test]
fn a_call_is_placed_below_the_latest_that_was_under_way() {
    expect(
        "
        0 gateway > a
        10 gateway > a
        12 gateway > a
        14 gateway < a
        15 a > b
        16 a < b
        18 gateway < a
        19 gateway < a
        30 a > b
        31 a < b
        ",
        "
        gateway > a: answered 14 ms
        gateway > a: answered 8 ms
        gateway > a: answered 7 ms
          a > b: answered 1 ms
          a > b: answered 1 ms
        ",
    );
}

#[test]
fn an_answer_alone_is_a_call_that_began_before_by_what_it_says() {
    let flow = flow("0 x SOMETHING y\n50 gateway < a DurationMicroseconds=20000");
    assert_eq!(flow.calls[0].started, at(30));
    assert_eq!(flow.calls[0].offset_microseconds, 30_000);
    assert_eq!(outline(&flow), "gateway > a: answered 20 ms\n");
}

#[test]
fn a_call_without_an_answer_is_pending_for_as_long_as_one_waits() {
    let events = events("r", "0 gateway > a");
    let outcome = |now| Flow::of("r", &events, at(now), PATIENCE).calls[0].outcome.clone();
    assert_eq!(outcome(29_999), Outcome::Pending { for_microseconds: 29_999_000 });
    assert_eq!(outcome(30_000), Outcome::Unanswered { for_microseconds: 30_000_000 });
    // A clock ahead of ours.
    assert_eq!(outcome(-5), Outcome::Pending { for_microseconds: 0 });
}

#[test]
fn an_event_that_came_twice_counts_once_and_both_sides_of_a_conflict_show() {
    let once = events("r", "0 gateway > a id=x\n1 gateway > a id=x\n5 gateway < a id=y");
    let twice: Vec<Event> = once.iter().chain(&once).cloned().collect();
    let flow = Flow::of("r", &twice, at(60_000), PATIENCE);
    assert_eq!(outline(&flow), "gateway > a: answered 5 ms\n");
    let parts: Vec<_> = flow.entries.iter().map(|entry| (entry.part, entry.call)).collect();
    assert_eq!(parts, [(Part::Request, Some(0)), (Part::Repetition, Some(0)), (Part::Answer, Some(0))]);
}

#[test]
fn a_span_that_is_told_of_twice_is_one_call() {
    let flow = flow("0 g > a Span=1\n1 g > a Span=1\n5 g < a Span=1\n6 g ! a Span=1");
    assert_eq!(outline(&flow), "g > a: answered 5 ms\n");
    assert_eq!(flow.entries.iter().filter(|entry| entry.part == Part::Repetition).count(), 2);
}

#[test]
fn a_span_on_one_side_alone_does_not_keep_a_call_from_its_answer() {
    expect(
        "
        0 g > a Span=1
        1 g > b
        5 g < a
        6 g < b Span=2
        7 g > c Span=3
        8 g < c Span=4
        ",
        "
        g > a: answered 5 ms
        g > b: answered 5 ms
        g > c: unanswered, culprit
        g > c: answered
        ",
    );
}

#[test]
fn a_circle_of_spans_has_its_earliest_call_on_top() {
    expect(
        "
        0 a > b Span=1 Parent=3
        1 b > c Span=2 Parent=1
        2 c > a Span=3 Parent=2
        3 x > y Span=4 Parent=4
        ",
        "
        a > b: unanswered, because of a
          b > c: unanswered, because of a
            c > a: unanswered, culprit
        x > y: unanswered, culprit
        ",
    );
}

#[test]
fn events_of_other_types_are_on_the_timeline_and_no_calls() {
    let other = [
        event("r", 3, "a", "ORDER_PLACED", "1", json!({ "Name": "a" })),
        event("r", 1, "a", event::call::REQUEST, "2", json!({ "Name": 7 })),
    ];
    let flow = Flow::of("r", &other, at(0), PATIENCE);
    assert_eq!((flow.calls.len(), flow.duration_microseconds), (0, 2_000));
    let entries: Vec<_> = flow.entries.iter().map(|entry| (entry.offset_microseconds, entry.part)).collect();
    assert_eq!(entries, [(0, Part::Other), (2_000, Part::Other)]);
}

#[test]
fn a_flow_of_nothing_says_so() {
    let flow = Flow::of("r", [], at(0), PATIENCE);
    assert_eq!((flow.started, flow.entries.len(), flow.failed), (None, 0, false));
}

#[test]
fn a_flow_is_json_in_camel_case() {
    let flow = flow("0 gateway > a Span=1 Method=GET Route=/x\n5 gateway ! a Span=1 Status=503 Error=status");
    insta::assert_json_snapshot!(flow);
}
