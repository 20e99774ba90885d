//! One BatchWriteItem call, again and again until its items are stored, refused or out of time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_write_item::{BatchWriteItemError, BatchWriteItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use backon::{BackoffBuilder, ExponentialBuilder};
use event::Event;
use tokio::time::{Instant, sleep, timeout};

use super::Refusal;
use super::plan::Fate;
use crate::error::{Verdict, verdict};
use crate::item::{self, Item};
use crate::{AppendError, Journal, schema};

/// A call that is silent for so long is given up and sent again. DynamoDB answers in milliseconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The backoff's first and longest wait; each gets up to as much again as jitter.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a call's items are written with.
#[derive(Clone, Copy)]
pub(super) struct Write<'a> {
    pub(super) journal: &'a Journal,
    pub(super) events: &'a [Event],
    pub(super) deadline: Instant,
}

/// What became of a call.
#[derive(Default)]
pub(super) struct Written {
    /// Positions whose fate is known.
    pub(super) settled: Vec<(usize, Fate)>,
    /// The rest, to be written by two calls because something in it is refused.
    pub(super) halves: Vec<Vec<usize>>,
}

/// How an attempt ended that did not store everything.
enum Setback {
    /// Try the positions that are left again.
    Again(AppendError),
    /// Trying again does not help.
    Stop(AppendError),
    /// DynamoDB refuses one of the items.
    Refused(Refusal),
}

impl Write<'_> {
    pub(super) async fn run(self, mut positions: Vec<usize>) -> Written {
        let mut written = Written::default();
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_jitter()
            .without_max_times()
            .build();
        for attempt in 1.. {
            let setback = match self.attempt(&mut positions, &mut written, attempt).await {
                None => return written,
                Some(setback) => setback,
            };
            match setback {
                Setback::Again(error) => {
                    let wait = waits.next().unwrap_or(LONGEST_WAIT);
                    if Instant::now() + wait >= self.deadline {
                        written.retry(positions, error);
                        return written;
                    }
                    tracing::debug!(attempt, items = positions.len(), %error, ?wait, "BatchWriteItem goes again");
                    sleep(wait).await;
                }
                Setback::Stop(error) => {
                    written.retry(positions, error);
                    return written;
                }
                Setback::Refused(reason) => {
                    written.refuse(positions, reason);
                    return written;
                }
            }
        }
        written
    }

    /// One call. Positions that it stored move from `positions` to `written`.
    async fn attempt(
        &self,
        positions: &mut Vec<usize>,
        written: &mut Written,
        attempt: usize,
    ) -> Option<Setback> {
        let table = &*self.journal.table;
        let requests = positions.iter().map(|&position| self.request(position)).collect::<Result<_, _>>();
        let requests: Vec<_> = match requests {
            Ok(requests) => requests,
            Err(error) => return Some(Setback::Stop(self.failed(SdkError::construction_failure(error)))),
        };
        let waited = CALL_TIMEOUT.min(self.deadline.saturating_duration_since(Instant::now()));
        if waited.is_zero() {
            return Some(Setback::Stop(AppendError::NoTime { table: table.to_owned() }));
        }
        let call = self.journal.writer.batch_write_item().request_items(table, requests).send();
        match timeout(waited, call).await {
            Err(_) => Some(Setback::Again(AppendError::NoAnswer { table: table.to_owned(), waited })),
            Ok(Err(error)) => Some(self.setback(error)),
            Ok(Ok(output)) => {
                self.keep_unprocessed(positions, written, output);
                let error = AppendError::Unprocessed { table: table.to_owned(), attempts: attempt };
                (!positions.is_empty()).then_some(Setback::Again(error))
            }
        }
    }

    /// The item is made anew for each attempt: cheaper than keeping copies for attempts that hardly ever come.
    fn request(&self, position: usize) -> Result<WriteRequest, aws_sdk_dynamodb::error::BuildError> {
        let item = item::from_event(&self.events[position], self.journal.index_shards);
        Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build()?).build())
    }

    fn keep_unprocessed(
        &self,
        positions: &mut Vec<usize>,
        written: &mut Written,
        output: BatchWriteItemOutput,
    ) {
        let unprocessed: Vec<_> =
            output.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
        let count = unprocessed.len();
        let keys: HashSet<String> = unprocessed.into_iter().filter_map(event_key).collect();
        let is_left = |&position: &usize| count > 0 && keys.contains(self.events[position].key().as_str());
        let (left, stored): (Vec<_>, Vec<_>) = positions.iter().partition(|position| is_left(position));
        if left.len() == count {
            *positions = left;
            written.settled.extend(stored.into_iter().map(|position| (position, Fate::Stored)));
        }
        // Otherwise an item came back that was not sent so: all go again, which costs a write and loses nothing.
    }

    fn setback(&self, error: SdkError<BatchWriteItemError>) -> Setback {
        match verdict(&error) {
            Verdict::Transient => Setback::Again(self.failed(error)),
            Verdict::Setup => Setback::Stop(self.failed(error)),
            Verdict::Items => Setback::Refused(Refusal::ByDynamoDb {
                code: error.code().unwrap_or("no code").to_owned(),
                message: error.message().unwrap_or("no message").to_owned(),
            }),
        }
    }

    fn failed(&self, source: SdkError<BatchWriteItemError>) -> AppendError {
        AppendError::Call { table: self.journal.table().to_owned(), source: Box::new(source) }
    }
}

impl Written {
    fn retry(&mut self, positions: Vec<usize>, error: AppendError) {
        let error = Arc::new(error);
        self.settled
            .extend(positions.into_iter().map(|position| (position, Fate::Retry(Arc::clone(&error)))));
    }

    /// A single item is the one refused; several are halved.
    fn refuse(&mut self, mut positions: Vec<usize>, reason: Refusal) {
        if positions.len() == 1 {
            self.settled
                .extend(positions.into_iter().map(|position| (position, Fate::Rejected(reason.clone()))));
        } else {
            let half = positions.split_off(positions.len() / 2);
            self.halves = vec![positions, half];
        }
    }
}

fn event_key(request: WriteRequest) -> Option<String> {
    let mut item: Item = request.put_request?.item;
    match item.remove(schema::EVENT_KEY) {
        Some(AttributeValue::S(key)) => Some(key),
        _ => None,
    }
}
