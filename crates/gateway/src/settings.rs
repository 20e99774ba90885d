//! What a producer is told at its start.

use std::path::PathBuf;
use std::time::Duration;

/// What one SendMessageBatch may carry: 1 MiB in AWS ("Amazon SQS message quotas").
const SQS_BATCH_BYTES: usize = 1024 * 1024;

/// How a [`Producer`](crate::Producer) works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The `source` of the events: the name of who emits them.
    pub source: String,
    /// The URL of the queue, which is not FIFO.
    pub queue_url: String,
    /// Where events are until the queue has them.
    pub durability: Durability,
    /// How long an event may wait for others that go in the same SendMessageBatch, at most a day; ten of them wait no longer.
    pub linger: Duration,
    /// The bytes of all messages of one SendMessageBatch, and so the largest event. Some endpoints take 256 KiB.
    pub max_batch_bytes: usize,
    /// How many SendMessageBatch calls are under way at once, at least one.
    pub max_in_flight: usize,
    /// How long one such call may take before it counts as failed.
    pub call_timeout: Duration,
    /// The pause after a first failure. It doubles with each further one, with jitter.
    pub min_backoff: Duration,
    /// The longest pause, jitter aside, which makes it twice as long at most. So late it may be noticed that the queue is back.
    pub max_backoff: Duration,
}

/// Where events are until the queue has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// In memory. What does not fit is dropped and counted, and so is all of it when the process dies.
    Memory {
        /// How many events there is room for.
        max_events: usize,
        /// For how many bytes of them.
        max_bytes: usize,
    },
    /// In files. An event is written before [`emit`](crate::Producer::emit) returns, and sent later, also by the next process
    /// on this directory. It is not synced to the disk: it survives the process, not the host.
    Spool {
        /// A directory of one running producer alone; it is made where it is missing.
        directory: PathBuf,
        /// What does not fit in these is dropped and counted.
        max_bytes: u64,
    },
}

impl Durability {
    /// In memory, up to 65,536 events or 32 MiB.
    pub fn memory() -> Self {
        Self::Memory { max_events: 65_536, max_bytes: 32 * 1024 * 1024 }
    }

    /// In files of a directory, up to 256 MiB.
    pub fn spool(directory: impl Into<PathBuf>) -> Self {
        Self::Spool { directory: directory.into(), max_bytes: 256 * 1024 * 1024 }
    }
}

impl Settings {
    /// Events of `source` go to the queue at `queue_url` by way of memory, at the latest 100 ms after they were emitted.
    pub fn new(source: impl Into<String>, queue_url: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            queue_url: queue_url.into(),
            durability: Durability::memory(),
            linger: Duration::from_millis(100),
            max_batch_bytes: SQS_BATCH_BYTES,
            max_in_flight: 8,
            call_timeout: Duration::from_secs(10),
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
        }
    }
}
