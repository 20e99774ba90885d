//! The handler: what becomes of each record of an invocation.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use event::Event;
use futures::StreamExt;
use journal::item::Item;
use journal::{ItemError, dynamodb_json, replay};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::Metrics;
use crate::delivery::Delivery;
use crate::failure_queue::{FailureQueue, Letter};
use crate::ledger::Fate;
use crate::outgoing::Outgoing;
use crate::payload::{Change, Invocation, ItemKey, Record};
use crate::store::{EventStore, StoreError};
use function::Deadline;
use function::logging::with_causes;

/// Streams that are delivered to at once.
const CONCURRENCY: usize = 16;

/// Relays batches of the journal's stream into an [`EventStore`].
#[derive(Debug)]
pub struct Relay<S> {
    store: S,
    failures: FailureQueue,
    max_append_bytes: usize,
    decode: fn(Item) -> Result<Event, ItemError>,
}

/// What an invocation did.
#[derive(Debug, PartialEq)]
pub struct Report {
    /// The answer, or why the invocation fails as a whole and has to come again.
    pub result: Result<replay::Report, Failure>,
    /// What became of the records.
    pub metrics: Metrics,
}

/// Why an invocation has to come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// EventStoreDB did not take events that it may well take later.
    #[error("events of stream {stream} could not be relayed")]
    Store {
        /// The stream.
        stream: String,
        /// Why not.
        #[source]
        error: StoreError,
    },
    /// There was not enough time.
    #[error("stream {stream}: not done before the function's timeout")]
    NoTime {
        /// The first stream that was not done.
        stream: String,
    },
    /// Events that can never be appended could not be sent to the failure queue.
    #[error("what can never be appended could not be sent to the failure queue: {reason}")]
    FailureQueue {
        /// Why not.
        reason: String,
    },
}

impl Failure {
    /// Its name, for Lambda's `errorType`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store { error: StoreError::Away { .. }, .. } => "EventStoreAway",
            Self::Store { error: StoreError::Denied { .. }, .. } => "EventStoreDenied",
            Self::Store { .. } => "EventStoreFailed",
            Self::NoTime { .. } => "NoTime",
            Self::FailureQueue { .. } => "FailureQueue",
        }
    }
}

/// The events of one request, in the order of the records, and where in the invocation they come from.
#[derive(Debug)]
struct Group {
    stream: String,
    events: Vec<Outgoing>,
    items: Vec<(String, Value)>,
}

/// The records, told apart.
#[derive(Debug, Default)]
struct Sorted {
    groups: Vec<Group>,
    letters: Vec<Letter>,
    metrics: Metrics,
}

impl<S: EventStore> Relay<S> {
    /// A relay. `max_append_bytes` is the largest append that EventStoreDB is known to take.
    pub fn new(store: S, failures: FailureQueue, max_append_bytes: usize) -> Self {
        Self { store, failures, max_append_bytes, decode: journal::item::to_event }
    }

    /// Relays the events of the invocation. Returns by `deadline.answer_by`.
    ///
    /// Each event ends up in the stream of its request, once, in the order of the records; or, where it can never be appended, in
    /// the failure queue; or the invocation fails and has to come again, which repeats nothing that was done. All
    /// streams are tried, whatever befalls the others, unless EventStoreDB is away. The failure queue is sent to last, and not by
    /// an invocation that fails anyway.
    pub async fn handle(&self, invocation: Invocation, deadline: Deadline) -> Report {
        let Sorted { groups, mut letters, mut metrics } = self.sort(invocation);
        let outcomes = self.deliver(&groups, deadline.append_by).await;
        let mut failure = None;
        for (group, outcome) in groups.into_iter().zip(outcomes) {
            match outcome {
                Ok(fates) => group.settle(fates, &mut metrics, &mut letters),
                Err(reason) => {
                    metrics.failed += group.events.len();
                    failure.get_or_insert(reason);
                }
            }
        }
        metrics.rejected = letters.len();
        if failure.is_none()
            && let Err(reason) = self.failures.send(&letters, deadline.answer_by).await
        {
            failure = Some(Failure::FailureQueue { reason });
        }
        let result = match failure {
            Some(failure) => Err(failure),
            None => Ok(replay::Report {
                appended: metrics.appended,
                present: metrics.present,
                rejected: letters.into_iter().map(rejected).collect(),
            }),
        };
        Report { result, metrics }
    }

