//! A message of SQS: body and attributes, their size, and the batches that a call takes.

use std::collections::BTreeMap;
use std::iter::Peekable;

use serde::{Deserialize, Serialize};

/// The most attributes that SQS lets a message have.
const MAX_ATTRIBUTES: usize = 10;
/// The most bytes that SQS lets a message have, attributes included.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The most messages that one `SendMessageBatch` takes; together they may have [`MAX_MESSAGE_BYTES`].
pub const MAX_BATCH_MESSAGES: usize = 10;

/// What a producer gives SQS: a body and attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The body, 1 byte to 1 MiB.
    pub body: String,
    /// The message attributes by name, at most 10.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, with or without a label of the producer's (`Number.int`).
    pub data_type: String,
    /// The value.
    #[serde(flatten)]
    pub value: Value,
}

/// The value of a message attribute. Strings and numbers are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// A string, or a number in its digits.
    StringValue(String),
    /// Bytes. Base64 in JSON.
    BinaryValue(#[serde(with = "base64_text")] Vec<u8>),
}

impl Message {
    /// Bytes as SQS counts them: the body, and the name, type and value of each attribute.
    pub fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                Value::StringValue(text) => text.len(),
                Value::BinaryValue(bytes) => bytes.len(),
            };
            name.len() + attribute.data_type.len() + value
        });
        self.body.len() + attributes.sum::<usize>()
    }

    pub(super) fn fits(&self) -> bool {
        self.attributes.len() <= MAX_ATTRIBUTES && self.size() <= MAX_MESSAGE_BYTES
    }
}

impl Attribute {
    /// An attribute of type `String`.
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: Value::StringValue(value.into()) }
    }

    /// An attribute of type `Number`.
    pub fn number(value: u64) -> Self {
        Self { data_type: "Number".to_owned(), value: Value::StringValue(value.to_string()) }
    }

    /// An attribute of type `Binary`.
    pub fn binary(value: Vec<u8>) -> Self {
        Self { data_type: "Binary".to_owned(), value: Value::BinaryValue(value) }
    }
}

/// Messages in batches that one `SendMessageBatch` takes, in order. One that is too large for any is a batch of its own.
#[derive(Debug)]
pub struct Batches<I: Iterator<Item = Message>> {
    messages: Peekable<I>,
    most: usize,
}

impl<I: Iterator<Item = Message>> Batches<I> {
    /// Batches of at most `most` messages, [`MAX_BATCH_MESSAGES`] where that is less.
    pub fn new(messages: impl IntoIterator<IntoIter = I>, most: usize) -> Self {
        Self { messages: messages.into_iter().peekable(), most: most.min(MAX_BATCH_MESSAGES) }
    }
}

impl<I: Iterator<Item = Message>> Iterator for Batches<I> {
    type Item = Vec<Message>;

    fn next(&mut self) -> Option<Vec<Message>> {
        let mut batch = vec![self.messages.next()?];
        let mut bytes = batch[0].size();
        while batch.len() < self.most
            && let Some(next) = self.messages.next_if(|next| bytes + next.size() <= MAX_MESSAGE_BYTES)
        {
            bytes += next.size();
            batch.push(next);
        }
        Some(batch)
    }
}

mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(messages: impl IntoIterator<Item = usize>, most: usize) -> Vec<usize> {
        let message = |bytes| Message { body: "x".repeat(bytes), ..Message::default() };
        Batches::new(messages.into_iter().map(message).collect::<Vec<_>>(), most)
            .map(|batch| batch.len())
            .collect()
    }

    #[test]
    fn a_batch_is_full_at_ten_messages_or_fewer_where_that_is_asked() {
        assert_eq!(sizes([1; 23], MAX_BATCH_MESSAGES), [10, 10, 3]);
        assert_eq!(sizes([1; 23], 100), [10, 10, 3]);
        assert_eq!(sizes([1; 5], 2), [2, 2, 1]);
        assert!(sizes([], MAX_BATCH_MESSAGES).is_empty());
    }

    #[test]
    fn a_batch_is_full_at_one_mebibyte() {
        let half = MAX_MESSAGE_BYTES / 2;
        assert_eq!(sizes([half, half, 1, MAX_MESSAGE_BYTES, 1], MAX_BATCH_MESSAGES), [2, 1, 1, 1]);
        assert_eq!(sizes([2 * MAX_MESSAGE_BYTES, 1], MAX_BATCH_MESSAGES), [1, 1]);
    }
}
