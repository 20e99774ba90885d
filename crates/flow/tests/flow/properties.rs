//! What holds for any requests.

use event::Event;
use flow::{Figures, Flow, PATIENCE, Verdict, Window, flows, requests, series, services};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::script::{at, event};

/// Events as anybody may send them: few names, so that they meet, and members of any sort.
fn garbage() -> impl Strategy<Value = Vec<Event>> {
    let name = || prop::sample::select(vec!["a", "b", "c"]);
    let member = |values: Vec<Value>| prop::sample::select(values);
    let span = || member(vec![Value::Null, json!("1"), json!("2"), json!("3"), json!(7)]);
    let error =
        member(vec![Value::Null, json!("cancelled"), json!("connection"), json!("overloaded"), json!("?")]);
    let number =
        || member(vec![Value::Null, json!(0), json!(2), json!(500), json!(u64::MAX), json!(-1), json!("1")]);
    let types = vec![event::call::REQUEST, event::call::RESPONSE, event::call::FAILURE, "OTHER"];
    let head = (-90_000..90_000_i64, name(), prop::sample::select(types), 0..9_u8, name());
    let data = (name(), span(), span(), error, number(), number(), number());
    let event = (head, data).prop_map(|((at, source, event_type, id, request), data)| {
        let (name, span, parent, error, attempt, status, duration) = data;
        let data = json!({ "Name": name, "Span": span, "Parent": parent, "Error": error, "Attempt": attempt,
                           "Status": status, "DurationMicroseconds": duration });
        event(request, at, source, event_type, &id.to_string(), data)
    });
    prop::collection::vec(event, 0..40)
}

/// A request as a tree of calls with spans: for each call but the first, for which of those before it was made. It takes
/// the names of its callees from its number, so every service is called once.
fn tree() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12).prop_map(|picks| {
        let parents = picks.iter().enumerate().map(|(number, pick)| pick.index(number + 1));
        std::iter::once(0).chain(parents).collect()
    })
}

/// The events of a tree in which those calls fail.
fn events_of(tree: &[usize], fails: impl Fn(usize) -> bool) -> Vec<Event> {
    let last = tree.len() as i64;
    let service = |number: usize| format!("service-{number}");
    let mut events = Vec::new();
    for (number, parent) in tree.iter().enumerate() {
        let caller = if number == 0 { "gateway".to_owned() } else { service(*parent) };
        let begin = number as i64;
        let end_type = if fails(number) { event::call::FAILURE } else { event::call::RESPONSE };
        let mut data = json!({ "Name": service(number), "Span": format!("{number:016x}") });
        if number > 0 {
            data["Parent"] = json!(format!("{parent:016x}"));
        }
        for (at, event_type) in [(begin, event::call::REQUEST), (3 * last - begin, end_type)] {
            events.push(event("r", at, &caller, event_type, &format!("{number}-{event_type}"), data.clone()));
        }
    }
    events
}

/// The call with that number and those above it.
fn path(tree: &[usize], mut number: usize) -> Vec<usize> {
    let mut path = vec![number];
    while number > 0 {
        number = tree[number];
        path.push(number);
    }
    path
}

fn flow_of(events: &[Event]) -> Flow {
    Flow::of("r", events, at(60_000), PATIENCE)
}

fn culprits(flow: &Flow) -> Vec<&str> {
    flow.culprits().map(|call| call.service.as_str()).collect()
}

fn sum(figures: &Figures) -> u64 {
    figures.answered + figures.failed + figures.unanswered + figures.pending + figures.dropped
}

proptest! {
    #[test]
    fn whatever_comes_is_shown_and_counted_once(events in garbage()) {
        let (before, now) = (Window { since: at(-90_000), until: at(0) }, Window { since: at(0), until: at(90_000) });
        let flows = flows(&events, at(60_000), PATIENCE);
        for flow in &flows {
            for (index, call) in flow.calls.iter().enumerate() {
                prop_assert_eq!(call.is_failing(), call.verdict.is_some());
                prop_assert_eq!(flow.culprits.contains(&index), call.verdict == Some(Verdict::Culprit));
                prop_assert_eq!(call.depth, call.parent.map_or(0, |parent| flow.calls[parent].depth + 1));
                if let Some(Verdict::BecauseOf { call }) = call.verdict {
                    prop_assert_eq!(&flow.calls[call].verdict, &Some(Verdict::Culprit));
                }
            }
        }
        let services = services(&flows, &now, &before);
        for service in &services {
            prop_assert_eq!(sum(&service.now), service.now.calls);
            prop_assert_eq!(sum(&service.before), service.before.calls);
        }
        let of_now = |call: &&flow::Call| now.contains(call.started);
        let calls = flows.iter().flat_map(|flow| &flow.calls).filter(of_now).count() as u64;
        prop_assert_eq!(services.iter().map(|service| service.now.calls).sum::<u64>(), calls);
        let buckets = series(&flows, &now, 7);
        let in_buckets = buckets.iter().flat_map(|series| &series.buckets).map(|bucket| bucket.figures.calls);
        prop_assert_eq!(in_buckets.sum::<u64>(), calls);
        prop_assert_eq!(requests(&flows).len(), flows.len());
        prop_assert!(serde_json::to_string(&(&flows, &services, &buckets)).is_ok());
    }

    #[test]
    fn the_order_in_which_events_come_and_how_often_changes_nothing(
        (events, shuffled) in garbage().prop_flat_map(|events| {
            let twice: Vec<Event> = events.iter().chain(events.iter().take(5)).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        }),
    ) {
        let now = at(60_000);
        prop_assert_eq!(flows(&events, now, PATIENCE), flows(&shuffled, now, PATIENCE));
    }

    #[test]
    fn a_failing_call_below_failing_calls_is_the_only_culprit(tree in tree(), pick: prop::sample::Index) {
        let leaf = pick.index(tree.len());
        let failing = path(&tree, leaf);
        let flow = flow_of(&events_of(&tree, |number| failing.contains(&number)));
        prop_assert_eq!(culprits(&flow), [format!("service-{leaf}")]);
        let because = flow.calls.iter().filter(|call| matches!(call.verdict, Some(Verdict::BecauseOf { .. }))).count();
        prop_assert_eq!(because, failing.len() - 1);
    }

    #[test]
    fn calls_that_succeed_elsewhere_change_no_culprit(
        tree in tree(),
        fails in prop::collection::vec(any::<bool>(), 13),
        more in prop::collection::vec((0..30_i64, 0..30_i64, any::<prop::sample::Index>()), 0..6),
    ) {
        let events = events_of(&tree, |number| fails[number]);
        let before = flow_of(&events);
        let more = more.iter().enumerate().flat_map(|(number, (begin, took, pick))| {
            let parent = pick.index(tree.len());
            let data = json!({ "Name": format!("more-{number}"), "Span": format!("more-{number}"),
                               "Parent": format!("{parent:016x}") });
            [(*begin, event::call::REQUEST), (begin + took, event::call::RESPONSE)].map(|(at, event_type)| {
                event("r", at, &format!("service-{parent}"), event_type, &format!("m{number}-{event_type}"), data.clone())
            })
        });
        let events: Vec<Event> = events.iter().cloned().chain(more).collect();
        let after = flow_of(&events);
        prop_assert_eq!(culprits(&after), culprits(&before));
    }
}
