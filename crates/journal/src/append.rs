//! Append: a batch of events into the table, each with its own outcome.

mod plan;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;

use event::Event;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::{AppendError, Journal};
use plan::Plan;
use write::{Write, Written};

/// Calls in flight for one append. DynamoDB answers one in some 10 ms, so eight keep a core busy.
const PARALLEL_CALLS: usize = 8;

/// What became of one event of an append.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is in the journal: written now, or already there with the same content.
    Stored {
        /// The position of the first event in this append that has the same id and other content, if there is one. Both are
        /// stored.
        conflicts_with: Option<usize>,
    },
    /// It is the same event as the one at position `into`, which is stored.
    Folded {
        /// The position of the one that was written.
        into: usize,
    },
    /// It is not known to be stored; appending it again is safe and may succeed.
    Retry {
        /// What stood in the way, shared by the events of one call.
        error: Arc<AppendError>,
    },
    /// It can never be stored.
    Rejected {
        /// Why.
        reason: Refusal,
    },
}

/// Why a valid event can never be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As an item it is larger than DynamoDB takes.
    #[error(
        "the event takes {bytes} bytes as a DynamoDB item; at most {} (400 KB) fit. Put the payload elsewhere, for \
         example into S3, and send where it is",
        crate::size::ITEM_BYTES
    )]
    TooLarge {
        /// Its size as an item.
        bytes: usize,
    },
    /// DynamoDB refused it, alone in its call, for a reason not foreseen.
    #[error("DynamoDB refuses the event: {message} ({code})")]
    ByDynamoDb {
        /// DynamoDB's error code.
        code: String,
        /// DynamoDB's words.
        message: String,
    },
}

impl Refusal {
    /// A stable name for metrics and message attributes, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::ByDynamoDb { .. } => "refused-by-dynamodb",
        }
    }
}

impl Journal {
    /// Appends `events` and says what became of each, in their order.
    ///
    /// Duplicates are folded first. The rest goes out in BatchWriteItem calls of up to 25 items, several at once; what
    /// is throttled, unprocessed or unanswered is sent again with exponential backoff and jitter until `deadline`, and no
    /// call outlives it. A call that DynamoDB refuses for its content is halved until the refused event stands alone, so
    /// one event's trouble is never another's. When access or the table itself is at fault, every event of the call comes
    /// back as [`Outcome::Retry`] at once.
    ///
    /// Idempotent: an event that is stored already is written over by the same bytes. Safe to cancel and to run in parallel
    /// with any other append. Events of one append land in no particular order.
    pub async fn append(&self, events: &[Event], deadline: Instant) -> Vec<Outcome> {
        let mut plan = Plan::new(events, &self.table);
        let mut waiting: VecDeque<Vec<usize>> = plan.take_calls().into();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < PARALLEL_CALLS
                && let Some(positions) = waiting.pop_front()
            {
                running.push(Write { journal: self, events, deadline }.run(positions));
            }
            let Some(Written { settled, halves }) = running.next().await else { break };
            waiting.extend(halves);
            plan.settle(settled);
        }
        plan.outcomes()
    }
}
