//! Takes events and sends them to the queue.

use std::cell::Cell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event::call::Call;
use event::{Event, Rejection, limits};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::backlog::{Backlog, Limits, Load, MAX_BATCH_MESSAGES, Store};
use crate::counters::Counters;
use crate::memory::Memory;
use crate::send::Sender;
use crate::spool::Spool;
use crate::wire::{self, UnixNanos};
use crate::{Durability, Settings, random};

/// How long an event may wait for others.
const LONGEST_LINGER: Duration = Duration::from_secs(24 * 60 * 60);

thread_local! {
    /// Where an event is written before it is as long as it will be.
    static DRAFT: Cell<String> = const { Cell::new(String::new()) };
}

/// Takes events, from any thread. A clone is the same producer.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

struct Shared {
    source: String,
    backlog: Arc<Backlog>,
}

/// Sends what a [`Producer`] takes, until it is [shut down](Self::shutdown) or dropped.
///
/// Dropped, it stops at once: what was not sent is lost, or is in the spool for the next process.
#[must_use = "dropped, it stops sending"]
pub struct Delivery {
    backlog: Arc<Backlog>,
    task: JoinHandle<()>,
}

/// What became of the events of a [`Delivery`] that was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// How many were sent while it shut down.
    pub sent: u64,
    /// How many were not: lost where they were in memory, else in the spool for the next process.
    pub left: u64,
}

/// How many events went which way since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Taken by [`Producer::emit`] or a layer, dropped ones included.
    pub emitted: u64,
    /// Accepted by the queue.
    pub sent: u64,
    /// Not taken: no room, too large, the disk refused it, or the delivery had ended.
    pub dropped: u64,
    /// Refused by the queue for what they are.
    pub rejected: u64,
    /// Sent again, once for each time.
    pub retried: u64,
    /// Lines of the spool that were not readable, such as a last one that a crash cut off.
    pub damaged: u64,
    /// Waiting or on their way, those of an earlier process included.
    pub backlog_events: u64,
    /// Their bytes.
    pub backlog_bytes: u64,
}

/// Why a producer does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was started outside of a tokio runtime.
    #[error("a producer sends in a task of tokio. Start it inside of a tokio runtime")]
    NoRuntime,
    /// A setting cannot be.
    #[error("{setting} {problem}")]
    Setting {
        /// The field of [`Settings`].
        setting: &'static str,
        /// What is wrong with it, and what would do.
        problem: String,
    },
    /// Another running producer has the spool.
    #[error("another process works on the spool {}. Give each producer a directory of its own", directory.display())]
    SpoolInUse {
        /// The spool.
        directory: PathBuf,
    },
    /// The spool cannot be used.
    #[error("could not {operation} {}", path.display())]
    Spool {
        /// What was tried.
        operation: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Producer {
    /// Starts to send what the producer takes with `client`, whose own retries and timeouts are replaced by those of the
    /// settings. Must be called in a tokio runtime, after the recorder of `metrics` was installed.
    ///
    /// With a spool, what an earlier process left there is sent, too.
    pub fn start(settings: Settings, client: aws_sdk_sqs::Client) -> Result<(Self, Delivery), Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        check(&settings)?;
        let counters = Arc::new(Counters::new(&settings.source));
        let store = match &settings.durability {
            Durability::Memory { max_events, max_bytes } => {
                Store::Memory(Memory::new(*max_events, *max_bytes))
            }
            Durability::Spool { directory, max_bytes } => {
                Store::Spool(Arc::new(Spool::open(directory, *max_bytes, Arc::clone(&counters))?))
            }
        };
        let batch = Load { events: MAX_BATCH_MESSAGES, bytes: settings.max_batch_bytes as u64 };
        let limits = Limits { batch, linger: settings.linger };
        let backlog = Arc::new(Backlog::new(store, limits, counters));
        let sender = Sender::new(&settings, &client, Arc::clone(&backlog));
        let task = runtime.spawn(sender.run());
        let shared = Shared { source: settings.source, backlog: Arc::clone(&backlog) };
        Ok((Self { shared: Arc::new(shared) }, Delivery { backlog, task }))
    }

    /// Takes an event. Never waits for the network and never fails: what cannot be taken is counted
    /// (`headwater_producer_dropped_total`).
    pub fn emit(&self, event: &Event) {
        self.shared.backlog.append(&wire::for_sqs(event.to_json()));
    }

    /// Takes an event of a call.
    pub(crate) fn emit_call(&self, event_type: &str, request_id: &str, at: UnixNanos, call: &Call<'_>) {
        // Taken and put back, not borrowed: a call may end while the thread does, or while another event is logged.
        let mut draft = DRAFT.try_with(Cell::take).unwrap_or_default();
        draft.clear();
        wire::write_call(&mut draft, event_type, &self.shared.source, request_id, at, call);
        self.shared.backlog.append(&draft);
        let _ = DRAFT.try_with(|place| place.set(draft));
    }

    /// A new event of this source, which happens now. It is not emitted yet.
    pub fn event(
        &self,
        event_type: &str,
        request_id: &str,
        data: Map<String, Value>,
    ) -> Result<Event, Rejection> {
        let mut now = String::new();
        UnixNanos::now().write(&mut now);
        let fields = [
            ("id", random::uuid().to_string()),
            ("timestamp", now),
            ("requestId", request_id.to_owned()),
            ("type", event_type.to_owned()),
            ("source", self.shared.source.clone()),
        ];
        let mut fields: Map<_, _> =
            fields.map(|(name, text)| (name.to_owned(), Value::String(text))).into_iter().collect();
        fields.insert("data".to_owned(), Value::Object(data));
        Event::from_fields(fields)
    }

    /// How many events went which way so far.
    pub fn totals(&self) -> Totals {
        self.shared.backlog.counters.totals(self.shared.backlog.levels().held)
    }
}

impl Delivery {
    /// Takes no more events, and sends those there are, without linger; returns when all are sent or `within` is over.
    ///
    /// Calls that are not over by then lose their last event: let them end first.
    pub async fn shutdown(mut self, within: Duration) -> Flushed {
        let sent = |backlog: &Backlog| backlog.counters.totals(Load::default()).sent;
        let before = sent(&self.backlog);
        self.backlog.close();
        if timeout(within, &mut self.task).await.is_err() {
            self.task.abort();
            // Until it has stopped, something may be accepted.
            let _ = (&mut self.task).await;
        }
        Flushed { sent: sent(&self.backlog) - before, left: self.backlog.levels().held.events }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.task.abort();
        self.backlog.close();
        self.backlog.leave();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("source", &self.shared.source).finish_non_exhaustive()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}

fn check(settings: &Settings) -> Result<(), Error> {
    let wrong = |setting, problem: String| Err(Error::Setting { setting, problem });
    let bytes = settings.source.len();
    if !(1..=limits::SOURCE_BYTES).contains(&bytes) {
        let limit = limits::SOURCE_BYTES;
        return wrong("source", format!("has {bytes} bytes. Name the producer in 1 to {limit}"));
    }
    if settings.queue_url.is_empty() {
        return wrong("queue_url", "is empty. Give the URL of the queue".to_owned());
    }
    if settings.linger > LONGEST_LINGER {
        let seconds = settings.linger.as_secs();
        return wrong("linger", format!("is {seconds} s. A day is the most"));
    }
    if settings.max_batch_bytes == 0 {
        return wrong("max_batch_bytes", "is 0. SQS takes 1,048,576".to_owned());
    }
    Ok(())
}
