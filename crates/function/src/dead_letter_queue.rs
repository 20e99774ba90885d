//! Sends what can never be done to the queue for it.

use std::collections::HashSet;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use event::dead_letter::{Attribute, Batches, MAX_BATCH_MESSAGES, Message, Value};
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::logging::with_causes;

/// Calls under way at once.
const CONCURRENCY: usize = 8;

/// A queue for what can never be done.
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
    /// Returns by `deadline`. A message whose answer was lost may be in the queue all the same: it will be there twice.
    /// One message that SQS refuses does not hold back the others.
    pub async fn send(
        &self,
        messages: impl IntoIterator<Item = Message>,
        deadline: Instant,
    ) -> Vec<Result<(), String>> {
        let batches = Batches::new(messages, MAX_BATCH_MESSAGES);
        let calls = batches.map(|messages| self.send_batch(messages, deadline));
        // `buffered` keeps the order, so that the answers meet their messages.
        let answers: Vec<_> = futures::stream::iter(calls).buffered(CONCURRENCY).collect().await;
        answers.into_iter().flatten().collect()
    }

    /// One call; and where it is refused as a whole, one for each message.
    async fn send_batch(&self, messages: Vec<Message>, deadline: Instant) -> Vec<Result<(), String>> {
        match self.call(&messages, deadline).await {
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
