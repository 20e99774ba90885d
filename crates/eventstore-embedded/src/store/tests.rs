//! The rules of appending against a table of them, and of reading against a plain list.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Appended, Expected, Refused, Store,
    event::{METADATA_TYPE, Proposed, Ticks},
    read::{Direction, StreamPage},
};

const NOW: Ticks = Ticks(1_000_000_000_000);

fn event(id: u8) -> Proposed {
    Proposed {
        id: Uuid::from_u128(u128::from(id) + 1),
        event_type: "T".to_owned(),
        is_json: false,
        data: Bytes::new(),
        metadata: Bytes::new(),
    }
}

fn events(ids: &[u8]) -> Vec<Proposed> {
    ids.iter().copied().map(event).collect()
}

fn revisions(
    store: &Store,
    stream: &str,
    direction: Direction,
    from: u64,
    page: usize,
    now: Ticks,
) -> Vec<u64> {
    let (mut all, mut from) = (Vec::new(), from);
    loop {
        match store.read_stream(stream, from, direction, page, now) {
            StreamPage::Found { page, .. } => {
                all.extend(page.events.iter().map(|record| record.revision));
                from = page.next;
                if !page.more {
                    return all;
                }
            }
            StreamPage::NotFound | StreamPage::Deleted => return all,
        }
    }
}

fn append(store: &mut Store, expected: Expected, ids: &[u8]) -> Result<Appended, Refused> {
    store.append("s", expected, events(ids), NOW)
}

const WRONG_AT_2: Result<Appended, Refused> = Err(Refused::WrongExpectedVersion { current: Some(2) });

#[test]
fn an_append_below_the_current_revision_is_done_when_its_ids_are_those_stored_there() {
    let mut store = Store::new(0);
    let first = append(&mut store, Expected::NoStream, &[1, 2, 3]).expect("it is written");
    assert_eq!(append(&mut store, Expected::NoStream, &[1, 2, 3]), Ok(first));
    let at_one = append(&mut store, Expected::NoStream, &[1, 2]).expect("it was written");
    assert_eq!(at_one.revision, Some(1));
    assert_eq!(append(&mut store, Expected::Revision(0), &[2, 3]).map(|it| it.revision), Ok(Some(2)));
    for (expected, ids) in [
        (Expected::NoStream, &[2, 3][..]),
        (Expected::NoStream, &[1, 3]),
        (Expected::Revision(0), &[1]),
        // The first part is stored, the rest is not.
        (Expected::NoStream, &[1, 2, 3, 4]),
        (Expected::Revision(0), &[2, 3, 4]),
        (Expected::Revision(3), &[4]),
        (Expected::Revision(u64::MAX), &[4]),
        (Expected::NoStream, &[]),
    ] {
        assert_eq!(append(&mut store, expected, ids), WRONG_AT_2, "{expected:?} {ids:?}");
    }
    assert_eq!(store.len(), 3);
}

#[test]
fn at_the_current_revision_ids_are_not_looked_at() {
    let mut store = Store::new(100);
    append(&mut store, Expected::NoStream, &[1]).expect("it is written");
    assert_eq!(append(&mut store, Expected::Revision(0), &[1]).map(|it| it.revision), Ok(Some(1)));
    assert_eq!(store.len(), 2);
}

#[test]
fn without_a_revision_ids_are_known_for_as_long_as_they_are_remembered() {
    let mut store = Store::new(3);
    for (expected, id) in [(Expected::Any, 1), (Expected::StreamExists, 2), (Expected::Any, 3)] {
        append(&mut store, expected, &[id]).expect("it is written");
    }
    assert_eq!(append(&mut store, Expected::Any, &[1, 2]).map(|it| it.revision), Ok(Some(1)));
    assert_eq!(append(&mut store, Expected::StreamExists, &[3]).map(|it| it.revision), Ok(Some(2)));
    assert_eq!(append(&mut store, Expected::Any, &[3, 4]), WRONG_AT_2, "its first part is stored");
    append(&mut store, Expected::Any, &[4]).expect("it is written");
    assert_eq!(append(&mut store, Expected::Any, &[1]).map(|it| it.revision), Ok(Some(4)), "1 is forgotten");
    let other = store.append("other", Expected::Any, events(&[4]), NOW);
    assert_eq!(other.map(|it| it.revision), Ok(Some(0)), "ids are those of one stream");
}

