//! The handler: what becomes of each record of a batch.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use event::dead_letter::{Cause, DeadLetter};
use event::{Event, Rejection};
use function::logging::with_causes;
use function::{DeadLetterQueue, Deadline};
use journal::{Journal, Outcome};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{Metrics, MissingMessageId, Poison, Record};

/// Ingests batches of SQS messages.
#[derive(Debug)]
pub struct Ingest {
    journal: Journal,
    dead_letters: DeadLetterQueue,
    max_receive_count: u32,
    parse: fn(&str) -> Result<Event, Rejection>,
}

/// What an invocation did.
#[derive(Debug, PartialEq)]
pub struct Report {
    /// The answer to Lambda: the records that are to come again.
    pub response: SqsBatchResponse,
    /// What became of the records.
    pub metrics: Metrics,
}

/// What the journal, or the check before it, says of a record.
#[derive(Debug)]
enum Fate {
    Stored {
        /// The event's timestamp.
        at: OffsetDateTime,
        /// The place in the batch of a record with the same event id and other content.
        conflicts_with: Option<usize>,
    },
    Folded,
    Rejected(Poison),
    Failed {
        error: String,
    },
}

impl Ingest {
    /// A handler. `max_receive_count` is that of the queue's redrive policy: a record that fails on that receive is moved
    /// here, since SQS would move it without a reason.
    pub fn new(journal: Journal, dead_letters: DeadLetterQueue, max_receive_count: u32) -> Self {
        Self { journal, dead_letters, max_receive_count, parse: |body| Event::from_json(body) }
    }

    /// Stores the events of `batch`, moves what cannot be stored to the dead-letter queue and names what is to come again.
    ///
    /// Each record has an outcome of its own, whatever befalls the others, and none is lost: what is neither stored nor
    /// known to be in the dead-letter queue is named in the response. Returns by `deadline.answer_by`.
    ///
    /// # Errors
    /// [`MissingMessageId`], before anything is stored or sent.
    pub async fn handle(&self, batch: SqsEvent, deadline: Deadline) -> Result<Report, MissingMessageId> {
        let records =
            batch.records.into_iter().enumerate().map(|(index, message)| Record::new(index, message));
        let mut records: Vec<Record> = records.collect::<Result<_, _>>()?;
        let fates = self.append(&records, deadline.append_by).await;

        let mut places = Vec::new();
        let mut letters = Vec::new();
        for (place, (record, fate)) in records.iter_mut().zip(&fates).enumerate() {
            if let Some(letter) = self.dead_letter(record, fate) {
                places.push(place);
                letters.push(letter);
            }
        }
        let answers =
            self.dead_letters.send(letters.iter().map(DeadLetter::to_message), deadline.answer_by).await;
        let mut moved: Vec<Option<Result<(), String>>> = vec![None; records.len()];
        for (place, answer) in places.into_iter().zip(answers) {
            moved[place] = Some(answer);
        }

        let mut report = Report::new(records.len());
        for ((record, fate), moved) in records.into_iter().zip(fates).zip(moved) {
            report.add(record, fate, moved);
        }
        Ok(report)
    }

    /// Appends every record that is an event, in one call.
    async fn append(&self, records: &[Record], deadline: Instant) -> Vec<Fate> {
        let mut fates = Vec::with_capacity(records.len());
        let mut places = Vec::with_capacity(records.len());
        let mut events = Vec::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            match record.event(self.parse) {
                Ok(event) => {
                    places.push(place);
                    events.push(event);
                    fates.push(Fate::Failed { error: "the journal gave no outcome".to_owned() });
                }
                Err(poison) => fates.push(Fate::Rejected(poison)),
            }
        }
        let outcomes = self.journal.append(&events, deadline).await;
        for ((event, outcome), &place) in events.iter().zip(outcomes).zip(&places) {
            fates[place] = Fate::of(event, outcome, &places);
        }
        fates
    }

    /// The dead letter of a record that ends here. Takes the original out of it.
    fn dead_letter(&self, record: &mut Record, fate: &Fate) -> Option<DeadLetter> {
        let (cause, reason) = match fate {
            Fate::Rejected(poison) => (Cause::Rejected, &poison.reason),
            Fate::Failed { error } if record.receive_count >= self.max_receive_count => {
                (Cause::Exhausted, error)
            }
            Fate::Stored { .. } | Fate::Folded | Fate::Failed { .. } => return None,
        };
        let original = std::mem::take(&mut record.original);
        Some(DeadLetter::new(cause, reason, &record.message_id, record.sent_at, original))
    }
}

impl Fate {
    /// The fate of an appended event. `places` says where in the batch each event of the append is.
    fn of(event: &Event, outcome: Outcome, places: &[usize]) -> Self {
        match outcome {
            Outcome::Stored { conflicts_with } => Self::Stored {
                at: event.timestamp().instant(),
                conflicts_with: conflicts_with.and_then(|index| places.get(index).copied()),
            },
            Outcome::Folded { .. } => Self::Folded,
            Outcome::Rejected { reason } => {
                Self::Rejected(Poison { code: reason.code(), reason: reason.to_string() })
            }
            Outcome::Retry { error } => Self::Failed { error: with_causes(&*error) },
        }
    }
}

impl Report {
    fn new(received: usize) -> Self {
        Self { response: SqsBatchResponse::default(), metrics: Metrics { received, ..Metrics::default() } }
    }

    /// Counts a record, and has it come again where it is neither stored nor moved.
    fn add(&mut self, record: Record, fate: Fate, moved: Option<Result<(), String>>) {
        let metrics = &mut self.metrics;
        let Record { message_id, receive_count, .. } = record;
        match (fate, moved) {
            (Fate::Stored { at, conflicts_with }, _) => {
                if let Some(other) = conflicts_with {
                    tracing::warn!(
                        message_id,
                        other,
                        "has the event id of another record of its batch and other content: both are stored"
                    );
                    metrics.conflicts += 1;
                }
                metrics.stored += 1;
                metrics.latencies.push((OffsetDateTime::now_utc() - at).as_seconds_f64().max(0.0) * 1e3);
            }
            (Fate::Folded, _) => metrics.folded += 1,
            // The reason may quote the event, so it is in the dead-letter queue and not here.
            (Fate::Rejected(poison), Some(Ok(()))) => {
                tracing::warn!(
                    message_id,
                    code = poison.code,
                    "can never be stored: moved to the dead-letter queue"
                );
                metrics.rejected += 1;
            }
            (Fate::Failed { error }, Some(Ok(()))) => {
                tracing::error!(
                    message_id,
                    receive_count,
                    error,
                    "failed on its last receive: moved to the dead-letter queue"
                );
                metrics.moved += 1;
            }
            (_, Some(Err(error))) => {
                tracing::error!(
                    message_id,
                    receive_count,
                    error,
                    "cannot be moved to the dead-letter queue: comes again"
                );
                self.retry(message_id);
            }
            (Fate::Failed { error }, None) => {
                tracing::warn!(message_id, receive_count, error, "failed for now: comes again");
                self.retry(message_id);
            }
            (Fate::Rejected(_), None) => self.retry(message_id),
        }
    }

    fn retry(&mut self, message_id: String) {
        self.metrics.retried += 1;
        self.response.add_failure(message_id);
    }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
