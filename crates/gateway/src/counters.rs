//! What a producer counts: for its own [`Totals`], and by `metrics` for whoever collects them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::Totals;
use crate::backlog::{Load, Refusal};

const EMITTED: &str = "headwater_producer_emitted_total";
const SENT: &str = "headwater_producer_sent_total";
const DROPPED: &str = "headwater_producer_dropped_total";
const REJECTED: &str = "headwater_producer_rejected_total";
const RETRIED: &str = "headwater_producer_retried_total";
const DAMAGED: &str = "headwater_producer_damaged_total";
const BACKLOG_EVENTS: &str = "headwater_producer_backlog_events";
const BACKLOG_BYTES: &str = "headwater_producer_backlog_bytes";

/// A counter with its handle, so that an event pays for no look-up.
pub(crate) struct Counter {
    total: AtomicU64,
    exported: metrics::Counter,
}

impl Counter {
    fn new(exported: metrics::Counter) -> Self {
        Self { total: AtomicU64::new(0), exported }
    }

    pub(crate) fn add(&self, events: u64) {
        self.total.fetch_add(events, Relaxed);
        self.exported.increment(events);
    }

    fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }
}

/// All of them, each with the label `source`.
pub(crate) struct Counters {
    pub(crate) emitted: Counter,
    pub(crate) sent: Counter,
    pub(crate) rejected: Counter,
    pub(crate) retried: Counter,
    pub(crate) damaged: Counter,
    dropped: [Counter; Refusal::ALL.len()],
    backlog_events: Gauge,
    backlog_bytes: Gauge,
}

impl Counters {
    pub(crate) fn new(source: &str) -> Self {
        describe();
        let plain = |name: &'static str| Counter::new(counter!(name, "source" => source.to_owned()));
        Self {
            emitted: plain(EMITTED),
            sent: plain(SENT),
            rejected: plain(REJECTED),
            retried: plain(RETRIED),
            damaged: plain(DAMAGED),
            dropped: Refusal::ALL.map(|refusal| {
                Counter::new(counter!(DROPPED, "source" => source.to_owned(), "reason" => refusal.as_str()))
            }),
            backlog_events: gauge!(BACKLOG_EVENTS, "source" => source.to_owned()),
            backlog_bytes: gauge!(BACKLOG_BYTES, "source" => source.to_owned()),
        }
    }

    pub(crate) fn drop_one(&self, refusal: Refusal) {
        self.dropped[refusal as usize].add(1);
    }

    pub(crate) fn backlog_grew(&self, load: Load) {
        self.backlog_events.increment(load.events as f64);
        self.backlog_bytes.increment(load.bytes as f64);
    }

    pub(crate) fn backlog_shrank(&self, load: Load) {
        self.backlog_events.decrement(load.events as f64);
        self.backlog_bytes.decrement(load.bytes as f64);
    }

    pub(crate) fn totals(&self, backlog: Load) -> Totals {
        Totals {
            emitted: self.emitted.total(),
            sent: self.sent.total(),
            dropped: self.dropped.iter().map(Counter::total).sum(),
            rejected: self.rejected.total(),
            retried: self.retried.total(),
            damaged: self.damaged.total(),
            backlog_events: backlog.events,
            backlog_bytes: backlog.bytes,
        }
    }
}

fn describe() {
    describe_counter!(EMITTED, Unit::Count, "Events that were handed to the producer.");
    describe_counter!(SENT, Unit::Count, "Events that the queue accepted.");
    describe_counter!(
        DROPPED,
        Unit::Count,
        "Events that were not taken, by reason: full, too-large, disk, closed."
    );
    describe_counter!(REJECTED, Unit::Count, "Events that the queue refused for what they are.");
    describe_counter!(RETRIED, Unit::Count, "Events that were sent again, once for each time.");
    describe_counter!(DAMAGED, Unit::Count, "Lines of the spool that were not readable.");
    describe_gauge!(BACKLOG_EVENTS, Unit::Count, "Events that the queue has not accepted yet.");
    describe_gauge!(BACKLOG_BYTES, Unit::Bytes, "Bytes of the events that the queue has not accepted yet.");
}
