//! A log that was cut off or damaged loses nothing that it could have kept, and hides nothing that it lost.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Log, LogError};
use crate::{
    config::Flush,
    store::{
        Expected, Store,
        event::{Proposed, Ticks},
    },
};

/// Appends these batches, each an append of so many events to its own stream.
fn write(directory: &Path, batches: &[usize]) -> Store {
    let mut store = Store::new(10);
    let mut log = Log::open(directory, Flush::LeaveToSystem, &mut store).expect("it opens");
    for (number, size) in batches.iter().enumerate() {
        let before = store.len();
        let events = (0..*size).map(|index| proposed(&format!("event {index} of batch {number}"))).collect();
        store
            .append(&format!("s-{number}"), Expected::Any, events, Ticks(number as u64))
            .expect("it is appended");
        log.append(store.since(before)).expect("it is written");
    }
    store
}

fn proposed(data: &str) -> Proposed {
    Proposed {
        id: Uuid::new_v4(),
        event_type: "T".to_owned(),
        is_json: false,
        data: data.to_owned().into(),
        metadata: Bytes::from_static(b"{}"),
    }
}

fn reopen(directory: &Path) -> Result<(Store, Log), LogError> {
    let mut store = Store::new(10);
    let log = Log::open(directory, Flush::LeaveToSystem, &mut store)?;
    Ok((store, log))
}

#[test]
fn what_was_written_is_there_again_in_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let written = write(directory.path(), &[1, 3, 2]);
    let (read, _log) = reopen(directory.path()).expect("it opens");
    assert_eq!(read.since(0), written.since(0));
    assert_eq!(read.end(), written.end());
}

#[test]
fn a_directory_has_one_server_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_store, first) = reopen(directory.path()).expect("it opens");
    let error = reopen(directory.path()).expect_err("it is in use");
    assert!(matches!(&error, LogError::Locked { path } if path.ends_with("lock")), "{error}");
    drop(first);
    reopen(directory.path()).expect("it is free again");
}

#[test]
fn a_file_that_is_not_a_log_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.log");
    std::fs::write(&path, "a diary of some length").expect("it is written");
    let error = reopen(directory.path()).expect_err("it is not a log");
    assert!(matches!(error, LogError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&path).expect("it is there"), b"a diary of some length");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However much of its end is missing, or reads as zeros: whole batches are kept up to there, what is left of the next
    /// one is kept aside, and the log goes on.
    #[test]
    fn a_log_that_was_cut_off_keeps_every_whole_batch(
        batches in prop::collection::vec(1_usize..4, 1..6),
        kept in 0.0..1.0_f64,
        zeros in prop::option::of(1_usize..5000),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("events.log");
        let written = write(directory.path(), &batches);
        let whole = std::fs::read(&path).expect("it is there");
        let cut = super::HEADER.len() + ((whole.len() - super::HEADER.len()) as f64 * kept) as usize;
        let mut torn = whole[..cut].to_vec();
        torn.resize(cut + zeros.unwrap_or(0), 0);
        std::fs::write(&path, &torn).expect("it is written");

        let (read, mut log) = reopen(directory.path()).expect("a torn log opens");
        prop_assert_eq!(read.since(0), &written.since(0)[..read.len()], "it is the beginning of what was written");
        let ends: Vec<usize> = batches.iter().scan(0, |sum, size| { *sum += size; Some(*sum) }).collect();
        prop_assert!(read.len() == 0 || ends.contains(&read.len()), "{} events are no whole batches", read.len());
        let good = std::fs::metadata(&path).expect("it is there").len();
        let aside = directory.path().join(format!("events.log.torn-{good}"));
        match (good as usize) < torn.len() {
            true => prop_assert_eq!(&std::fs::read(aside).expect("it is kept")[..], &torn[good as usize..]),
            false => prop_assert!(!aside.exists()),
        }

        let mut store = read;
        let before = store.len();
        store.append("more", Expected::NoStream, vec![proposed("more")], Ticks(99)).expect("it is appended");
        log.append(store.since(before)).expect("it is written");
        drop(log);
        let (again, _log) = reopen(directory.path()).expect("it opens");
        prop_assert_eq!(again.since(0), store.since(0));
    }

    /// A byte that is not what was written never makes a batch before the last one disappear.
    #[test]
    fn a_damaged_log_is_refused_with_the_place(
        batches in prop::collection::vec(1_usize..4, 2..6),
        at in 0.0..1.0_f64,
        damage in 1_u8..=255,
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("events.log");
        let written = write(directory.path(), &batches);
        let mut bytes = std::fs::read(&path).expect("it is there");
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= damage;
        std::fs::write(&path, &bytes).expect("it is written");
        match reopen(directory.path()) {
            Ok((read, _log)) => {
                let last = batches.last().copied().unwrap_or(0);
                prop_assert_eq!(read.since(0), &written.since(0)[..written.len() - last]);
            }
            Err(LogError::Corrupt { offset, .. }) => prop_assert!(offset as usize <= at),
            Err(LogError::Foreign { .. }) => prop_assert!(at < super::HEADER.len()),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