    /// Groups the events by request. The same event twice counts once.
    fn sort(&self, invocation: Invocation) -> Sorted {
        let mut sorted = Sorted::default();
        sorted.metrics.received = invocation.records.len();
        let oldest = invocation.records.iter().filter_map(|record| record.changed_at).reduce(f64::min);
        sorted.metrics.batch_age = oldest.map(|changed_at| (now() - changed_at).max(0.0));
        let mut by_request: HashMap<String, (usize, HashSet<String>)> = HashMap::new();
        for Record { id, change, .. } in invocation.records {
            let item = match change {
                Change::Inserted(item) => item,
                Change::Altered { how, key: ItemKey { request_id, event_key } } => {
                    tracing::warn!(
                        how,
                        request_id,
                        event_key,
                        "an item of the journal was altered: not relayed"
                    );
                    sorted.metrics.modified += 1;
                    continue;
                }
                Change::Unreadable { record, reason } => {
                    sorted.letters.push(letter(id, ItemKey::of(&record["dynamodb"]["Keys"]), record, reason));
                    continue;
                }
            };
            let (request_id, outgoing) = match self.read(&item) {
                Ok(read) => read,
                Err(reason) => {
                    sorted.letters.push(letter(id, ItemKey::of(&item), item, &reason));
                    continue;
                }
            };
            let (group, keys) = by_request.entry(request_id).or_insert_with_key(|request_id| {
                let stream = format!("request-{request_id}");
                sorted.groups.push(Group { stream, events: Vec::new(), items: Vec::new() });
                (sorted.groups.len() - 1, HashSet::new())
            });
            if keys.insert(outgoing.event_key().to_owned()) {
                sorted.groups[*group].events.push(outgoing);
                sorted.groups[*group].items.push((id, item));
            } else {
                sorted.metrics.present += 1;
            }
        }
        sorted
    }

    /// The item's request and event, or why it has none. A panic is such a reason: the same item would panic again.
    fn read(&self, item: &Value) -> Result<(String, Outgoing), String> {
        let read = || {
            let item = dynamodb_json::to_item(item).map_err(|error| error.to_string())?;
            let event = (self.decode)(item).map_err(|error| error.to_string())?;
            let outgoing = Outgoing::new(&event).map_err(|error| error.to_string())?;
            Ok((event.request_id().to_owned(), outgoing))
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
            Err(format!("the relay panicked on it, which is a fault of the relay: {}", message_of(&*panic)))
        })
    }

    /// The outcome of each group. Once EventStoreDB is away, no further delivery is begun.
    async fn deliver(&self, groups: &[Group], deadline: Instant) -> Vec<Result<Vec<Fate>, Failure>> {
        let away: OnceLock<Failure> = OnceLock::new();
        let deliveries: Vec<_> =
            groups.iter().map(|group| self.deliver_group(group, deadline, &away)).collect();
        futures::stream::iter(deliveries).buffered(CONCURRENCY).collect().await
    }

    async fn deliver_group(
        &self,
        group: &Group,
        deadline: Instant,
        away: &OnceLock<Failure>,
    ) -> Result<Vec<Fate>, Failure> {
        if let Some(failure) = away.get() {
            return Err(failure.clone());
        }
        let stream = &group.stream;
        let delivery = Delivery { store: &self.store, stream, most_bytes: self.max_append_bytes };
        match timeout_at(deadline, delivery.run(&group.events)).await {
            Ok(Ok(fates)) => Ok(fates),
            Ok(Err(error)) => {
                let is_away = matches!(error, StoreError::Away { .. });
                let failure = Failure::Store { stream: stream.clone(), error };
                tracing::error!(stream, error = with_causes(&failure), "the invocation fails");
                if is_away {
                    away.get_or_init(|| failure.clone());
                }
                Err(failure)
            }
            Err(_) => Err(Failure::NoTime { stream: stream.clone() }),
        }
    }
}

impl Group {
    fn settle(self, fates: Vec<Fate>, metrics: &mut Metrics, letters: &mut Vec<Letter>) {
        for ((id, item), fate) in self.items.into_iter().zip(fates) {
            match fate {
                Fate::Appended => metrics.appended += 1,
                Fate::Present => metrics.present += 1,
                Fate::Rejected { reason } => letters.push(letter(id, ItemKey::of(&item), item, &reason)),
            }
        }
    }
}

/// The reason may quote the event, so it is in the failure queue and not in the log.
fn letter(record_id: String, key: ItemKey, item: Value, reason: &str) -> Letter {
    let ItemKey { request_id, event_key } = key;
    tracing::warn!(record_id, request_id, event_key, "can never be relayed: goes to the failure queue");
    Letter { reason: reason.to_owned(), request_id, event_key, item, record_id }
}

fn rejected(letter: Letter) -> replay::Rejected {
    let Letter { request_id, event_key, reason, .. } = letter;
    replay::Rejected { request_id, event_key, reason }
}

/// In milliseconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
