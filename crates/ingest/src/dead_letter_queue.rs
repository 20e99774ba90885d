//! Sends dead letters to the dead-letter queue.

use std::collections::HashSet;
use std::ops::Range;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use event::dead_letter::{Attribute, DeadLetter, MAX_MESSAGE_BYTES, Message, Value};
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::logging::with_causes;

/// The most messages of one `SendMessageBatch` call.
const MAX_BATCH: usize = 10;
/// Calls under way at once.
const CONCURRENCY: usize = 8;

/// The dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeadLetterQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl DeadLetterQueue {
    /// The queue at `url`. No call is made.
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends all, and says of each whether the queue has it, or why that is not known.
    ///
    /// Returns by `deadline`. A letter whose answer was lost may be in the queue all the same: it will be there twice.
    /// One letter that SQS refuses does not hold back the others.
    pub async fn send(&self, letters: &[DeadLetter], deadline: Instant) -> Vec<Result<(), String>> {
        let messages: Vec<Message> = letters.iter().map(DeadLetter::to_message).collect();
        let calls = batches(&messages).into_iter().map(|range| self.send_batch(&messages[range], deadline));
        // `buffered` keeps the order, so that the answers meet their letters.
        let answers: Vec<_> = futures::stream::iter(calls).buffered(CONCURRENCY).collect().await;
        answers.into_iter().flatten().collect()
    }

    /// One call; and where it is refused as a whole, one for each message.
    async fn send_batch(&self, messages: &[Message], deadline: Instant) -> Vec<Result<(), String>> {
        match self.call(messages, deadline).await {
            Ok(answers) => answers,
            Err(Failed::Refused(_)) if messages.len() > 1 => {
                let each = messages.iter().map(|message| self.call(std::slice::from_ref(message), deadline));
                let answers = futures::future::join_all(each).await.into_iter();
                answers
                    .flat_map(|answer| answer.unwrap_or_else(|failed| vec![Err(failed.into_text())]))
                    .collect()
            }
            Err(failed) => vec![Err(failed.into_text()); messages.len()],
        }
    }

    async fn call(&self, messages: &[Message], deadline: Instant) -> Result<Vec<Result<(), String>>, Failed> {
        let entries = messages.iter().enumerate().map(|(index, message)| entry(index, message));
        let entries: Vec<_> =
            entries.collect::<Result<_, _>>().map_err(|error| Failed::Refused(error.to_string()))?;
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = match timeout_at(deadline, request.send()).await {
            Err(_) => return Err(Failed::Unknown("no answer from the dead-letter queue in time".to_owned())),
            Ok(Err(error)) => {
                let text = with_causes(&error);
                return Err(if is_refusal(&error) { Failed::Refused(text) } else { Failed::Unknown(text) });
            }
            Ok(Ok(answer)) => answer,
        };
        let sent: HashSet<&str> = answer.successful().iter().map(|entry| entry.id()).collect();
        let of_one = |index: usize| {
            let id = index.to_string();
            if sent.contains(id.as_str()) {
                return Ok(());
            }
            let failure = answer.failed().iter().find(|failure| failure.id() == id);
            Err(failure.map_or_else(
                || "the dead-letter queue did not say what became of it".to_owned(),
                |failure| format!("{}: {}", failure.code(), failure.message().unwrap_or("no message")),
            ))
        };
        Ok((0..messages.len()).map(of_one).collect())
    }
}

/// A call that failed as a whole.
enum Failed {
    /// SQS (or the SDK) refused it: none was sent.
    Refused(String),
    /// There was no answer: some may have been sent.
    Unknown(String),
}

impl Failed {
    fn into_text(self) -> String {
        let (Self::Refused(text) | Self::Unknown(text)) = self;
        text
    }
}

/// Whether SQS holds the call itself to be at fault, so that another with fewer messages may pass. Throttling, which SQS
/// answers with a 4xx too, says nothing of the messages.
fn is_refusal(error: &SdkError<SendMessageBatchError>) -> bool {
    let client_fault = error.raw_response().is_some_and(|response| response.status().is_client_error());
    client_fault && !error.code().is_some_and(|code| code.contains("Throttl"))
}

/// Cuts messages into calls of at most 10 messages and 1 MiB together, in order.
fn batches(messages: &[Message]) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, message) in messages.iter().enumerate() {
        let size = message.size();
        match batches.last_mut() {
            Some(last) if last.len() < MAX_BATCH && bytes + size <= MAX_MESSAGE_BYTES => {
                last.end += 1;
                bytes += size;
            }
            _ => {
                batches.push(index..index + 1);
                bytes = size;
            }
        }
    }
    batches
}

fn entry(
    index: usize,
    message: &Message,
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(&message.body);
    for (name, attribute) in &message.attributes {
        entry = entry.message_attributes(name, value(attribute)?);
    }
    entry.build()
}

fn value(attribute: &Attribute) -> Result<MessageAttributeValue, aws_sdk_sqs::error::BuildError> {
    let value = MessageAttributeValue::builder().data_type(&attribute.data_type);
    match &attribute.value {
        Value::StringValue(text) => value.string_value(text),
        Value::BinaryValue(bytes) => value.binary_value(Blob::new(bytes.clone())),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(bytes: usize) -> Message {
        Message { body: "x".repeat(bytes), ..Message::default() }
    }

    #[test]
    fn calls_hold_at_most_ten_messages() {
        let messages: Vec<Message> = (0..23).map(|_| of_size(1)).collect();
        assert_eq!(batches(&messages), [0..10, 10..20, 20..23]);
    }

    #[test]
    fn calls_hold_at_most_one_mebibyte() {
        let half = MAX_MESSAGE_BYTES / 2;
        let messages = [of_size(half), of_size(half), of_size(1), of_size(MAX_MESSAGE_BYTES), of_size(1)];
        assert_eq!(batches(&messages), [0..2, 2..3, 3..4, 4..5]);
    }

    #[test]
    fn nothing_to_send_needs_no_call() {
        assert!(batches(&[]).is_empty());
    }
}
