//! The handler on an EventStoreDB in memory and scripted AWS.

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::store::{Proposed, Stored};
use crate::testing::*;

const UUID: &str = "5b070a84-c5d5-460a-ac98-a0717cbc8e56";

fn keys(events: &[&Event]) -> Vec<String> {
    events.iter().map(|event| event.key().to_string()).collect()
}

/// A store in which this fault strikes the call that is the `nth` of its kind, from 0.
fn struck(kind: fn(Call) -> bool, nth: usize, fault: Fault) -> FakeStore {
    let mut count = 0;
    FakeStore::with_faults(move |call| {
        count += usize::from(kind(call));
        (kind(call) && count == nth + 1).then(|| fault.clone())
    })
}

fn is_append(call: Call) -> bool {
    matches!(call, Call::Append { .. })
}

fn failed() -> StoreError {
    StoreError::Failed { reason: "scripted".to_owned() }
}

async fn relayed(store: &FakeStore, invocation: Invocation) -> (Report, Vec<Value>) {
    let (clients, calls) = clients(healthy);
    let report = relay(store.clone(), &clients, MOST_BYTES).handle(invocation, deadline()).await;
    (report, letters(&calls))
}

#[tokio::test(start_paused = true)]
async fn events_go_to_the_stream_of_their_request_in_order_and_once() {
    let store = FakeStore::default();
    let (a, b, c) = (event("r", "a", ""), event("s", "b", ""), event("r", "c", ""));
    let (report, letters) = relayed(&store, batch([&a, &b, &c, &a])).await;
    assert_eq!(store.keys("request-r"), keys(&[&a, &c]));
    assert_eq!(store.keys("request-s"), keys(&[&b]));
    assert_eq!((report.metrics.received, report.metrics.appended, report.metrics.present), (4, 3, 1));
    assert!(report.metrics.batch_age.unwrap() > 0.0);
    assert_eq!(letters, [Value::Null; 0]);

    let again = relayed(&store, batch([&a, &b, &c])).await.0;
    assert_eq!((again.metrics.appended, again.metrics.present), (0, 3));
    assert_eq!(store.events("request-r").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_goes_behind_a_long_stream_and_what_lies_deep_in_it_is_found() {
    let store = FakeStore::default();
    let events: Vec<_> = (0..500).map(|number| event("r", &number.to_string(), "")).collect();
    relayed(&store, batch(&events)).await;
    let new = event("r", "new", "");
    let (report, _) = relayed(&store, batch([&events[3], &new])).await;
    assert_eq!((report.metrics.appended, report.metrics.present), (1, 1));
    assert_eq!(store.keys("request-r").last(), Some(&new.key().to_string()));
    assert_eq!(store.events("request-r").len(), 501);
}

#[tokio::test(start_paused = true)]
async fn two_events_of_one_id_are_both_relayed_whatever_the_batches() {
    let (one, other) = (event("r", UUID, "one"), event("r", UUID, "other"));
    for batches in
        [vec![vec![&one, &other]], vec![vec![&one], vec![&other]], vec![vec![&other], vec![&other, &one]]]
    {
        let store = FakeStore::default();
        for events in batches {
            relayed(&store, batch(events)).await;
        }
        let events = store.events("request-r");
        let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
        assert_eq!((ids.len(), ids[0].as_str()), (2, UUID));
        assert_ne!(ids[1], UUID);
        let keys: HashSet<_> = store.keys("request-r").into_iter().collect();
        assert_eq!(keys, HashSet::from([one.key().to_string(), other.key().to_string()]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_another_writers_event_of_the_same_id_forestalls_is_relayed_all_the_same() {
    // EventStoreDB takes the append for done: at that revision lies an event with that id.
    let store = struck(is_append, 0, Fault::Forestalled(UUID.parse().unwrap()));
    let event = event("r", UUID, "");
    let (report, _) = relayed(&store, batch([&event])).await;
    assert_eq!(report.metrics.appended, 1);
    assert_eq!(store.keys("request-r"), keys(&[&event]));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_and_a_dead_connection_are_tried_again_at_once() {
    for effect in [Effect::With, Effect::Without] {
        for kind in [is_append, |call| call == Call::Read] {
            let store = struck(kind, 0, Fault::Fails(effect, failed()));
            let (a, b) = (event("r", "a", ""), event("r", "b", ""));
            let begun = Instant::now();
            let (report, _) = relayed(&store, batch([&a, &b])).await;
            assert_eq!((report.metrics.appended, report.metrics.failed), (2, 0));
            assert_eq!(store.keys("request-r"), keys(&[&a, &b]));
            assert_eq!(begun.elapsed().as_millis(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_writers_are_yielded_to_until_the_deadline_and_no_longer() {
    let store =
        FakeStore::with_faults(|call| is_append(call).then(|| Fault::Forestalled(uuid::Uuid::new_v4())));
    let (report, _) = relayed(&store, batch([&event("r", "a", "")])).await;
    assert_eq!(report.result, Err(Failure::NoTime { stream: "request-r".to_owned() }));
    assert_eq!((report.metrics.failed, store.keys("request-r").len()), (1, 0));

    let store = struck(is_append, 0, Fault::Forestalled(uuid::Uuid::new_v4()));
    let (report, _) = relayed(&store, batch([&event("r", "a", "")])).await;
    assert_eq!((report.metrics.appended, store.events("request-r").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn where_eventstoredb_is_away_the_invocation_fails_soon_and_nothing_goes_to_the_failure_queue() {
    let away = StoreError::Away { reason: "scripted".to_owned() };
    let store = FakeStore::with_faults(move |_| Some(Fault::Fails(Effect::Without, away.clone())));
    let events: Vec<_> = (0..100).map(|request| event(&request.to_string(), "a", "")).collect();
    let poison = record("INSERT", json!({ "RequestId": { "S": "r" } }));
    let mut invocation = batch(&events);
    invocation.records.extend(records([poison]).records);
    let (report, letters) = relayed(&store, invocation).await;
    assert_eq!(report.result.unwrap_err().name(), "EventStoreAway");
    assert_eq!((report.metrics.failed, report.metrics.rejected), (100, 1));
    assert_eq!(letters, [Value::Null; 0], "it comes again, too");
    assert!(store.calls().len() <= 3 * CONCURRENCY, "{} calls", store.calls().len());
}

#[tokio::test(start_paused = true)]
async fn one_stream_that_fails_fails_the_invocation_after_all_others_were_tried() {
    let denied = StoreError::Denied { reason: "scripted".to_owned() };
    let store = struck(|call| call == Call::Read, 0, Fault::Fails(Effect::Without, denied));
    let (a, b) = (event("r", "a", ""), event("s", "b", ""));
    let (report, _) = relayed(&store, batch([&a, &b])).await;
    assert_eq!(report.result.unwrap_err().name(), "EventStoreDenied");
    assert_eq!((report.metrics.failed, report.metrics.appended), (1, 1));

    let hanging = struck(is_append, 0, Fault::Hangs(Effect::Without));
    let (report, _) = relayed(&hanging, batch([&a, &b])).await;
    assert_eq!(report.result.unwrap_err().name(), "NoTime");
    assert_eq!((report.metrics.failed, report.metrics.appended), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_appended_goes_whole_to_the_failure_queue_and_the_others_are_relayed() {
    let store = FakeStore::default();
    store.tombstone("request-gone");
    let (gone, kept) = (event("gone", "a", ""), event("r", "b", ""));
    let mut changed = image(&event("r", "c", "before"));
    changed["Data"] = json!({ "M": { "note": { "S": "after" } } });
    let odd = [record("INSERT", changed.clone()), json!({ "eventName": "OTHER" }), json!(7)];
    let mut invocation = batch([&gone, &kept]);
    invocation.records.extend(records(odd).records);
    let (report, letters) = relayed(&store, invocation).await;
    assert_eq!(store.keys("request-r"), keys(&[&kept]));
    assert_eq!((report.metrics.rejected, report.metrics.appended), (4, 1));
    let rejected = report.result.unwrap().rejected;
    assert_eq!(rejected.len(), 4);
    let items: Vec<&Value> = letters.iter().map(|letter| &letter["item"]).collect();
    assert_eq!(items, [&changed, &json!({ "eventName": "OTHER" }), &json!(7), &image(&gone)]);
    let reasons: Vec<&str> = letters.iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    assert!(reasons[0].contains("its content was changed after it was written"), "{}", reasons[0]);
    assert!(reasons[3].contains("tombstone"), "{}", reasons[3]);
    assert_eq!(
        (&letters[3]["requestId"], &letters[3]["eventKey"]),
        (&json!("gone"), &json!(gone.key().as_str()))
    );
}

#[tokio::test(start_paused = true)]
async fn one_event_that_is_refused_is_found_among_the_others_whose_order_stays() {
    let refused = |events: &[Proposed]| events.iter().any(|event| event.event_type == "Refused");
    let store = Picky { inner: FakeStore::default(), refuses: refused };
    let events: Vec<Event> = (0..20).map(|number| event("r", &number.to_string(), "")).collect();
    let mut fields: Value = serde_json::from_str(&events[7].to_json()).unwrap();
    fields["type"] = json!("Refused");
    let bad = Event::from_json(fields.to_string()).unwrap();
    let (clients, calls) = clients(healthy);
    let all: Vec<&Event> = events[..7].iter().chain([&bad]).chain(&events[8..]).collect();
    let report = relay(&store, &clients, MOST_BYTES).handle(batch(all), deadline()).await;
    let kept: Vec<&Event> = events[..7].iter().chain(&events[8..]).collect();
    assert_eq!(store.inner.keys("request-r"), keys(&kept));
    assert_eq!((report.metrics.appended, report.metrics.rejected), (19, 1));
    assert_eq!(letters(&calls)[0]["item"], image(&bad));
}

#[tokio::test(start_paused = true)]
async fn appends_are_split_at_the_largest_size_and_a_larger_event_is_tried_alone() {
    let store = FakeStore::default();
    let (clients, _) = clients(healthy);
    let small: Vec<Event> = (0..10).map(|number| event("r", &number.to_string(), "")).collect();
    let large = event("r", "large", &"x".repeat(5000));
    let all: Vec<&Event> = small[..5].iter().chain([&large]).chain(&small[5..]).collect();
    let size = Outgoing::new(&small[0]).unwrap().size();
    let report = relay(store.clone(), &clients, 3 * size + 2).handle(batch(all.clone()), deadline()).await;
    assert_eq!(report.metrics.appended, 11);
    assert_eq!(store.keys("request-r"), keys(&all));
    let appends: Vec<Call> = store.calls().into_iter().filter(|call| is_append(*call)).collect();
    assert_eq!(appends, [3, 2, 1, 3, 2].map(|events| Call::Append { events }));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_altered_is_counted_and_not_relayed() {
    let store = FakeStore::default();
    let image = image(&event("r", "a", ""));
    let (report, letters) =
        relayed(&store, records([record("MODIFY", image.clone()), record("REMOVE", image)])).await;
    assert_eq!((report.metrics.modified, store.calls().len(), letters.len()), (2, 0, 0));
    assert!(report.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_one_item_is_its_reason_and_no_others_trouble() {
    let store = FakeStore::default();
    let (clients, calls) = clients(healthy);
    let mut relay = relay(store.clone(), &clients, MOST_BYTES);
    relay.decode = |item| match journal::item::to_event(item) {
        Ok(event) if event.id() == "bad" => panic!("on {}", event.id()),
        other => other,
    };
    let (bad, good) = (event("r", "bad", ""), event("r", "good", ""));
    let report = relay.handle(batch([&bad, &good]), deadline()).await;
    assert_eq!((report.metrics.appended, report.metrics.rejected), (1, 1));
    assert_eq!(letters(&calls)[0]["item"], image(&bad));
}

#[tokio::test(start_paused = true)]
async fn a_failure_queue_that_takes_nothing_fails_the_invocation() {
    let store = FakeStore::default();
    let (clients, _) = clients(|_, _| Reply::Error(400, "AccessDenied"));
    let good = event("r", "good", "");
    let mut invocation = batch([&good]);
    invocation.records.extend(records([json!({})]).records);
    let report = relay(store.clone(), &clients, MOST_BYTES).handle(invocation, deadline()).await;
    assert_eq!(report.result.unwrap_err().name(), "FailureQueue");
    assert_eq!(store.keys("request-r"), keys(&[&good]));
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_answered_with_what_became_of_its_items() {
    let store = FakeStore::default();
    store.tombstone("request-gone");
    let (a, b, gone) = (event("r", "a", ""), event("r", "b", ""), event("gone", "c", ""));
    relayed(&store, batch([&a])).await;
    let items: Vec<Value> = [&a, &b, &gone].map(image).into();
    let invocation = invocation(json!({ "replay": { "items": items } }));
    assert!(invocation.is_replay);
    let (report, letters) = relayed(&store, invocation).await;
    let answer = report.result.unwrap();
    assert_eq!((answer.appended, answer.present, answer.rejected.len()), (1, 1, 1));
    assert_eq!(
        (&*answer.rejected[0].request_id, &answer.rejected[0].event_key),
        ("gone", &gone.key().to_string())
    );
    assert_eq!((letters.len(), report.metrics.batch_age), (1, None));
}

#[test]
fn a_payload_of_another_kind_is_refused() {
    let of = |json: &str| Invocation::try_from(serde_json::from_str::<crate::Payload>(json).unwrap());
    assert_eq!(of("{}"), Err(crate::UnknownPayload));
    assert_eq!(of(r#"{"Records":[],"replay":{"items":[]}}"#), Err(crate::UnknownPayload));
    assert!(of(r#"{"Records":[]}"#).unwrap().records.is_empty());
}

/// A store that refuses appends with certain events.
struct Picky {
    inner: FakeStore,
    refuses: fn(&[Proposed]) -> bool,
}

impl EventStore for &Picky {
    async fn read_backwards(
        &self,
        stream: &str,
        from: Option<u64>,
        count: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        self.inner.read_backwards(stream, from, count).await
    }

    async fn append(
        &self,
        stream: &str,
        behind: Option<u64>,
        events: Vec<Proposed>,
    ) -> Result<(), StoreError> {
        if (self.refuses)(&events) {
            return Err(StoreError::Unacceptable { reason: "scripted".to_owned() });
        }
        self.inner.append(stream, behind, events).await
    }
}
