//! What a spool keeps, through the end of the process that wrote it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use gateway::{Durability, Error, Flushed, Producer, Settings};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::queue::{Answer, Queue, event, event_of, numbers, settings};

const WITHIN: Duration = Duration::from_secs(5);

fn in_spool(directory: &Path) -> Settings {
    Settings { durability: Durability::spool(directory), ..settings() }
}

fn small(directory: &Path, max_bytes: u64) -> Settings {
    let durability = Durability::Spool { directory: directory.to_owned(), max_bytes };
    Settings { durability, ..settings() }
}

/// The files with events, in the order of their names.
fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|text| text == "events")).collect();
    files.sort();
    files
}

/// The spool as a process left it that was killed after it emitted so many events, none of which was sent.
async fn killed_after(directory: &Path, events: usize) {
    let queue = Queue::new(|_, _| Answer::Gone);
    let (producer, delivery) = Producer::start(in_spool(directory), queue.client()).unwrap();
    (0..events).for_each(|number| producer.emit(&event(number)));
    drop(delivery);
}

/// The numbers of the events that the next process sends.
async fn sent_by_the_next(settings: Settings) -> (Vec<usize>, gateway::Totals) {
    let queue = Queue::open();
    let (producer, delivery) = Producer::start(settings, queue.client()).unwrap();
    assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
    (numbers(&queue.accepted()), producer.totals())
}

#[tokio::test]
async fn an_event_is_in_the_file_when_emit_returns() {
    let directory = TempDir::new().unwrap();
    let queue = Queue::new(|_, _| Answer::Silence);
    let (producer, _delivery) = Producer::start(in_spool(directory.path()), queue.client()).unwrap();
    producer.emit(&event(0));
    let file = fs::read_to_string(&segments(directory.path())[0]).unwrap();
    assert!(file.ends_with(&format!(" {}\n", event(0).to_json())), "{file}");
}

