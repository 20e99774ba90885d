//! A message in the dead-letter queue: the original as it was, why it is there, and how to get the original back.
//!
//! SQS allows a message 10 attributes and 1 MiB, names, types and values of attributes included
//! (SQS developer guide, "Message quotas"), so there are three forms:
//!
//! | form | when | body | attributes |
//! |---|---|---|---|
//! | plain | there is room | the original's, byte for byte | the original's and the facts |
//! | envelope | the facts do not fit beside the original | a sentence that says so | the facts and `HeadwaterOriginal` |
//! | bare | not even the envelope fits | the original's | the original's; the reason is in ingest's log only |
//!
//! The facts are `HeadwaterCause`, `HeadwaterReason`, `HeadwaterMessageId` and, where it is known, `HeadwaterSentAt`.
//! `HeadwaterOriginal` is the original body and attributes as JSON, compressed by zlib. Text always compresses (UTF-8
//! spends at most 7 of 8 bits), so only a message that is nearly 1 MiB of incompressible *binary attributes* is left bare.

mod message;

use std::collections::BTreeMap;

pub use message::{Attribute, Batches, MAX_BATCH_MESSAGES, MAX_MESSAGE_BYTES, Message, Value};

/// The longest reason that is kept, in bytes. A longer one ends in "…".
pub const MAX_REASON_BYTES: usize = 2048;
/// What an original may grow to as JSON: quotes double, binary values grow by a third.
const MAX_ORIGINAL_JSON_BYTES: usize = 4 * MAX_MESSAGE_BYTES;

const CAUSE: &str = "HeadwaterCause";
const REASON: &str = "HeadwaterReason";
const MESSAGE_ID: &str = "HeadwaterMessageId";
const SENT_AT: &str = "HeadwaterSentAt";
const ORIGINAL: &str = "HeadwaterOriginal";
const ENVELOPE_BODY: &str = "The original message left no room for its reason. Its body and attributes are in the \
     attribute HeadwaterOriginal, as JSON compressed by zlib; redrive puts them back.";

/// A message that was given up, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why it was given up, for machines.
    pub cause: Cause,
    /// Why it was given up, for people. At most [`MAX_REASON_BYTES`], never empty.
    reason: String,
    /// The id that SQS gave the message when it was sent to the queue.
    pub message_id: String,
    /// When it was sent to the queue, in milliseconds since 1970 (UTC). None where SQS did not say.
    pub sent_at: Option<u64>,
    /// The message as it was in the queue.
    pub original: Message,
}

/// Why a message was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It can never be stored: sent again as it is, it will be rejected again.
    Rejected,
    /// It failed for now on each of its receives: sent again, it may well be stored.
    Exhausted,
}

