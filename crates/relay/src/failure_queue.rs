//! Sends what can never be appended to the failure queue, whole and with its reason.

use event::dead_letter::{Cause, DeadLetter, Message};
use function::DeadLetterQueue;
use serde::Serialize;
use tokio::time::Instant;

/// The queue for what can never be appended.
#[derive(Debug, Clone)]
pub struct FailureQueue(DeadLetterQueue);

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
        Self(DeadLetterQueue::new(client, url))
    }

    /// Sends all. The error is the first of them; the others may have been sent, and will be there twice.
    ///
    /// Returns by `deadline`.
    pub async fn send(&self, letters: &[Letter], deadline: Instant) -> Result<(), String> {
        let answers = self.0.send(letters.iter().map(Letter::to_message), deadline).await;
        answers.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use event::dead_letter::Attribute;
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
