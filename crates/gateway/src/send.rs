//! Sends the backlog to the queue, batch by batch, until the queue has it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::StreamExt;
use tokio::time::sleep;

use crate::Settings;
use crate::backlog::{Backlog, Batch, Load};
use crate::seldom::Seldom;
use crate::spool::Place;

/// The way to the queue.
pub(crate) struct Sender {
    client: Client,
    queue_url: String,
    backlog: Arc<Backlog>,
    backoff: ExponentialBuilder,
    max_in_flight: usize,
    outage: Seldom,
}

impl Sender {
    pub(crate) fn new(settings: &Settings, client: &Client, backlog: Arc<Backlog>) -> Self {
        let config = client.config().to_builder();
        // Only what was not accepted is sent again, and that for as long as it takes: both are beyond the SDK's retries.
        let config = config.retry_config(RetryConfig::disabled());
        let timeouts = TimeoutConfig::builder().operation_timeout(settings.call_timeout).build();
        Self {
            client: Client::from_conf(config.timeout_config(timeouts).build()),
            queue_url: settings.queue_url.clone(),
            backlog,
            backoff: ExponentialBuilder::new()
                .with_min_delay(settings.min_backoff)
                .with_max_delay(settings.max_backoff)
                .with_jitter()
                .without_max_times(),
            max_in_flight: settings.max_in_flight.max(1),
            outage: Seldom::default(),
        }
    }

    /// Sends until the backlog is closed and empty.
    pub(crate) async fn run(self) {
        // Shared and not borrowed: rustc does not see that a stream of borrowing futures may go to another thread.
        let this = Arc::new(self);
        let batches = futures::stream::unfold(Arc::clone(&this), |this| async move {
            let batch = this.backlog.next().await?;
            Some((batch, this))
        });
        let deliver = |batch| {
            let this = Arc::clone(&this);
            async move { this.deliver(batch).await }
        };
        let sent = batches.map(deliver).buffer_unordered(this.max_in_flight);
        sent.for_each(|place| this.backlog.settle(place)).await;
    }

    /// Returns when each message of the batch was accepted or rejected.
    async fn deliver(&self, batch: Batch) -> Option<Place> {
        let mut pauses = self.backoff.build();
        let mut calls = vec![batch.messages];
        while let Some(messages) = calls.pop() {
            let again = match self.call(&messages).await {
                Ok(answer) => self.sort(messages, &answer),
                Err(Failed::Refused(_)) if messages.len() > 1 => {
                    calls.extend(messages.into_iter().rev().map(|message| vec![message]));
                    continue;
                }
                Err(Failed::Refused(reason)) => {
                    messages.iter().for_each(|message| self.reject(message, &reason));
                    continue;
                }
                Err(Failed::Away(reason)) => {
                    self.report_outage(&reason);
                    messages
                }
            };
            if again.is_empty() {
                pauses = self.backoff.build();
                continue;
            }
            sleep(pauses.next().unwrap_or(Duration::from_secs(1))).await;
            self.backlog.counters.retried.add(again.len() as u64);
            calls.push(again);
        }
        batch.place
    }

    async fn call(&self, messages: &[String]) -> Result<SendMessageBatchOutput, Failed> {
        let entries = messages.iter().enumerate().map(|(index, message)| {
            SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(message).build()
        });
        let entries: Vec<_> =
            entries.collect::<Result<_, _>>().map_err(|error| Failed::Away(error.to_string()))?;
        let call = self.client.send_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        call.send().await.map_err(|error| Failed::of(&error))
    }

    /// Releases what was accepted, rejects what never will be, and returns the rest.
    fn sort(&self, messages: Vec<String>, answer: &SendMessageBatchOutput) -> Vec<String> {
        let mut sent = Load::default();
        let mut again = Vec::new();
        let mut untaken = None;
        for (index, message) in messages.into_iter().enumerate() {
            let id = index.to_string();
            if answer.successful().iter().any(|entry| entry.id() == id) {
                sent += Load::of(&message);
                continue;
            }
            match answer.failed().iter().find(|entry| entry.id() == id) {
                Some(entry) => {
                    let reason = format!("{}: {}", entry.code(), entry.message().unwrap_or("no message"));
                    if entry.sender_fault() && !may_pass(entry.code()) {
                        self.reject(&message, &reason);
                    } else {
                        again.push(message);
                        untaken = Some(reason);
                    }
                }
                // What the answer does not name may be in the queue or not.
                None => again.push(message),
            }
        }
        match untaken {
            Some(reason) => self.report_outage(&reason),
            None if sent.events > 0 && self.outage.reset() => {
                tracing::info!(queue = self.queue_url, "the queue takes events again");
            }
            None => {}
        }
        self.backlog.counters.sent.add(sent.events);
        self.backlog.release(sent);
        again
    }

    fn reject(&self, message: &str, reason: &str) {
        let bytes = message.len();
        tracing::error!(reason, bytes, "the queue will never take an event, which was set aside");
        self.backlog.reject(message, reason);
    }

    fn report_outage(&self, reason: &str) {
        if self.outage.is_due() {
            let backlog = self.backlog.levels().held;
            tracing::warn!(
                reason,
                queue = self.queue_url,
                backlog_events = backlog.events,
                "the queue takes no events; they wait, and are tried again"
            );
        }
    }
}

/// A call that failed as a whole.
enum Failed {
    /// For what a message is.
    Refused(String),
    /// For anything else: it may succeed another time.
    Away(String),
}

impl Failed {
    fn of(error: &SdkError<SendMessageBatchError>) -> Self {
        let reason = DisplayErrorContext(error).to_string();
        let too_large = error.raw_response().is_some_and(|response| response.status().as_u16() == 413);
        if too_large || error.code().is_some_and(is_of_the_message) {
            Self::Refused(reason)
        } else {
            Self::Away(reason)
        }
    }
}

/// Whether a message that is refused with that code may be taken another time, though SQS calls it the sender's fault: it does
/// so of throttling, and of a key or a permission that somebody may mend. The queue has none of these for what a message is.
fn may_pass(code: &str) -> bool {
    ["Throttl", "KMS", "Kms", "AccessDenied", "OverLimit"].iter().any(|part| code.contains(part))
}

/// The codes by which SQS refuses a call for its messages ("SendMessageBatch" and "SendMessage", Amazon SQS API Reference); the
/// query protocol has some with a prefix. Others, such as for a queue that is not there, say nothing of a message: it waits.
fn is_of_the_message(code: &str) -> bool {
    matches!(code.rsplit('.').next(), Some("BatchRequestTooLong" | "InvalidMessageContents"))
}