/// A message that says it is a dead letter but cannot be read as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dead letter is damaged: attribute {attribute} {problem}")]
pub struct Damaged {
    /// The attribute that cannot be read.
    pub attribute: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl DeadLetter {
    /// A dead letter of `original`.
    ///
    /// The reason is made fit for SQS: characters that SQS refuses become `U+FFFD`, what passes
    /// [`MAX_REASON_BYTES`] is cut, and an empty one becomes "unknown".
    pub fn new(
        cause: Cause,
        reason: &str,
        message_id: impl Into<String>,
        sent_at: Option<u64>,
        original: Message,
    ) -> Self {
        Self { cause, reason: fit_reason(reason), message_id: message_id.into(), sent_at, original }
    }

    /// Why it was given up, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The message to send to the dead-letter queue, in the first form of the module's table that fits.
    pub fn to_message(&self) -> Message {
        let facts = self.facts();
        let collides = self.original.attributes.keys().any(|name| is_ours(name));
        if !collides && !self.original.body.is_empty() {
            let mut plain = self.original.clone();
            plain.attributes.extend(facts.clone());
            if plain.fits() {
                return plain;
            }
        }
        let mut envelope = Message { body: ENVELOPE_BODY.to_owned(), attributes: facts };
        envelope.attributes.insert(ORIGINAL.to_owned(), Attribute::binary(compress(&self.original)));
        if envelope.fits() { envelope } else { self.original.clone() }
    }

    /// Reads a message of the dead-letter queue. None: it carries no reason (a bare one, or one that SQS moved).
    ///
    /// # Errors
    /// [`Damaged`] where it carries a reason but its other attributes cannot be read.
    pub fn from_message(message: &Message) -> Result<Option<Self>, Damaged> {
        let Some(reason) = message.text(REASON)? else { return Ok(None) };
        let cause = match message.text(CAUSE)? {
            Some("rejected") => Cause::Rejected,
            Some("exhausted") => Cause::Exhausted,
            _ => return Err(Damaged { attribute: CAUSE, problem: "is neither `rejected` nor `exhausted`" }),
        };
        let message_id =
            message.text(MESSAGE_ID)?.ok_or(Damaged { attribute: MESSAGE_ID, problem: "is missing" })?;
        let sent_at = match message.text(SENT_AT)? {
            None => None,
            Some(digits) => Some(digits.parse().map_err(|_| Damaged {
                attribute: SENT_AT,
                problem: "is not a number of milliseconds since 1970",
            })?),
        };
        let original = match message.attributes.get(ORIGINAL) {
            Some(attribute) => decompress(attribute)?,
            None => message.without_facts(),
        };
        Ok(Some(Self::new(cause, reason, message_id, sent_at, original)))
    }

    fn facts(&self) -> BTreeMap<String, Attribute> {
        let cause = match self.cause {
            Cause::Rejected => "rejected",
            Cause::Exhausted => "exhausted",
        };
        let mut facts = BTreeMap::from([
            (CAUSE.to_owned(), Attribute::string(cause)),
            (REASON.to_owned(), Attribute::string(&self.reason)),
            (MESSAGE_ID.to_owned(), Attribute::string(&self.message_id)),
        ]);
        if let Some(sent_at) = self.sent_at {
            facts.insert(SENT_AT.to_owned(), Attribute::number(sent_at));
        }
        facts
    }
}

impl Message {
    fn text(&self, attribute: &'static str) -> Result<Option<&str>, Damaged> {
        match self.attributes.get(attribute).map(|found| &found.value) {
            None => Ok(None),
            Some(Value::StringValue(text)) => Ok(Some(text)),
            Some(Value::BinaryValue(_)) => Err(Damaged { attribute, problem: "is not text" }),
        }
    }

    fn without_facts(&self) -> Self {
        let mut original = self.clone();
        original.attributes.retain(|name, _| !is_ours(name));
        original
    }
}

fn is_ours(attribute: &str) -> bool {
    [CAUSE, REASON, MESSAGE_ID, SENT_AT, ORIGINAL].contains(&attribute)
}

fn fit_reason(reason: &str) -> String {
    if reason.is_empty() {
        return "unknown".to_owned();
    }
    let clean: String =
        reason.chars().map(|character| if is_allowed(character) { character } else { '\u{fffd}' }).collect();
    if clean.len() <= MAX_REASON_BYTES {
        return clean;
    }
    let end = clean.floor_char_boundary(MAX_REASON_BYTES - '…'.len_utf8());
    format!("{}…", &clean[..end])
}

/// Whether SQS takes the character (API reference of `SendMessage`: the characters of XML 1.0).
fn is_allowed(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

fn compress(original: &Message) -> Vec<u8> {
    // Strings and bytes in maps with string keys always serialise; an empty result would not decompress.
    let json = serde_json::to_vec(original).unwrap_or_default();
    miniz_oxide::deflate::compress_to_vec_zlib(&json, 6)
}

fn decompress(attribute: &Attribute) -> Result<Message, Damaged> {
    let damaged = |problem| Damaged { attribute: ORIGINAL, problem };
    let Value::BinaryValue(bytes) = &attribute.value else { return Err(damaged("is not binary")) };
    let json = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, MAX_ORIGINAL_JSON_BYTES)
        .map_err(|_| damaged("cannot be decompressed"))?;
    serde_json::from_slice(&json).map_err(|_| damaged("holds no message"))
}

#[cfg(test)]
#[path = "dead_letter_tests.rs"]
mod tests;
