//! The rules of a persistent subscription, without time passing and without anything being read, sent or written.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    group::{Group, Message, Nack, Place},
    settings::{Settings, Start, Strategy as Consumers},
};
use crate::store::{
    event::{Proposed, Record, Ticks},
    read::Resolved,
};

fn settings() -> Settings {
    Settings {
        start: Start::Beginning,
        filter: None,
        resolve_links: false,
        extra_statistics: false,
        strategy: Consumers::RoundRobin,
        message_timeout_ms: 1000,
        max_retry_count: 1,
        checkpoint_after_ms: 2000,
        min_checkpoint_count: 2,
        max_checkpoint_count: 5,
        max_subscriber_count: 2,
        live_buffer_size: 500,
        read_batch_size: 20,
        history_buffer_size: 50,
    }
}

fn message(place: u64, stream: &str) -> Message {
    let event = Proposed {
        id: Uuid::from_u128(u128::from(place) + 1),
        event_type: "T".to_owned(),
        is_json: false,
        data: Bytes::new(),
        metadata: Bytes::new(),
    };
    let record = Record { position: place, stream: stream.into(), revision: place, created: Ticks(0), event };
    let resolved = Resolved { event: Some(Arc::new(record)), link: None };
    Message { resolved, place: Place::Source(place), retry_count: 0 }
}

fn places(sent: &[(u64, Message)]) -> Vec<(u64, Place)> {
    sent.iter().map(|(consumer, message)| (*consumer, message.place)).collect()
}

fn filled(settings: Settings, now: Instant, count: u64) -> Group {
    let mut group = Group::new(settings, None, now);
    (0..count).for_each(|place| group.offer(message(place, "s")));
    group
}

#[test]
fn there_are_no_more_consumers_than_there_may_be() {
    let mut group = Group::new(settings(), None, Instant::now());
    assert_eq!([group.connect(1, 1), group.connect(2, 1), group.connect(3, 1)], [true, true, false]);
    group.disconnect(1);
    assert!(group.connect(3, 1));
}

#[test]
fn nothing_is_read_for_nobody() {
    let mut group = Group::new(settings(), None, Instant::now());
    assert_eq!(group.wants(), 0);
    group.connect(1, 1);
    assert_eq!(group.wants(), 20);
}

#[test]
fn consumers_take_turns_or_the_first_takes_all_it_can() {
    let now = Instant::now();
    for (strategy, expected) in
        [(Consumers::RoundRobin, [2, 1, 2, 1]), (Consumers::DispatchToSingle, [1, 1, 2, 2])]
    {
        let mut group = filled(Settings { strategy, ..settings() }, now, 5);
        group.connect(1, 2);
        group.connect(2, 2);
        let sent = group.dispatch(now);
        assert_eq!(sent.iter().map(|(consumer, _)| *consumer).collect::<Vec<_>>(), expected, "{strategy:?}");
    }
}

#[test]
fn events_of_one_stream_stay_with_one_consumer() {
    let now = Instant::now();
    let mut group = Group::new(Settings { strategy: Consumers::Pinned, ..settings() }, None, now);
    group.connect(1, 100);
    group.connect(2, 100);
    for place in 0..60 {
        group.offer(message(place, &format!("s-{}", place % 6)));
    }
    let sent = group.dispatch(now);
    assert_eq!(sent.len(), 60);
    let pairs: BTreeSet<(String, u64)> = sent
        .iter()
        .filter_map(|(consumer, message)| {
            Some((message.resolved.event.as_ref()?.stream.to_string(), *consumer))
        })
        .collect();
    assert_eq!(pairs.len(), 6, "each stream has one consumer: {pairs:?}");
}

#[test]
fn what_a_consumer_had_goes_first_to_the_next_one() {
    let now = Instant::now();
    let mut group = filled(settings(), now, 4);
    group.connect(1, 3);
    assert_eq!(group.dispatch(now).len(), 3);
    group.disconnect(1);
    group.connect(2, 10);
    let sent = group.dispatch(now);
    let expected: Vec<_> = (0..4).map(|place| (2, Place::Source(place))).collect();
    assert_eq!(places(&sent), expected);
    assert!(sent.iter().all(|(_, message)| message.retry_count == 0));
}

