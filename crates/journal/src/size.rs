//! How large an event is as an item, counted without making one.

use event::Event;
use serde_json::{Map, Value};

use crate::schema;

/// The largest item that DynamoDB takes: 400 KB, attribute names included.
pub const ITEM_BYTES: usize = 400 * 1024;

/// An event's size in both forms that DynamoDB limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// As stored, in bytes, by the rules of "DynamoDB item sizes and formats" in the Amazon DynamoDB Developer Guide. For
    /// numbers these are approximate; the lower bound is taken, so that nothing is refused that DynamoDB might take.
    pub stored: usize,
    /// As JSON in a call, in bytes; an upper bound.
    pub wire: usize,
}

/// The size of the item that [`item::from_event`](crate::item::from_event) makes.
pub fn of(event: &Event) -> Size {
    // `#` and up to five digits of the shard.
    const SHARD: usize = 6;
    const SEPARATORS_AND_HASH: usize = 2 + 64;
    let key = event.timestamp().normalised().len() + event.id().len() + SEPARATORS_AND_HASH;
    let mut size = Size::default();
    for (name, text, more) in [
        (schema::REQUEST_ID, event.request_id(), 0),
        (schema::EVENT_KEY, event.id(), key - event.id().len()),
        (schema::TIMESTAMP, event.timestamp().as_sent(), 0),
        (schema::TYPE, event.event_type(), 0),
        (schema::SOURCE, event.source(), 0),
        (schema::ID, event.id(), 0),
        (schema::TYPE_SHARD, event.event_type(), SHARD),
        (schema::SOURCE_SHARD, event.source(), SHARD),
    ] {
        size.name(name);
        size.text(text);
        size.wire += more;
        // At least `#` and one digit of a shard are stored.
        size.stored += if more == SHARD { 2 } else { more };
    }
    size.name(schema::DATA);
    size.map(event.data());
    if !event.extensions().is_empty() {
        size.name(schema::EXTENSIONS);
        size.map(event.extensions());
    }
    size
}

impl Size {
    /// `"name":…,`
    fn name(&mut self, name: &str) {
        self.stored += name.len();
        self.wire += escaped(name) + 4;
    }

    /// `{"S":"…"}`
    fn text(&mut self, text: &str) {
        self.stored += text.len();
        self.wire += escaped(text) + 8;
    }

    /// `{"M":{…}}`
    fn map(&mut self, members: &Map<String, Value>) {
        self.stored += 3;
        self.wire += 8;
        for (name, value) in members {
            self.stored += 1;
            self.name(name);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {
                self.stored += 1;
                self.wire += r#"{"BOOL":false}"#.len();
            }
            Value::Number(number) => {
                self.stored += significant_digits(number.as_str()).div_ceil(2) + 1;
                self.wire += number.as_str().len() + 8;
            }
            Value::String(text) => self.text(text),
            Value::Array(elements) => {
                self.stored += 3;
                self.wire += 8;
                for element in elements {
                    self.stored += 1;
                    self.wire += 1;
                    self.value(element);
                }
            }
            Value::Object(members) => self.map(members),
        }
    }
}

/// Bytes of a text as JSON writes it, without the quotes.
fn escaped(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' => 2,
            0..=0x1f => 6,
            _ => 1,
        })
        .sum()
}

/// Digits of a canonical number without the zeros at either end.
fn significant_digits(number: &str) -> usize {
    let mantissa = number.split('e').next().unwrap_or(number);
    let is_zero = |c: char| matches!(c, '0' | '.' | '-');
    mantissa.trim_matches(is_zero).bytes().filter(u8::is_ascii_digit).count()
}
