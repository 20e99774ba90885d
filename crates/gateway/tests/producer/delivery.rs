//! How events get from memory to the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use gateway::{Durability, Error, Flushed, Producer, Settings};
use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;

use crate::queue::{Answer, Queue, event, event_of, numbers, settings};

const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn events_go_ten_a_call_in_their_order_and_fewer_after_the_linger() {
    let queue = Queue::open();
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    (0..23).for_each(|number| producer.emit(&event(number)));
    queue.until(|queue| queue.accepted().len() == 23).await;
    let calls: Vec<_> = queue.calls().iter().map(numbers).collect();
    assert_eq!(calls, [(0..10).collect(), (10..20).collect(), vec![20, 21, 22]]);
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 0, left: 0 });
}

#[tokio::test(start_paused = true)]
async fn what_the_queue_did_not_take_is_sent_again_alone() {
    let queue = Queue::new(|call, _| match call {
        0 => Answer::Fail(vec![(3, "InternalError", false), (7, "InternalError", false)]),
        1 => Answer::Fail(vec![(1, "ThrottlingException", false)]),
        _ => Answer::Take,
    });
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    (0..10).for_each(|number| producer.emit(&event(number)));
    queue.until(|queue| queue.accepted().len() == 10).await;
    let calls: Vec<_> = queue.calls().iter().map(numbers).collect();
    assert_eq!(calls, [(0..10).collect(), vec![3, 7], vec![7]]);
    delivery.shutdown(WITHIN).await;
    let totals = producer.totals();
    assert_eq!((totals.emitted, totals.sent, totals.retried, totals.backlog_events), (10, 10, 3, 0));
    assert_eq!(totals.backlog_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_what_it_is_is_counted_and_not_sent_again() {
    let queue = Queue::new(|_, messages| {
        let refused = numbers(messages).iter().position(|number| *number == 4);
        Answer::Fail(refused.into_iter().map(|place| (place, "InvalidMessageContents", true)).collect())
    });
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    (0..10).for_each(|number| producer.emit(&event(number)));
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 9, left: 0 });
    assert_eq!(queue.calls().len(), 1);
    assert_eq!(producer.totals().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_sent_again_whoevers_fault_it_is_called() {
    let codes = ["RequestThrottled", "KMS.ThrottlingException", "KmsAccessDenied", "OverLimit"];
    let queue = Queue::new(move |call, _| match codes.get(call) {
        Some(code) => Answer::Fail(vec![(0, code, true)]),
        None => Answer::Take,
    });
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    producer.emit(&event(0));
    queue.until(|queue| queue.accepted().len() == 1).await;
    assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
    assert_eq!((producer.totals().retried, producer.totals().rejected), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_for_its_messages_is_made_for_each_of_them() {
    // An endpoint that takes 256 KiB, where the settings say 1 MiB.
    let queue = Queue::new(|_, messages| match messages.iter().map(String::len).sum::<usize>() {
        0..=262_144 => Answer::Take,
        _ => Answer::Error(400, "com.amazonaws.sqs#BatchRequestTooLong"),
    });
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    for (id, kibibytes) in [("0", 100), ("1", 300), ("2", 100)] {
        producer.emit(&event_of(id, &"x".repeat(kibibytes * 1024)));
    }
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 2, left: 0 });
    assert_eq!(numbers(&queue.accepted()), [0, 2]);
    assert_eq!(producer.totals().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_queue_is_away_events_wait_and_none_is_missing_afterwards() {
    for away in [
        || Answer::Gone,
        || Answer::Silence,
        || Answer::Error(503, "ServiceUnavailable"),
        || Answer::Error(400, "AWS.SimpleQueueService.NonExistentQueue"),
    ] {
        let back = Arc::new(AtomicBool::new(false));
        let is_back = Arc::clone(&back);
        let queue = Queue::new(move |_, _| if is_back.load(SeqCst) { Answer::Take } else { away() });
        let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
        (0..100).for_each(|number| producer.emit(&event(number)));
        queue.until(|queue| queue.calls().len() > 20).await;
        assert_eq!(producer.totals().backlog_events, 100);
        back.store(true, SeqCst);
        queue.until(|queue| queue.accepted().len() >= 100).await;
        assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
        let mut arrived = numbers(&queue.accepted());
        arrived.sort_unstable();
        assert_eq!(arrived, Vec::from_iter(0..100));
        let totals = producer.totals();
        assert_eq!((totals.sent, totals.dropped, totals.rejected), (100, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_returns_in_time_and_says_what_is_left() {
    let queue = Queue::new(|call, _| if call == 0 { Answer::Take } else { Answer::Silence });
    let (producer, delivery) =
        Producer::start(Settings { max_in_flight: 1, ..settings() }, queue.client()).unwrap();
    (0..25).for_each(|number| producer.emit(&event(number)));
    let begin = tokio::time::Instant::now();
    let flushed = delivery.shutdown(WITHIN).await;
    assert_eq!(flushed, Flushed { sent: 10, left: 15 });
    assert_eq!(begin.elapsed().as_secs(), WITHIN.as_secs());
    producer.emit(&event(25));
    assert_eq!(producer.totals().dropped, 1, "nobody sends it any more");
}

#[tokio::test(start_paused = true)]
async fn what_a_full_buffer_has_no_room_for_is_dropped_and_counted() {
    let one = event(0).to_json().len();
    for durability in [
        Durability::Memory { max_events: 5, max_bytes: 100 * one },
        Durability::Memory { max_events: 100, max_bytes: 5 * one },
    ] {
        let back = Arc::new(AtomicBool::new(false));
        let is_back = Arc::clone(&back);
        let queue = Queue::new(move |_, _| if is_back.load(SeqCst) { Answer::Take } else { Answer::Gone });
        let (producer, delivery) =
            Producer::start(Settings { durability, ..settings() }, queue.client()).unwrap();
        (0..8).for_each(|number| producer.emit(&event(number)));
        queue.until(|queue| !queue.calls().is_empty()).await;
        producer.emit(&event(8));
        assert_eq!(producer.totals().dropped, 4, "what is on its way takes room, too");
        back.store(true, SeqCst);
        queue.until(|queue| queue.accepted().len() == 5).await;
        producer.emit(&event(9));
        assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
        assert_eq!(numbers(&queue.accepted()), [0, 1, 2, 3, 4, 9]);
        let totals = producer.totals();
        assert_eq!((totals.emitted, totals.sent, totals.dropped), (10, 6, 4));
    }
}

#[tokio::test]
async fn an_event_that_no_call_can_carry_is_dropped_and_counted() {
    let queue = Queue::open();
    let (producer, delivery) =
        Producer::start(Settings { max_batch_bytes: 4_096, ..settings() }, queue.client()).unwrap();
    producer.emit(&event_of("0", &"x".repeat(4_096)));
    producer.emit(&event(1));
    assert_eq!(delivery.shutdown(WITHIN).await, Flushed { sent: 1, left: 0 });
    assert_eq!(producer.totals().dropped, 1);
}

#[tokio::test]
async fn a_text_of_any_characters_arrives_as_it_was() {
    let queue = Queue::open();
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    let hostile = "\0\u{1b}[31m\r\n<script>\"\\\u{fffe}\u{ffff}\u{7f}\u{2028}\u{1f980}";
    producer.emit(&event_of("0", hostile));
    assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
    assert_eq!(queue.events()[0].data()["Text"], hostile);
    assert!(!queue.accepted()[0].contains(['\u{fffe}', '\u{ffff}', '\n']), "SQS refuses them");
}

#[tokio::test]
async fn a_producer_makes_events_of_its_own() {
    let queue = Queue::open();
    let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
    let data = serde_json::from_str(r#"{ "Order": 7 }"#).unwrap();
    let event = producer.event("ORDER_PLACED", "677afffc-373e-42f0-8363-f24bc675bcf6", data).unwrap();
    producer.emit(&event);
    assert_eq!(delivery.shutdown(WITHIN).await.sent, 1);
    let sent = &queue.events()[0];
    assert_eq!((sent.id(), sent.source(), sent.event_type()), (event.id(), "shop", "ORDER_PLACED"));
    assert_eq!(sent.content_hash(), event.content_hash());
    let refused = producer.event("$order", "r", serde_json::Map::new()).unwrap_err();
    assert!(refused.to_string().starts_with("$.type: begins with `$`"), "{refused}");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_with_the_setting_named() {
    let client = Queue::open().client();
    let start = |settings| Producer::start(settings, client.clone()).map(drop).unwrap_err().to_string();
    assert!(start(Settings::new("", "http://127.0.0.1/q")).starts_with("source has 0 bytes"));
    assert!(start(Settings::new("shop", "")).starts_with("queue_url is empty"));
    let _ = tokio::task::spawn_blocking(|| ()).await;
    let outside = std::thread::spawn(move || Producer::start(settings(), client).map(drop)).join().unwrap();
    assert!(matches!(outside, Err(Error::NoRuntime)));
}

#[tokio::test]
async fn what_is_counted_can_be_collected() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let queue = Queue::open();
    let start = || Producer::start(settings(), queue.client()).unwrap();
    let (producer, delivery) = metrics::with_local_recorder(&recorder, start);
    (0..3).for_each(|number| producer.emit(&event(number)));
    delivery.shutdown(WITHIN).await;
    producer.emit(&event(3));
    let page = recorder.handle().render();
    for line in [
        "# HELP headwater_producer_sent_total Events that the queue accepted.",
        r#"headwater_producer_emitted_total{source="shop"} 4"#,
        r#"headwater_producer_sent_total{source="shop"} 3"#,
        r#"headwater_producer_dropped_total{source="shop",reason="closed"} 1"#,
        r#"headwater_producer_dropped_total{source="shop",reason="full"} 0"#,
        r#"headwater_producer_backlog_events{source="shop"} 0"#,
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_call_carries_more_than_it_may_and_all_events_arrive_in_order(
        sizes in proptest::collection::vec(0_usize..3_000, 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let queue = Queue::open();
            let settings = Settings { max_batch_bytes: 4_096, max_in_flight: 1, ..settings() };
            let (producer, delivery) = Producer::start(settings, queue.client()).unwrap();
            for (number, size) in sizes.iter().enumerate() {
                producer.emit(&event_of(&number.to_string(), &"x".repeat(*size)));
            }
            assert_eq!(delivery.shutdown(WITHIN).await.left, 0);
            assert_eq!(numbers(&queue.accepted()), Vec::from_iter(0..sizes.len()));
            for call in queue.calls() {
                assert!(call.len() <= 10 && call.iter().map(String::len).sum::<usize>() <= 4_096);
            }
        });
    }
}
