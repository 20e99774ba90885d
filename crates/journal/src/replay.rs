//! What passes between `headwater replay` and the relay: items of the journal to relay again, and what became of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dynamodb_json;
use crate::item::Item;

/// The most bytes that Lambda takes as the payload of a synchronous invocation, and as its answer.
///
/// "Lambda quotas": 6 MB each for request and response.
pub const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// The payload of the invocation. As JSON at most [`MAX_PAYLOAD_BYTES`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What is to be relayed.
    pub replay: Items,
}

/// Items of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// Each in [DynamoDB's JSON](dynamodb_json). The events of one request are relayed in this order.
    pub items: Vec<Value>,
}

impl Request {
    /// A request to relay these.
    pub fn new<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        Self { replay: Items { items: items.into_iter().map(dynamodb_json::from_item).collect() } }
    }
}

/// The answer: each item of the request is counted once, or named as rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Appended to their streams by this invocation.
    pub appended: usize,
    /// In their streams already, or twice in the request.
    pub present: usize,
    /// Never to be appended. They are in the relay's failure queue, too.
    pub rejected: Vec<Rejected>,
}

/// An item that can never be appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// The item's `RequestId`, or `(none)`.
    pub request_id: String,
    /// The item's `EventKey`, or `(none)`.
    pub event_key: String,
    /// Why, for people. May quote the event.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_what_the_relay_and_the_command_agreed_upon() {
        let item = Item::from([(
            "RequestId".to_owned(),
            aws_sdk_dynamodb::types::AttributeValue::S("r".to_owned()),
        )]);
        let request = serde_json::to_string(&Request::new([&item])).unwrap();
        assert_eq!(request, r#"{"replay":{"items":[{"RequestId":{"S":"r"}}]}}"#);
        let report: Report = serde_json::from_str(
            r#"{"appended":1,"present":2,"rejected":[{"requestId":"r","eventKey":"k","reason":"gone"}]}"#,
        )
        .unwrap();
        assert_eq!((report.appended, report.present, &*report.rejected[0].request_id), (1, 2, "r"));
    }
}
