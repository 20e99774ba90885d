//! Calls counted by service, over time, and requests as a list.

use event::Event;
use flow::{PATIENCE, Service, Window, flows, requests, series, services};
use time::Duration;

use crate::script::{START, at, events};

const BEFORE: Window = window(-60, 0);
const NOW: Window = window(0, 60);

const fn window(since_seconds: i64, until_seconds: i64) -> Window {
    Window {
        since: START.saturating_add(Duration::seconds(since_seconds)),
        until: START.saturating_add(Duration::seconds(until_seconds)),
    }
}

/// Twenty requests of gateway to a to b in each minute. In the later one every fourth call to b fails, and b is slow.
fn story() -> Vec<Event> {
    let request = |number: i64| {
        let (ok, begin) = (number < 20 || number % 4 != 0, number * 3_000 - 60_000);
        let (mark, status, took) = match (ok, number < 20) {
            (true, true) => ('<', 200, 4_000),
            (true, false) => ('<', 200, 9_000),
            (false, _) => ('!', 500, 1_000),
        };
        let script = format!(
            "{} gateway > a Span=1 Method=GET Route=/orders/{{id}}
             {} a > b Span=2 Parent=1 Method=GET Route=/prices
             {} a {mark} b Span=2 Status={status} DurationMicroseconds={took}
             {} gateway {mark} a Span=1 Status={status} DurationMicroseconds={}",
            begin,
            begin + 1,
            begin + 1 + took / 1000,
            begin + 2 + took / 1000,
            took + 2_000
        );
        events(&format!("request-{number:02}"), &script)
    };
    (0..40).flat_map(request).collect()
}

fn told(events: &[Event]) -> Vec<Service> {
    services(&flows(events, at(60_000), PATIENCE), &NOW, &BEFORE)
}

fn names(services: &[Service]) -> Vec<&str> {
    services.iter().map(|service| service.service.as_str()).collect()
}

#[test]
fn the_service_that_failed_first_is_first_with_the_latest_flow_that_shows_it() {
    let services = told(&story());
    assert_eq!(names(&services), ["b", "a"]);
    insta::assert_json_snapshot!(services);
}

#[test]
fn few_failures_of_few_calls_weigh_more_than_as_many_of_many() {
    let of = |service: &str, calls: i64, failures: i64| -> Vec<Event> {
        let call = |number: i64| {
            let mark = if number < failures { '!' } else { '<' };
            let script = format!("{} g > {service}\n{} g {mark} {service}", number, number + 1);
            events(&format!("{service}-{number}"), &script)
        };
        (0..calls).flat_map(call).collect()
    };
    let events = [of("busy", 400, 5), of("sick", 8, 4), of("well", 10, 0)].concat();
    assert_eq!(names(&told(&events)), ["sick", "busy", "well"]);
}

#[test]
fn a_caller_that_is_overloaded_comes_after_the_services_that_failed() {
    let overloaded = events("1", "0 gateway > a\n0 gateway ! a Error=overloaded");
    let failed = events("2", "0 gateway > b\n1 gateway ! b");
    let services = told(&[overloaded, failed].concat());
    assert_eq!(names(&services), ["b", "gateway", "a"]);
    assert_eq!((services[1].overloaded, services[1].culprit, services[1].now.calls), (1, 0, 0));
    assert_eq!((services[2].now.calls, services[2].now.dropped, services[2].now.failure_rate), (1, 1, None));
}

#[test]
fn calls_are_counted_where_they_began() {
    let services =
        told(&events("1", "-5 g > a\n5 g < a\n59999 g > a\n60001 g < a\n60000 g > b\n60002 g < b"));
    assert_eq!(names(&services), ["a"]);
    assert_eq!((services[0].before.calls, services[0].now.calls), (1, 1));
}

#[test]
fn what_nobody_called_is_not_there() {
    assert!(told(&[]).is_empty());
    let (flows, none) = (flows(&[], at(0), PATIENCE), Window { since: at(0), until: at(0) });
    assert!(services(&flows, &none, &none).is_empty() && series(&flows, &none, 5).is_empty());
}

#[test]
fn over_time_a_service_has_figures_for_each_part_of_the_window() {
    let both = Window { since: BEFORE.since, until: NOW.until };
    let series = series(&flows(&story(), at(60_000), PATIENCE), &both, 4);
    let rows: Vec<_> = series
        .iter()
        .flat_map(|series| series.buckets.iter().map(move |bucket| (&*series.service, bucket)))
        .map(|(service, bucket)| {
            let rate = bucket.figures.failure_rate.unwrap_or_default();
            (service, (bucket.since - BEFORE.since).whole_seconds(), bucket.figures.calls, rate)
        })
        .collect();
    let expected = |service| {
        [(service, 0, 10, 0.0), (service, 30, 10, 0.0), (service, 60, 10, 0.3), (service, 90, 10, 0.2)]
    };
    assert_eq!(rows, [expected("a"), expected("b")].concat());
}

#[test]
fn requests_are_listed_the_newest_first_with_whose_fault_it_was() {
    let requests = requests(&flows(&story(), at(60_000), PATIENCE));
    assert_eq!(requests.iter().filter(|request| request.failed).count(), 5);
    insta::assert_json_snapshot!(requests[3]);
}