#[tokio::test(start_paused = true)]
async fn events_go_to_the_queue_in_their_order_and_leave_nothing_behind() {
    let directory = TempDir::new().unwrap();
    let queue = Queue::open();
    let settings = Settings { max_in_flight: 1, ..small(directory.path(), 1024 * 1024) };
    let (producer, delivery) = Producer::start(settings, queue.client()).unwrap();
    // Several files of 64 KiB.
    (0..1_000).for_each(|number| producer.emit(&event_of(&number.to_string(), &"x".repeat(200))));
    queue.until(|queue| queue.accepted().len() == 1_000).await;
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 0, left: 0 });
    assert_eq!(numbers(&queue.accepted()), Vec::from_iter(0..1_000));
    assert!(segments(directory.path()).is_empty());
    let totals = producer.totals();
    assert_eq!((totals.sent, totals.backlog_events, totals.backlog_bytes), (1_000, 0, 0));
    assert_eq!(sent_by_the_next(in_spool(directory.path())).await.0, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn while_the_queue_is_away_events_wait_in_the_spool_and_none_is_missing_afterwards() {
    let directory = TempDir::new().unwrap();
    let back = Arc::new(AtomicBool::new(false));
    let is_back = Arc::clone(&back);
    let queue = Queue::new(move |_, _| if is_back.load(SeqCst) { Answer::Take } else { Answer::Gone });
    let (producer, delivery) = Producer::start(in_spool(directory.path()), queue.client()).unwrap();
    (0..500).for_each(|number| producer.emit(&event(number)));
    queue.until(|queue| queue.calls().len() > 20).await;
    back.store(true, SeqCst);
    queue.until(|queue| queue.accepted().len() >= 500).await;
    assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
    let mut arrived = numbers(&queue.accepted());
    arrived.sort_unstable();
    assert_eq!(arrived, Vec::from_iter(0..500));
    assert_eq!(producer.totals().dropped, 0);
}

#[tokio::test]
async fn the_next_process_sends_what_a_killed_one_did_not() {
    let directory = TempDir::new().unwrap();
    killed_after(directory.path(), 57).await;
    let (sent, totals) = sent_by_the_next(in_spool(directory.path())).await;
    assert_eq!(sent, Vec::from_iter(0..57));
    assert_eq!((totals.emitted, totals.sent, totals.damaged), (0, 57, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_it_was_killed_is_not_sent_again() {
    let directory = TempDir::new().unwrap();
    let queue = Queue::new(|call, _| if call < 3 { Answer::Take } else { Answer::Silence });
    let settings = Settings { max_in_flight: 1, ..in_spool(directory.path()) };
    let (producer, delivery) = Producer::start(settings, queue.client()).unwrap();
    (0..57).for_each(|number| producer.emit(&event(number)));
    queue.until(|queue| queue.calls().len() == 4).await;
    drop(delivery);
    let (sent, _) = sent_by_the_next(in_spool(directory.path())).await;
    assert_eq!(sent, Vec::from_iter(30..57));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_behind_something_that_was_not_may_be_sent_again_but_nothing_is_missing() {
    let directory = TempDir::new().unwrap();
    let queue = Queue::new(|_, messages| {
        if numbers(messages).contains(&4) {
            Answer::Fail(vec![(4, "InternalError", false)])
        } else {
            Answer::Take
        }
    });
    let (producer, delivery) = Producer::start(in_spool(directory.path()), queue.client()).unwrap();
    (0..40).for_each(|number| producer.emit(&event(number)));
    queue.until(|queue| queue.accepted().len() == 39).await;
    drop(delivery);
    let (sent, _) = sent_by_the_next(in_spool(directory.path())).await;
    assert_eq!(sent, Vec::from_iter(0..40));
}

#[tokio::test]
async fn a_last_line_that_a_crash_cut_off_is_counted_and_harms_no_other() {
    let whole = TempDir::new().unwrap();
    killed_after(whole.path(), 5).await;
    let file = fs::read(&segments(whole.path())[0]).unwrap();
    let last_line = file[..file.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in [last_line + 1, last_line + 8, last_line + 9, file.len() - 1] {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("00000000000000000000.events"), &file[..end]).unwrap();
        let (sent, totals) = sent_by_the_next(in_spool(directory.path())).await;
        assert_eq!((sent, totals.damaged), ((0..4).collect(), 1), "cut at {end}");
    }
    for end in 0..last_line.min(40) {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("00000000000000000000.events"), &file[..end]).unwrap();
        assert_eq!(sent_by_the_next(in_spool(directory.path())).await.0, [0; 0], "cut at {end}");
    }
}

#[tokio::test]
async fn a_damaged_line_is_counted_and_harms_no_other() {
    let directory = TempDir::new().unwrap();
    killed_after(directory.path(), 30).await;
    let path = &segments(directory.path())[0];
    let damaged = fs::read_to_string(path).unwrap().replace(r#""id":"12""#, r#""id":"13""#);
    fs::write(path, damaged).unwrap();
    let (sent, totals) = sent_by_the_next(in_spool(directory.path())).await;
    assert_eq!(sent, Vec::from_iter((0..30).filter(|number| *number != 12)));
    assert_eq!((totals.damaged, totals.backlog_events), (1, 0));
}

#[tokio::test]
async fn a_file_that_is_taken_away_is_counted_and_holds_nothing_up() {
    let directory = TempDir::new().unwrap();
    killed_after(directory.path(), 30).await;
    let queue = Queue::open();
    let (producer, delivery) = Producer::start(in_spool(directory.path()), queue.client()).unwrap();
    fs::remove_file(&segments(directory.path())[0]).unwrap();
    producer.emit(&event(30));
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 1, left: 0 });
    assert_eq!(producer.totals().damaged, 30);
}

#[tokio::test]
async fn two_producers_never_send_one_spool() {
    let directory = TempDir::new().unwrap();
    let queue = Queue::open();
    let start = || Producer::start(in_spool(directory.path()), queue.client());
    let (_producer, delivery) = start().unwrap();
    let refused = start().map(drop).unwrap_err();
    assert!(matches!(refused, Error::SpoolInUse { .. }));
    assert!(refused.to_string().ends_with("Give each producer a directory of its own"), "{refused}");
    drop(delivery);
    assert!(start().is_ok(), "it is free when the delivery has ended, though the producer is still there");
}

#[tokio::test]
async fn a_spool_that_cannot_be_made_says_where() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let refused =
        Producer::start(in_spool(&file.join("spool")), Queue::open().client()).map(drop).unwrap_err();
    assert!(refused.to_string().starts_with("could not make the spool's directory /"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_a_full_spool_has_no_room_for_is_dropped_and_counted_until_something_was_sent() {
    let directory = TempDir::new().unwrap();
    let back = Arc::new(AtomicBool::new(false));
    let is_back = Arc::clone(&back);
    let queue = Queue::new(move |_, _| if is_back.load(SeqCst) { Answer::Take } else { Answer::Gone });
    let (producer, delivery) = Producer::start(small(directory.path(), 20_000), queue.client()).unwrap();
    (0..1_000).for_each(|number| producer.emit(&event(number)));
    let on_disk: u64 = segments(directory.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    let kept = producer.totals().backlog_events;
    assert!((19_000..=20_000).contains(&on_disk), "{on_disk}");
    assert_eq!(producer.totals().dropped, 1_000 - kept);
    back.store(true, SeqCst);
    queue.until(|queue| queue.accepted().len() as u64 == kept).await;
    // All of it was sent, and so there is room again, in the file that is written, too.
    for round in 0..50 {
        producer.emit(&event(1_000 + round));
        queue.until(|queue| queue.accepted().len() as u64 == kept + 1 + round as u64).await;
    }
    assert_eq!(producer.totals().dropped, 1_000 - kept);
    assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_the_event_and_not_the_call() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("spool");
    let (producer, _delivery) =
        Producer::start(small(&path, 64 * 1024), Queue::new(|_, _| Answer::Gone).client()).unwrap();
    fs::remove_dir_all(&path).unwrap();
    (0..100).for_each(|number| producer.emit(&event(number)));
    let totals = producer.totals();
    assert!(totals.dropped > 0, "no further file can be made");
    assert_eq!(totals.emitted, totals.dropped + totals.backlog_events);
}

#[tokio::test]
async fn what_the_queue_refuses_is_kept_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let queue = Queue::new(|_, _| Answer::Fail(vec![(1, "InvalidMessageContents", true)]));
    let (producer, delivery) = Producer::start(in_spool(directory.path()), queue.client()).unwrap();
    (0..3).for_each(|number| producer.emit(&event(number)));
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 2, left: 0 });
    let kept = fs::read_to_string(directory.path().join("rejected.jsonl")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["reason"], "InvalidMessageContents: scripted");
    assert_eq!(kept["event"].to_string(), event(1).to_json());
    assert_eq!(producer.totals().rejected, 1);
}

#[tokio::test]
async fn a_text_of_any_characters_arrives_as_it_was() {
    let directory = TempDir::new().unwrap();
    let hostile = "\0\u{1b}[31m\r\n<script>\"\\\u{fffe}\u{ffff}\u{7f}\u{2028}\u{1f980}";
    let queue = Queue::open();
    let (producer, delivery) = Producer::start(in_spool(directory.path()), queue.client()).unwrap();
    producer.emit(&event_of("0", hostile));
    assert_eq!(delivery.shutdown(WITHIN).await.sent, 1);
    assert_eq!(queue.events()[0].data()["Text"], hostile);
}

/// What happens to a spool.
#[derive(Clone, Debug)]
enum Step {
    Emit(u8),
    /// So many calls are accepted, and then the process is killed.
    Kill(u8),
    Shutdown,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u8..40).prop_map(Step::Emit),
        2 => (0_u8..6).prop_map(Step::Kill),
        1 => Just(Step::Shutdown),
    ];
    proptest::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whenever_processes_are_killed_every_event_arrives(steps in steps()) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let directory = TempDir::new().unwrap();
            let allowed = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let limit = Arc::clone(&allowed);
            let queue = Queue::new(move |call, _| if call < limit.load(SeqCst) { Answer::Take } else { Answer::Silence });
            let start = || Producer::start(small(directory.path(), 512 * 1024), queue.client()).unwrap();
            let mut running = start();
            let mut emitted = 0;
            for step in steps {
                match step {
                    Step::Emit(events) => {
                        (emitted..emitted + usize::from(events)).for_each(|number| running.0.emit(&event(number)));
                        emitted += usize::from(events);
                    }
                    Step::Kill(calls) => {
                        allowed.store(queue.calls().len() + usize::from(calls), SeqCst);
                        for _ in 0..calls {
                            tokio::task::yield_now().await;
                        }
                        drop(running);
                        running = start();
                    }
                    Step::Shutdown => {
                        allowed.store(usize::MAX, SeqCst);
                        running.1.shutdown(Duration::from_secs(60)).await;
                        running = start();
                    }
                }
            }
            drop(running);
            allowed.store(usize::MAX, SeqCst);
            let (_, delivery) = start();
            assert_eq!(delivery.shutdown(Duration::from_secs(60)).await.left, 0);
            let mut arrived = numbers(&queue.accepted());
            arrived.sort_unstable();
            arrived.dedup();
            assert_eq!(arrived, Vec::from_iter(0..emitted));
        });
    }
}
