//! What waits for the queue: in memory or in a spool, with one interface to those who emit and to the one who sends.

use std::ops::{Add, AddAssign, SubAssign};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use crate::counters::Counters;
use crate::memory::Memory;
use crate::spool::{Place, Spool};

/// SendMessageBatch's most messages.
pub(crate) const MAX_BATCH_MESSAGES: u64 = 10;

/// Between two attempts to read a spool that cannot be read.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// A number of events and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Load {
    pub(crate) fn of(json: &str) -> Self {
        Self { events: 1, bytes: json.len() as u64 }
    }

    pub(crate) fn fits(self, max: Self) -> bool {
        self.events <= max.events && self.bytes <= max.bytes
    }
}

impl Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { events: self.events + other.events, bytes: self.bytes + other.bytes }
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, other: Self) {
        self.events = self.events.saturating_sub(other.events);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Not on its way yet.
    pub(crate) waiting: Load,
    /// With what is on its way.
    pub(crate) held: Load,
}

impl Levels {
    pub(crate) fn appended(&mut self, load: Load) {
        self.waiting += load;
        self.held += load;
    }
}

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    TooLarge,
    Disk,
    Closed,
}

impl Refusal {
    pub(crate) const ALL: [Self; 4] = [Self::Full, Self::TooLarge, Self::Disk, Self::Closed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::TooLarge => "too-large",
            Self::Disk => "disk",
            Self::Closed => "closed",
        }
    }
}

/// When events go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// As much as one call carries.
    pub(crate) batch: Load,
    /// How long less than that may wait.
    pub(crate) linger: Duration,
}

/// Events that go in one call.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<String>,
    /// Where they are in the spool.
    pub(crate) place: Option<Place>,
}

impl Batch {
    pub(crate) fn load(&self) -> Load {
        self.messages.iter().map(|json| Load::of(json)).fold(Load::default(), Load::add)
    }
}

pub(crate) enum Store {
    Memory(Memory),
    Spool(Arc<Spool>),
}

/// The events between those who emit and the one who sends.
pub(crate) struct Backlog {
    store: Store,
    limits: Limits,
    pub(crate) counters: Arc<Counters>,
    /// There is something to send, enough for a call, or the end.
    changed: Notify,
    closing: AtomicBool,
}

impl Backlog {
    pub(crate) fn new(store: Store, limits: Limits, counters: Arc<Counters>) -> Self {
        let backlog =
            Self { store, limits, counters, changed: Notify::new(), closing: AtomicBool::new(false) };
        backlog.counters.backlog_grew(backlog.levels().held);
        backlog
    }

    /// Takes an event, or counts why not.
    pub(crate) fn append(&self, json: &str) {
        self.counters.emitted.add(1);
        if Load::of(json).bytes > self.limits.batch.bytes {
            return self.counters.drop_one(Refusal::TooLarge);
        }
        let taken = match &self.store {
            Store::Memory(memory) => memory.append(json),
            Store::Spool(spool) => spool.append(json),
        };
        match taken {
            Ok(waiting) => {
                self.counters.backlog_grew(Load::of(json));
                self.wake(waiting, json.len() as u64);
            }
            Err(refusal) => self.counters.drop_one(refusal),
        }
    }

    /// Wakes the sender for the first event and when a call is full, and not for each event.
    fn wake(&self, waiting: Load, added: u64) {
        let batch = self.limits.batch;
        let full_by_bytes = waiting.bytes >= batch.bytes && waiting.bytes - added < batch.bytes;
        if waiting.events == 1 || waiting.events == batch.events || full_by_bytes {
            self.changed.notify_one();
        }
    }

    /// The next events to send, when there are enough of them or they have waited for long enough; `None` at the end.
    pub(crate) async fn next(&self) -> Option<Batch> {
        loop {
            self.ready().await;
            let batch = match &self.store {
                Store::Memory(memory) => memory.take(self.limits),
                Store::Spool(spool) => {
                    let (spool, limits) = (Arc::clone(spool), self.limits);
                    // What is older than the page cache comes from the disk.
                    match tokio::task::spawn_blocking(move || spool.take(limits)).await {
                        Ok(Ok(batch)) => batch,
                        Ok(Err(error)) => {
                            tracing::warn!(%error, "the spool could not be read; it will be tried again");
                            sleep(READ_PAUSE).await;
                            continue;
                        }
                        Err(error) if error.is_panic() => {
                            tracing::error!(%error, "the spool's reader broke off; it will be tried again");
                            sleep(READ_PAUSE).await;
                            continue;
                        }
                        // The runtime is going down.
                        Err(_) => return None,
                    }
                }
            };
            if !batch.messages.is_empty() {
                return Some(batch);
            }
            if self.closing.load(Relaxed) && self.levels().waiting.events == 0 {
                return None;
            }
        }
    }

    async fn ready(&self) {
        let mut until = None;
        loop {
            let waiting = self.levels().waiting;
            let full = waiting.events >= self.limits.batch.events || waiting.bytes >= self.limits.batch.bytes;
            if full || self.closing.load(Relaxed) {
                return;
            }
            let changed = self.changed.notified();
            if waiting.events == 0 {
                changed.await;
            } else {
                let until = *until.get_or_insert_with(|| Instant::now() + self.limits.linger);
                if timeout_at(until, changed).await.is_err() {
                    return;
                }
            }
        }
    }

    /// The queue has these, or never will: they no longer count.
    pub(crate) fn release(&self, load: Load) {
        match &self.store {
            Store::Memory(memory) => memory.release(load),
            Store::Spool(spool) => spool.release(load),
        }
        self.counters.backlog_shrank(load);
    }

    /// All that was at this place is released.
    pub(crate) async fn settle(&self, place: Option<Place>) {
        let (Store::Spool(spool), Some(place)) = (&self.store, place) else { return };
        if spool.settle(place) {
            let spool = Arc::clone(spool);
            // To free the blocks of a file takes longer than other tasks should wait.
            let _ = tokio::task::spawn_blocking(move || spool.remove_finished()).await;
        }
    }

    /// Keeps an event that the queue will never take, where there is a place for that.
    pub(crate) fn reject(&self, json: &str, reason: &str) {
        self.counters.rejected.add(1);
        if let Store::Spool(spool) = &self.store {
            spool.reject(json, reason);
        }
        self.release(Load::of(json));
    }

    /// Takes no more, and lets what is there go at once.
    pub(crate) fn close(&self) {
        match &self.store {
            Store::Memory(memory) => memory.close(),
            Store::Spool(spool) => spool.close(),
        }
        self.closing.store(true, Relaxed);
        self.changed.notify_one();
    }

    /// Leaves the spool to the next process.
    pub(crate) fn leave(&self) {
        if let Store::Spool(spool) = &self.store {
            spool.leave();
        }
    }

    pub(crate) fn levels(&self) -> Levels {
        match &self.store {
            Store::Memory(memory) => memory.levels(),
            Store::Spool(spool) => spool.levels(),
        }
    }
}
