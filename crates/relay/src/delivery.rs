//! A delivery: the events of one request into their stream, each once.
//!
//! 1. Read the stream backwards until every event is found or the start is reached.
//! 2. Append what is missing, in order, at the exact revision that was read.
//! 3. Read what lies there now. Begin again where it is not what was sent, or where the append had no answer or another.
//!
//! So a lost answer, a writer in between and a repetition are one case. Why an append's success is not believed: EventStoreDB
//! compares ids alone, and calls it success where another writer has just appended *different* events of the same
//! ids. Where a stream's metadata hide events from readers, and there alone, it has to be believed; and an event
//! that is hidden when it is delivered once more may be appended once more.

use std::time::Duration;

use tokio::time::sleep;

use crate::ledger::{Fate, Ledger};
use crate::outgoing::Outgoing;
use crate::store::{EventStore, StoreError, Stored};

/// How often a delivery may fail for now: a connection that died, secrets that changed, and one more.
const ATTEMPTS: u32 = 3;
/// Events of the first read; the next ones are larger.
const FIRST_PAGE: usize = 64;
const LARGEST_PAGE: usize = 1024;
/// The longest wait after an append that another writer forestalled.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A stream and how to append to it.
pub(crate) struct Delivery<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) stream: &'a str,
    /// The largest append that EventStoreDB is known to take.
    pub(crate) most_bytes: usize,
}

impl<S: EventStore> Delivery<'_, S> {
    /// Sees to it that each of the events, which differ in their keys, is in the stream once, in their order, or can never be.
    ///
    /// May be cancelled at any point and done again, and be done by others at the same time. It does not end by itself while
    /// other writers are always faster: the caller has a deadline.
    ///
    /// # Errors
    /// Access is denied, or EventStoreDB fails again and again.
    pub(crate) async fn run(&self, events: &[Outgoing]) -> Result<Vec<Fate>, StoreError> {
        let mut ledger = Ledger::new(events);
        let (mut hidden, mut failures, mut forestalled) = (None, 0, 0);
        loop {
            match self.round(&mut ledger, hidden).await {
                Ok(()) => {}
                Err(error @ StoreError::StreamDeleted) => ledger.reject_all(&error.to_string()),
                Err(StoreError::WrongExpectedVersion { current }) => {
                    hidden = current;
                    pause(forestalled).await;
                    forestalled += 1;
                }
                Err(error @ StoreError::Denied { .. }) => return Err(error),
                Err(
                    error @ (StoreError::Unacceptable { .. }
                    | StoreError::Away { .. }
                    | StoreError::Failed { .. }),
                ) => {
                    failures += 1;
                    if failures == ATTEMPTS {
                        return Err(error);
                    }
                }
            }
            if ledger.missing() == 0 {
                return ledger.into_fates().ok_or_else(|| StoreError::Failed {
                    reason: "the delivery lost count of its events".to_owned(),
                });
            }
        }
    }

    /// Reads, and appends what is missing. `hidden`: the stream's last revision as EventStoreDB told it, for where none is
    /// shown.
    async fn round(&self, ledger: &mut Ledger<'_>, hidden: Option<u64>) -> Result<(), StoreError> {
        self.read(ledger).await?;
        let mut behind = ledger.last_revision().or(hidden);
        let mut most_events = usize::MAX;
        while let Some(chunk) = ledger.next_chunk(self.most_bytes, most_events) {
            let (sent, events) = ledger.send(chunk);
            match (self.store.append(self.stream, behind, events).await, sent.places.as_slice()) {
                (Ok(()), places) => {
                    let first = behind.map_or(0, |revision| revision + 1);
                    let last = first + places.len() as u64 - 1;
                    let stored = self.page(Some(last), places.len()).await?;
                    if !ledger.confirm(&sent, first, &stored) {
                        return Ok(());
                    }
                    behind = Some(last);
                    most_events = most_events.saturating_mul(2);
                }
                (Err(error @ StoreError::Unacceptable { .. }), [place]) => {
                    ledger.reject(*place, error.to_string())
                }
                // One of them is at fault, or they are too many: nothing was written.
                (Err(StoreError::Unacceptable { .. }), places) => most_events = places.len() / 2,
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read(&self, ledger: &mut Ledger<'_>) -> Result<(), StoreError> {
        ledger.begin_read();
        let (mut from, mut page) = (None, FIRST_PAGE);
        while ledger.missing() > 0 {
            let events = self.page(from, page).await?;
            events.iter().for_each(|event| ledger.found(event));
            from = events.last().and_then(|event| event.revision.checked_sub(1));
            if events.len() < page || from.is_none() {
                break;
            }
            page = LARGEST_PAGE.min(page * 4);
        }
        Ok(())
    }

    /// No event is at fault where a read is refused.
    async fn page(&self, from: Option<u64>, count: usize) -> Result<Vec<Stored>, StoreError> {
        let read = self.store.read_backwards(self.stream, from, count).await;
        read.map_err(|error| match error {
            StoreError::Unacceptable { reason } => StoreError::Failed { reason },
            error => error,
        })
    }
}

/// None the first time: most often the other writer is done.
async fn pause(forestalled: u32) {
    if forestalled > 0 {
        sleep(LONGEST_PAUSE.min(Duration::from_millis(10) * forestalled)).await;
    }
}
