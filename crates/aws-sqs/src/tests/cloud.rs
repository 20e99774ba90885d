//! SQS with one queue, as a script: it keeps what it is told, and fails where the test says so.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Map, Value, json};

use super::NAME;

#[derive(Default)]
pub(crate) struct Sqs {
    /// The queue's attributes; `None` where there is no queue.
    pub(crate) attributes: Option<Map<String, Value>>,
    pub(crate) tags: Map<String, Value>,
    /// Operation and reply: the first of an operation is given in place of the next answer to it.
    pub(crate) faults: Vec<(&'static str, Reply)>,
}

pub(crate) fn url() -> String {
    format!("https://sqs.eu-west-1.amazonaws.com/111111111111/{NAME}")
}

pub(crate) fn not_there() -> Reply {
    Reply::error(400, "QueueDoesNotExist", "The specified queue does not exist.")
}

impl Sqs {
    /// A queue with SQS's defaults and these tags.
    pub(crate) fn with_queue(tags: impl IntoIterator<Item = (String, String)>) -> Self {
        let tags = tags.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self { attributes: Some(defaults()), tags, faults: Vec::new() }
    }

    pub(crate) fn failing(self, faults: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        Self { faults: faults.into_iter().collect(), ..self }
    }

    pub(crate) fn script(self) -> (Script, Arc<Mutex<Self>>) {
        let state = Arc::new(Mutex::new(self));
        let script = Script::new({
            let state = Arc::clone(&state);
            move |request| state.lock().unwrap().answer(request)
        });
        (script, state)
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let operation = request.operation.as_str();
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(at).1;
        }
        let body = request.json();
        let sent = |member: &str| body[member].as_object().cloned().unwrap_or_default();
        match (operation, &mut self.attributes) {
            ("CreateQueue", attributes) => {
                let mut made = defaults();
                made.extend(sent("Attributes"));
                *attributes = Some(made);
                self.tags = sent("tags");
                Reply::json(200, json!({"QueueUrl": url()}))
            }
            ("ListQueues", Some(_)) => Reply::json(200, json!({"QueueUrls": [url()]})),
            ("ListQueues", None) => Reply::json(200, json!({})),
            (_, None) => not_there(),
            ("GetQueueUrl", _) => Reply::json(200, json!({"QueueUrl": url()})),
            ("GetQueueAttributes", Some(attributes)) => Reply::json(200, json!({"Attributes": attributes})),
            ("ListQueueTags", _) => Reply::json(200, json!({"Tags": self.tags})),
            ("TagQueue", _) => {
                self.tags.extend(sent("Tags"));
                Reply::json(200, json!({}))
            }
            ("SetQueueAttributes", Some(attributes)) => {
                attributes.extend(sent("Attributes"));
                attributes.retain(|_, value| value != "");
                Reply::json(200, json!({}))
            }
            ("DeleteQueue", attributes) => {
                *attributes = None;
                Reply::json(200, json!({}))
            }
            _ => Reply::error(400, "UnsupportedOperation", operation),
        }
    }
}

fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "QueueArn": format!("arn:aws:sqs:eu-west-1:111111111111:{NAME}"),
        "CreatedTimestamp": "1700000000",
        "VisibilityTimeout": "30",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "SqsManagedSseEnabled": "true",
    });
    defaults.as_object().cloned().unwrap_or_default()
}
