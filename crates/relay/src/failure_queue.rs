//! Sends what can never be appended to the failure queue, whole and with its reason.

use std::collections::HashSet;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use event::dead_letter::{Attribute, Batches, Cause, DeadLetter, MAX_BATCH_MESSAGES, Message, Value};
use futures::StreamExt;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::logging::with_causes;

/// Calls under way at once.
const CONCURRENCY: usize = 8;

/// The queue for what can never be appended.
#[derive(Debug, Clone)]
pub struct FailureQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// What the body of a message in the failure queue says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Why it can never be appended, for people.
    pub reason: String,
    /// The item's `RequestId`, or `(none)`.
    pub request_id: String,
    /// The item's `EventKey`, or `(none)`.
    pub event_key: String,
    /// The item in DynamoDB's JSON, or the record, as it came.
    pub item: serde_json::Value,
    /// The `eventID` of the stream's record, or `replay`.
    #[serde(skip)]
    pub record_id: String,
}

impl Letter {
    /// The message to send: a [dead letter](DeadLetter), so that one that would be larger than SQS takes is compressed.
    fn to_message(&self) -> Message {
        // Text, lists and maps with text keys can always be written.
        let json = serde_json::to_string(self).unwrap_or_default();
        let original = Message { body: escaped(json), attributes: Default::default() };
        DeadLetter::new(Cause::Rejected, &self.reason, &self.record_id, None, original).to_message()
    }
}

/// SQS takes the characters of XML 1.0. JSON's writer escapes the control characters; it leaves two that XML has not, which can
/// stand in texts only.
fn escaped(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        return json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    }
    json
}

impl FailureQueue {
    /// The queue at `url`. No call is made.
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends all. The error is the first of them; the others may have been sent, and will be there twice.
    ///
    /// Returns by `deadline`.
    pub async fn send(&self, letters: &[Letter], deadline: Instant) -> Result<(), String> {
        let batches = Batches::new(letters.iter().map(Letter::to_message), MAX_BATCH_MESSAGES);
        let calls = batches.map(|messages| self.send_batch(messages, deadline));
        let answers: Vec<_> = futures::stream::iter(calls).buffer_unordered(CONCURRENCY).collect().await;
        answers.into_iter().collect()
    }

    /// One call; and where it is refused as a whole, one for each message.
    async fn send_batch(&self, messages: Vec<Message>, deadline: Instant) -> Result<(), String> {
        match self.call(&messages, deadline).await {
            Ok(()) => Ok(()),
            Err(Failed::Refused(_)) if messages.len() > 1 => {
                let each = messages.iter().map(|message| self.call(std::slice::from_ref(message), deadline));
                let mut answers = futures::future::join_all(each).await.into_iter();
                answers.try_for_each(|answer| answer.map_err(Failed::into_text))
            }
            Err(failed) => Err(failed.into_text()),
        }
    }

    async fn call(&self, messages: &[Message], deadline: Instant) -> Result<(), Failed> {
        let entries = messages.iter().enumerate().map(|(index, message)| entry(index, message));
        let entries: Vec<_> =
            entries.collect::<Result<_, _>>().map_err(|error| Failed::Refused(error.to_string()))?;
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = match timeout_at(deadline, request.send()).await {
            Err(_) => return Err(Failed::Unknown("no answer from the failure queue in time".to_owned())),
            Ok(Err(error)) => {
                let text = with_causes(&error);
                return Err(if is_refusal(&error) { Failed::Refused(text) } else { Failed::Unknown(text) });
            }
            Ok(Ok(answer)) => answer,
        };
        let sent: HashSet<&str> = answer.successful().iter().map(|entry| entry.id()).collect();
        let Some(lost) =
            (0..messages.len()).map(|index| index.to_string()).find(|id| !sent.contains(id.as_str()))
        else {
            return Ok(());
        };
        let failure = answer.failed().iter().find(|failure| failure.id() == lost);
        Err(Failed::Unknown(failure.map_or_else(
            || "the failure queue did not say what became of a message".to_owned(),
            |failure| format!("{}: {}", failure.code(), failure.message().unwrap_or("no message")),
        )))
    }
}

/// A call that failed.
enum Failed {
    /// SQS (or the SDK) refused it: none was sent.
    Refused(String),
    /// Some may have been sent.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_holds_the_whole_item_and_only_characters_that_sqs_takes() {
        let item = json!({ "Id": { "S": "\u{fffe}\u{1}\u{ffff}" } });
        let letter = Letter {
            reason: "gone".to_owned(),
            request_id: "r".to_owned(),
            event_key: "k".to_owned(),
            item: item.clone(),
            record_id: "e1".to_owned(),
        };
        let message = letter.to_message();
        assert!(!message.body.contains(['\u{fffe}', '\u{ffff}', '\u{1}']), "{}", message.body);
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(body, json!({ "reason": "gone", "requestId": "r", "eventKey": "k", "item": item }));
        assert_eq!(message.attributes["HeadwaterReason"], Attribute::string("gone"));
        assert_eq!(message.attributes["HeadwaterMessageId"], Attribute::string("e1"));
    }
}