#[test]
fn an_event_that_expires_too_often_is_parked() {
    let now = Instant::now();
    let late = now + Duration::from_millis(1000);
    let mut group = filled(settings(), now, 1);
    group.connect(1, 10);
    group.dispatch(now);
    assert_eq!(group.next_deadline(), Some(late));
    assert!(group.expire(late - Duration::from_millis(1)).is_empty());
    assert!(group.expire(late).is_empty(), "it comes again");
    let sent = group.dispatch(late);
    assert_eq!(sent.iter().map(|(_, message)| message.retry_count).collect::<Vec<_>>(), [1]);
    let parking = group.expire(late + Duration::from_millis(1000));
    assert_eq!(parking.len(), 1);
    assert_eq!(parking[0].reason, "Reached retry count of 1");
    assert_eq!(group.checkpoint(now, true), None, "it is not parked yet");
    group.close(parking[0].message.place);
    assert_eq!(group.checkpoint(now, true), Some(0));
}

#[test]
fn progress_is_stored_after_a_while_or_after_many_events() {
    let now = Instant::now();
    let while_after = now + Duration::from_millis(2000);
    let mut group = filled(settings(), now, 10);
    group.connect(1, 10);
    let ids: Vec<Uuid> = group.dispatch(now).iter().map(|(_, message)| message.id()).collect();
    group.ack(&ids[..1]);
    assert_eq!(group.checkpoint(while_after, false), None, "one event is too few");
    group.ack(&ids[1..2]);
    assert_eq!(group.checkpoint(now, false), None, "it is too early");
    assert_eq!(group.checkpoint(while_after, false), Some(1));
    group.stored(1, while_after);
    assert_eq!(group.checkpoint(while_after, true), None, "it is stored");
    // The third event is still open: progress does not go past it.
    group.ack(&ids[3..8]);
    assert_eq!(group.checkpoint(while_after + Duration::from_secs(9), true), None);
    group.ack(&ids[2..3]);
    assert_eq!(group.checkpoint(while_after, false), Some(7), "six events are many");
}

/// What can happen to a subscription.
#[derive(Clone, Debug)]
enum Step {
    Ack(usize),
    Nack(usize, Nack),
    Disconnect,
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    let nack = prop_oneof![Just(Nack::Park), Just(Nack::Retry), Just(Nack::Skip)];
    prop_oneof![
        4 => (0_usize..8).prop_map(Step::Ack),
        3 => (0_usize..8, nack).prop_map(|(which, action)| Step::Nack(which, action)),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever consumers do, an event is acknowledged, skipped or parked, or it is still waiting or with someone; and
    /// progress never goes past one that is not done with.
    #[test]
    fn no_event_is_lost_or_passed_over(steps in prop::collection::vec(step(), 0..60)) {
        let mut now = Instant::now();
        let mut group = filled(settings(), now, 12);
        let (mut consumer, mut held) = (1, Vec::new());
        let mut open: BTreeSet<Place> = (0..12).map(Place::Source).collect();
        group.connect(consumer, 3);
        for step in steps {
            held.extend(group.dispatch(now).into_iter().map(|(_, message)| message));
            let parking = match step {
                Step::Ack(which) if which < held.len() => {
                    let message: Message = held.remove(which);
                    group.ack(&[message.id()]);
                    open.remove(&message.place);
                    Vec::new()
                }
                Step::Nack(which, action) if which < held.len() => {
                    let message = held.remove(which);
                    if action == Nack::Skip {
                        open.remove(&message.place);
                    }
                    group.nack(&[message.id()], action, "because")
                }
                Step::Disconnect => {
                    group.disconnect(consumer);
                    held.clear();
                    consumer += 1;
                    group.connect(consumer, 3);
                    Vec::new()
                }
                Step::Expire => {
                    now += Duration::from_secs(1);
                    held.clear();
                    group.expire(now)
                }
                Step::Ack(_) | Step::Nack(..) => Vec::new(),
            };
            for parked in parking {
                prop_assert!(open.remove(&parked.message.place), "it is parked once");
                group.close(parked.message.place);
            }
            let first_open = open.first().copied();
            let done = group.checkpoint(now, true).map(Place::Source);
            prop_assert!(done.is_none_or(|done| first_open.is_none_or(|open| done < open)));
            let (again, waiting) = group.waiting();
            prop_assert_eq!(again + waiting + group.in_flight(), open.len());
        }
    }
}
