//! A record of the batch: the pure part of the handler.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aws_lambda_events::event::sqs::{SqsMessage, SqsMessageAttribute};
use event::dead_letter::{Attribute, DeadLetter, Message, Value};
use event::{Event, Rejection};

/// A message as ingest received it.
#[derive(Debug)]
pub struct Record {
    /// The id by which the batch response names it. Never empty.
    pub message_id: String,
    /// How often it has been received, this time included; 1 where SQS does not say.
    pub receive_count: u32,
    /// When it was sent to the queue, in milliseconds since 1970 (UTC).
    pub sent_at: Option<u64>,
    /// What the producer sent. A dead letter that was moved back has been unwrapped.
    pub original: Message,
}

/// Why a record can never be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// A stable name in kebab-case, without anything of the event.
    pub code: &'static str,
    /// For people. May quote the event.
    pub reason: String,
}

/// A record without a message id. A batch response cannot name it (SQS takes an empty item identifier for a failure of
/// the whole batch), so the invocation must fail as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {index} of the batch has no messageId: the whole batch is refused and will come again")]
pub struct MissingMessageId {
    /// Its place in the batch, from 0.
    pub index: usize,
}

impl Record {
    /// Takes over the message at `index` of the batch.
    ///
    /// # Errors
    /// [`MissingMessageId`].
    pub fn new(index: usize, message: SqsMessage) -> Result<Self, MissingMessageId> {
        let message_id = message.message_id.filter(|id| !id.is_empty()).ok_or(MissingMessageId { index })?;
        let number = |name: &str| message.attributes.get(name)?.parse::<u64>().ok();
        let receive_count = number("ApproximateReceiveCount").unwrap_or(1);
        let attributes = message.message_attributes.into_iter().filter_map(attribute).collect();
        let received = Message { body: message.body.unwrap_or_default(), attributes };
        Ok(Self {
            message_id,
            receive_count: u32::try_from(receive_count).unwrap_or(u32::MAX),
            sent_at: number("SentTimestamp"),
            original: unwrap_dead_letter(received),
        })
    }

    /// Its event, or why it can never be stored. A panic of `parse` is such a reason: the same body would panic again.
    pub fn event(&self, parse: impl Fn(&str) -> Result<Event, Rejection>) -> Result<Event, Poison> {
        match catch_unwind(AssertUnwindSafe(|| parse(&self.original.body))) {
            Ok(parsed) => parsed.map_err(|rejection| Poison {
                code: rejection.problem.code(),
                reason: rejection.to_string(),
            }),
            Err(panic) => Err(Poison {
                code: "panic",
                reason: format!("ingest panicked on it, which is a fault of ingest: {}", message_of(&*panic)),
            }),
        }
    }
}

/// A redrive on AWS moves a dead letter back as it lies there: what counts is the original in it. A damaged one is kept
/// as it is, and is rejected for what its body is.
fn unwrap_dead_letter(received: Message) -> Message {
    match catch_unwind(|| DeadLetter::from_message(&received)) {
        Ok(Ok(Some(letter))) => letter.original,
        _ => received,
    }
}

fn attribute((name, attribute): (String, SqsMessageAttribute)) -> Option<(String, Attribute)> {
    let value = match (attribute.binary_value, attribute.string_value) {
        (Some(bytes), _) => Value::BinaryValue(bytes.0),
        (None, Some(text)) => Value::StringValue(text),
        // SQS knows no third kind, and refuses an attribute without a value.
        (None, None) => return None,
    };
    let data_type = attribute.data_type.unwrap_or_else(|| match value {
        Value::StringValue(_) => "String".to_owned(),
        Value::BinaryValue(_) => "Binary".to_owned(),
    });
    Some((name, Attribute { data_type, value }))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