#[test]
fn a_stream_exists_once_it_has_events_or_metadata() {
    let mut store = Store::new(0);
    assert_eq!(
        append(&mut store, Expected::StreamExists, &[1]),
        Err(Refused::WrongExpectedVersion { current: None })
    );
    let metadata = Proposed { event_type: METADATA_TYPE.to_owned(), ..event(9) };
    store.append("$$s", Expected::Any, vec![metadata], NOW).expect("it is written");
    append(&mut store, Expected::StreamExists, &[1]).expect("it is written");
}

#[test]
fn a_deleted_stream_goes_on_from_its_revision() {
    let mut store = Store::new(0);
    append(&mut store, Expected::NoStream, &[1, 2, 3]).expect("it is written");
    let user = Proposed { event_type: METADATA_TYPE.to_owned(), data: r#"{"mine":1}"#.into(), ..event(9) };
    store.delete("s", Expected::Revision(2), NOW).expect("it is deleted");
    assert_eq!(revisions(&store, "s", Direction::Forwards, 0, 10, NOW), [] as [u64; 0]);
    assert_eq!(append(&mut store, Expected::StreamExists, &[4]), Err(Refused::StreamDeleted));
    assert_eq!(append(&mut store, Expected::Revision(7), &[4]), WRONG_AT_2);
    assert_eq!(append(&mut store, Expected::NoStream, &[4, 5]).map(|it| it.revision), Ok(Some(4)));
    assert_eq!(revisions(&store, "s", Direction::Forwards, 0, 10, NOW), [3, 4]);

    // Metadata that are written to a deleted stream show what comes after them, and are kept.
    store.delete("s", Expected::Any, NOW).expect("it is deleted");
    store.append("$$s", Expected::Any, vec![user], NOW).expect("it is written");
    append(&mut store, Expected::Any, &[6]).expect("it is written");
    assert_eq!(revisions(&store, "s", Direction::Forwards, 0, 10, NOW), [5]);
    let metadata = store.last_event("$$s", NOW).expect("there are metadata");
    assert_eq!(&metadata.event.data[..], br#"{"$tb":5,"mine":1}"#);
}

#[test]
fn a_tombstone_takes_the_stream_and_its_metadata() {
    let mut store = Store::new(0);
    append(&mut store, Expected::NoStream, &[1]).expect("it is written");
    assert_eq!(
        store.tombstone("s", Expected::NoStream, NOW),
        Err(Refused::WrongExpectedVersion { current: Some(0) })
    );
    store.tombstone("s", Expected::Revision(0), NOW).expect("it is deleted");
    for stream in ["s", "$$s"] {
        let appended = store.append(stream, Expected::Any, events(&[2]), NOW);
        assert_eq!(appended, Err(Refused::StreamDeleted));
        assert_eq!(store.read_stream(stream, 0, Direction::Forwards, 1, NOW), StreamPage::Deleted);
    }
}

#[test]
fn metadata_hide_the_beginning_of_a_stream() {
    let second = |seconds: u64| Ticks(NOW.0 + seconds * 10_000_000);
    let mut store = Store::new(0);
    for id in 0..10 {
        store.append("s", Expected::Any, events(&[id]), second(u64::from(id))).expect("it is written");
    }
    for (metadata, shown) in [
        (r#"{"$maxCount":3}"#, 7..10),
        (r#"{"$tb":4}"#, 4..10),
        (r#"{"$maxAge":5}"#, 6..10),
        (r#"{"$maxAge":5,"$maxCount":8,"$tb":1}"#, 6..10),
        (r#"{"$maxCount":0}"#, 10..10),
        ("not JSON", 0..10),
    ] {
        let event = Proposed { event_type: METADATA_TYPE.to_owned(), data: metadata.into(), ..event(99) };
        store.append("$$s", Expected::Any, vec![event], second(10)).expect("it is written");
        let forwards = revisions(&store, "s", Direction::Forwards, 0, 2, second(11));
        assert_eq!(forwards, shown.clone().collect::<Vec<_>>(), "{metadata}");
        let backwards = revisions(&store, "s", Direction::Backwards, u64::MAX, 2, second(11));
        assert_eq!(backwards, shown.rev().collect::<Vec<_>>(), "{metadata}");
    }
}

/// What the rules say of an append to a stream whose events have these ids. All ids are remembered.
fn by_the_table(stored: &[u8], expected: Expected, ids: &[u8]) -> Result<Outcome, ()> {
    let known = |id: &u8| stored.iter().rposition(|stored| stored == id);
    let next = match expected {
        Expected::StreamExists if stored.is_empty() => return Err(()),
        Expected::Any | Expected::StreamExists => {
            return match ids.iter().map_while(known).collect::<Vec<_>>()[..] {
                [] => Ok(Outcome::Written),
                [.., last] if ids.iter().all(|id| stored.contains(id)) => Ok(Outcome::Done(last)),
                _ => Err(()),
            };
        }
        Expected::NoStream => 0,
        Expected::Revision(revision) => revision as usize + 1,
    };
    match stored.get(next..) {
        None => Err(()),
        Some([]) => Ok(Outcome::Written),
        Some(after) if !ids.is_empty() && after.starts_with(ids) => Ok(Outcome::Done(next + ids.len() - 1)),
        Some(_) => Err(()),
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Written,
    Done(usize),
}

fn expectation() -> impl Strategy<Value = Expected> {
    prop_oneof![
        Just(Expected::Any),
        Just(Expected::StreamExists),
        Just(Expected::NoStream),
        (0_u64..12).prop_map(Expected::Revision),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_append_is_taken_or_refused_as_the_table_says(
        appends in prop::collection::vec((0_usize..2, expectation(), prop::collection::vec(0_u8..6, 0..4)), 1..30),
    ) {
        let mut store = Store::new(1000);
        let mut streams: HashMap<String, Vec<u8>> = HashMap::new();
        for (stream, expected, ids) in appends {
            // The ids of the two streams differ: those that are remembered are the latest of their id in any stream.
            let ids: Vec<u8> = ids.iter().map(|id| id + 100 * stream as u8).collect();
            let name = format!("s-{stream}");
            let stored = streams.entry(name.clone()).or_default();
            let before = store.len();
            let appended = store.append(&name, expected, events(&ids), NOW);
            let current = (stored.len() as u64).checked_sub(1);
            match by_the_table(stored, expected, &ids) {
                Ok(Outcome::Written) => {
                    stored.extend(&ids);
                    prop_assert_eq!(appended.map(|it| it.revision), Ok((stored.len() as u64).checked_sub(1)));
                    prop_assert_eq!(store.len(), before + ids.len());
                }
                Ok(Outcome::Done(last)) => {
                    prop_assert_eq!(appended.map(|it| it.revision), Ok(Some(last as u64)));
                    prop_assert_eq!(store.len(), before);
                }
                Err(()) => {
                    prop_assert_eq!(appended, Err(Refused::WrongExpectedVersion { current }));
                    prop_assert_eq!(store.len(), before);
                }
            }
        }
        let positions: Vec<u64> = store.since(0).iter().map(|record| record.position).collect();
        prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(positions.iter().all(|position| *position > 0 && *position < store.end()));
    }

    #[test]
    fn pages_of_any_size_show_all_there_is_either_way(
        count in 0_u64..40,
        hidden in 0_u64..40,
        from in 0_u64..50,
        page in 1_usize..10,
    ) {
        let mut store = Store::new(0);
        for id in 0..count {
            store.append("s", Expected::Any, events(&[id as u8]), NOW).expect("it is written");
        }
        let data = format!(r#"{{"$tb":{hidden}}}"#).into();
        let metadata = Proposed { event_type: METADATA_TYPE.to_owned(), data, ..event(99) };
        store.append("$$s", Expected::Any, vec![metadata], NOW).expect("it is written");
        let forwards: Vec<u64> = (hidden.max(from)..count).collect();
        prop_assert_eq!(revisions(&store, "s", Direction::Forwards, from, page, NOW), forwards);
        let backwards: Vec<u64> = (hidden..count.min(from + 1)).rev().collect();
        prop_assert_eq!(revisions(&store, "s", Direction::Backwards, from, page, NOW), backwards);

        let log = |direction, mut from, window| {
            let mut all = Vec::new();
            loop {
                let found = store.read_all(from, direction, None, page, window);
                all.extend(found.events.iter().map(|record| record.position));
                from = found.next;
                if !found.more {
                    return all;
                }
            }
        };
        let positions: Vec<u64> = store.since(0).iter().map(|record| record.position).collect();
        prop_assert_eq!(&log(Direction::Forwards, 0, 3), &positions);
        prop_assert_eq!(log(Direction::Backwards, u64::MAX, 3), positions.into_iter().rev().collect::<Vec<_>>());
    }
}
