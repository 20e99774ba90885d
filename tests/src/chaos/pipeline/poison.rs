//! Messages that can never be stored: one of every kind that ingest tells apart, and again.

use anyhow::{Result, bail};
use event::{
    Event,
    dead_letter::{Attribute, DeadLetter, Message},
    limits,
};

use super::{chance::Chance, load::Fields};

/// What a dead letter of an event says that is too large; its size stands before.
const TOO_LARGE: &str = "bytes as a DynamoDB item; at most 409600 (400 KB) fit. Put the payload elsewhere, for example \
                         into S3, and send where it is";
/// Kinds whose messages are large: after the first of each they come once in so many.
const ONE_LARGE_IN: usize = 100;

/// A message that can never be stored, and how it is.
pub(super) struct Poison {
    /// Its kind, by the name that ingest's metrics have for it.
    pub(super) kind: &'static str,
    /// It, as it is sent.
    pub(super) message: Message,
    /// What its dead letter says; `None` where it says that it is too large.
    reason: Option<String>,
}

/// Makes poison of a kind from a good event.
type Spoil = fn(&Fields) -> String;

/// The small kinds, then the large ones.
const KINDS: [(&str, Spoil); 14] = [
    ("not-json", |event| event.json().trim_end_matches('}').to_owned()),
    ("duplicate-key", |event| event.json().replacen('{', "{\"source\":\"Shop\",", 1)),
    ("missing-field", |event| event.json().replacen("\"timestamp\":", "\"time\":", 1)),
    ("wrong-type", |event| event.with("type", "7").json()),
    ("empty-field", |event| event.with("source", "\"\"").json()),
    ("reserved-type", |event| event.with("type", "\"$metadata\"").json()),
    ("bad-timestamp", |event| event.with("timestamp", "\"yesterday\"").json()),
    ("field-too-long", |event| {
        let id = event.value("id").trim_matches('"').to_owned();
        event.with("id", format!("\"{id}{}\"", "x".repeat(limits::ID_BYTES))).json()
    }),
    ("empty-key", |event| event.with("data", "{\"list\":[{\"\":1}]}").json()),
    ("too-deep", |event| {
        let (open, close) = ("[".repeat(limits::NESTING_LEVELS), "]".repeat(limits::NESTING_LEVELS));
        event.with("data", format!("{{\"nested\":{open}{close}}}")).json()
    }),
    ("number-too-precise", |event| {
        event.with("data", format!("{{\"number\":0.{}}}", "7".repeat(limits::NUMBER_DIGITS + 1))).json()
    }),
    ("number-out-of-range", |event| event.with("data", "{\"number\":-1e126}").json()),
    ("key-too-long", |event| {
        event.with("data", format!("{{\"{}\":0}}", "k".repeat(limits::ATTRIBUTE_NAME_BYTES + 1))).json()
    }),
    ("too-large", |event| event.with("data", format!("{{\"text\":\"{}\"}}", "x".repeat(410 * 1024))).json()),
];
const SMALL: usize = 12;

/// The poison number `index`, from a good event; its body has the event's id.
///
/// # Errors
/// It is no poison, or not of its kind: the load is at fault.
pub(super) fn make(index: usize, event: &Fields, chance: &mut Chance) -> Result<Poison> {
    let (kind, spoil) = match index {
        first if first < KINDS.len() => KINDS[first],
        _ if chance.one_in(ONE_LARGE_IN) => chance.of_these(&KINDS[SMALL..]),
        _ => chance.of_these(&KINDS[..SMALL]),
    };
    let mut message = Message { body: spoil(event), ..Message::default() };
    if chance.one_in(3) {
        message.attributes.insert("Raw".to_owned(), Attribute::binary(vec![0, 159, 146, 150]));
        message.attributes.insert("Attempt".to_owned(), Attribute::number(7));
    }
    let reason = match Event::from_json(&message.body) {
        Err(rejection) if rejection.problem.code() == kind => Some(rejection.to_string()),
        Ok(_) if kind == "too-large" => None,
        other => bail!("poison of the kind {kind} is {other:?}"),
    };
    Ok(Poison { kind, message, reason })
}

impl Poison {
    /// Whether a dead letter is this message's: whole, and with its own reason.
    pub(super) fn is_told_by(&self, letter: &DeadLetter) -> bool {
        let reason = letter.reason();
        letter.original == self.message
            && match &self.reason {
                Some(own) => reason == own,
                None => reason.ends_with(TOO_LARGE),
            }
    }
}
