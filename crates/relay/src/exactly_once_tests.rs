//! Exactly once and in order, whatever fails and whoever else writes.

use std::collections::HashSet;
use std::time::Duration;

use event::Event;
use futures::future::{BoxFuture, FutureExt};
use proptest::prelude::*;
use tokio::time::timeout;

use crate::Relay;
use crate::store::StoreError;
use crate::testing::*;

/// How many faults strike before all is well.
const FAULTS: usize = 40;

/// What a case is made of.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    events: usize,
    requests: usize,
    /// How many different ids there are: few make conflicts.
    ids: usize,
    relays: usize,
    most_bytes: usize,
    /// Whether others write into the streams, too.
    others: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let few = prop_oneof![Just(2_usize), Just(5), Just(50)];
    (
        any::<u64>(),
        1..40_usize,
        1..4_usize,
        few,
        1..3_usize,
        prop_oneof![Just(1_usize), Just(900), Just(MOST_BYTES)],
        any::<bool>(),
    )
        .prop_map(|(seed, events, requests, ids, relays, most_bytes, others)| Case {
            seed,
            events,
            requests,
            ids,
            relays,
            most_bytes,
            others,
        })
}

/// An id: every other one a UUID, in either case of its letters.
fn id(random: &mut Random, ids: usize) -> String {
    let number = random.below(ids);
    match number % 2 {
        0 => format!("order-{number}"),
        _ if random.below(2) == 0 => format!("5b070a84-c5d5-460a-ac98-a0717cbc{number:04}"),
        _ => format!("5B070A84-C5D5-460A-AC98-A0717CBC{number:04}"),
    }
}

/// The journal's stream: different items, in the order in which they were stored.
fn journal(case: &Case, random: &mut Random) -> Vec<Event> {
    let event = |number: usize| {
        let request = random.below(case.requests).to_string();
        event(&request, &id(random, case.ids), &number.to_string())
    };
    (0..case.events).map(event).collect()
}

fn faults(case: &Case, mut random: Random) -> impl FnMut(Call) -> Option<Fault> + Send + 'static {
    let case = case.clone();
    let mut left = FAULTS;
    move |_| {
        if left == 0 || random.below(3) > 0 {
            return None;
        }
        left -= 1;
        let effect = if random.below(2) == 0 { Effect::With } else { Effect::Without };
        let failed = StoreError::Failed { reason: "scripted".to_owned() };
        let away = StoreError::Away { reason: "scripted".to_owned() };
        Some(match random.below(if case.others { 5 } else { 4 }) {
            0 | 1 => Fault::Fails(effect, failed),
            2 => Fault::Fails(Effect::Without, away),
            3 => Fault::Hangs(effect),
            _ => {
                // Another writer, at worst with the id of an event that is on its way.
                let event = event("other", &id(&mut random, case.ids), "");
                let id = crate::outgoing::Outgoing::new(&event).unwrap().ids().next().unwrap();
                Fault::Forestalled(id)
            }
        })
    }
}

/// Lambda on one shard: a batch comes until it succeeds, whole or halved; and some come once more.
async fn shard(relay: &Relay<FakeStore>, journal: &[Event], mut random: Random) {
    let mut next = 0;
    while next < journal.len() {
        let end = journal.len().min(next + 1 + random.below(9));
        deliver(relay, &journal[next..end], &mut random).await;
        // Lambda lost its place: it goes back a little.
        next = if random.below(4) == 0 { end.saturating_sub(random.below(4)).max(next + 1) } else { end };
    }
}

fn deliver<'a>(
    relay: &'a Relay<FakeStore>,
    events: &'a [Event],
    random: &'a mut Random,
) -> BoxFuture<'a, ()> {
    async move {
        loop {
            // The process may be killed at any time before its deadline, too.
            let killed = Duration::from_secs([10, 60][random.below(2)]);
            let report = timeout(killed, relay.handle(batch(events), deadline())).await;
            if report.is_ok_and(|report| report.result.is_ok()) {
                return;
            }
            if events.len() > 1 && random.below(2) == 0 {
                let (first, second) = events.split_at(events.len() / 2);
                deliver(relay, first, random).await;
                return deliver(relay, second, random).await;
            }
        }
    }
    .boxed()
}

async fn check(case: &Case) {
    let mut random = Random::new(case.seed);
    let journal = journal(case, &mut random);
    let store = FakeStore::with_faults(faults(case, random.split())).interleaved(random.split());
    let (clients, calls) = clients(healthy);
    let relays: Vec<_> = (0..case.relays).map(|_| relay(store.clone(), &clients, case.most_bytes)).collect();
    let shards = relays.iter().map(|relay| shard(relay, &journal, random.split()));
    futures::future::join_all(shards).await;

    assert_eq!(letters(&calls).len(), 0);
    for request in 0..case.requests {
        let request = request.to_string();
        let expected: Vec<String> = journal
            .iter()
            .filter(|event| event.request_id() == request)
            .map(|event| event.key().to_string())
            .collect();
        let stream = format!("request-{request}");
        assert_eq!(store.keys(&stream), expected, "stream {stream}");
        let relayed: Vec<_> =
            store.events(&stream).into_iter().filter(|event| event.event_type != "Other").collect();
        let ids: HashSet<_> = relayed.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), relayed.len(), "the ids of stream {stream}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_item_of_the_journal_is_in_its_stream_once_and_in_order(case in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(check(&case));
    }
}
