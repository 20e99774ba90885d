//! An event as a DynamoDB item and back, nothing lost: types, `0`, `false`, `null`, empty texts and lists, 38 digits.

use std::collections::HashMap;
use std::num::NonZeroU16;

use aws_sdk_dynamodb::types::AttributeValue;
use event::{Event, Rejection};
use serde_json::{Map, Value};

use crate::schema;

/// The attributes of one item.
pub type Item = HashMap<String, AttributeValue>;

/// The item that stores `event`. The same event makes the same item, whenever and wherever it is made.
pub fn from_event(event: &Event, index_shards: NonZeroU16) -> Item {
    let shard = event.shard(index_shards);
    let mut item = Item::with_capacity(10);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put(schema::REQUEST_ID, text(event.request_id()));
    put(schema::EVENT_KEY, AttributeValue::S(event.key().into()));
    put(schema::TIMESTAMP, text(event.timestamp().as_sent()));
    put(schema::TYPE, text(event.event_type()));
    put(schema::SOURCE, text(event.source()));
    put(schema::ID, text(event.id()));
    put(schema::DATA, map(event.data()));
    put(schema::TYPE_SHARD, AttributeValue::S(schema::index_partition(event.event_type(), shard)));
    put(schema::SOURCE_SHARD, AttributeValue::S(schema::index_partition(event.source(), shard)));
    if !event.extensions().is_empty() {
        put(schema::EXTENSIONS, map(event.extensions()));
    }
    item
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn map(members: &Map<String, Value>) -> AttributeValue {
    AttributeValue::M(members.iter().map(|(name, member)| (name.clone(), value(member))).collect())
}

fn value(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(bool) => AttributeValue::Bool(*bool),
        Value::Number(number) => AttributeValue::N(number.as_str().to_owned()),
        Value::String(string) => text(string),
        Value::Array(elements) => AttributeValue::L(elements.iter().map(self::value).collect()),
        Value::Object(members) => map(members),
    }
}

/// An item that is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("item {request_id} / {event_key}: {problem}")]
pub struct ItemError {
    /// The item's `RequestId`, or `(none)`.
    pub request_id: String,
    /// The item's `EventKey`, or `(none)`.
    pub event_key: String,
    /// What is wrong with it.
    pub problem: ItemProblem,
}

/// What is wrong with an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ItemProblem {
    /// An attribute that every event has is not there.
    #[error("attribute {0} is missing")]
    Missing(&'static str),
    /// An attribute is of another type.
    #[error("attribute {name} is not of type {expected}")]
    WrongType {
        /// The attribute.
        name: &'static str,
        /// DynamoDB's letter for the type it must have.
        expected: &'static str,
    },
    /// An attribute holds what JSON has no value for: binary, a set, or a number that is none.
    #[error("attribute {name} holds a value that JSON does not have (binary, a set or a malformed number)")]
    NotJson {
        /// The attribute.
        name: &'static str,
    },
    /// `Extensions` has a field that belongs to the event itself.
    #[error("attribute Extensions holds {0}, which is a field of the event itself")]
    Ambiguous(String),
    /// Its content makes no event.
    #[error("not an event ({0})")]
    Rejected(Rejection),
    /// Its content is not what its key was made from.
    #[error("its content was changed after it was written (its key would now be {expected})")]
    Changed {
        /// The key that its content has.
        expected: String,
    },
}

/// The event that an item stores. Its content is checked against the hash in its key.
pub fn to_event(mut item: Item) -> Result<Event, ItemError> {
    let name = |item: &Item, key: &str| match item.get(key) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => "(none)".to_owned(),
    };
    let (request_id, event_key) = (name(&item, schema::REQUEST_ID), name(&item, schema::EVENT_KEY));
    decode(&mut item).map_err(|problem| ItemError { request_id, event_key, problem })
}

fn decode(item: &mut Item) -> Result<Event, ItemProblem> {
    let key = take_text(item, schema::EVENT_KEY)?;
    let mut fields = match item.contains_key(schema::EXTENSIONS) {
        true => take_map(item, schema::EXTENSIONS)?,
        false => Map::new(),
    };
    let data = take_map(item, schema::DATA)?;
    let mut known = vec![("data", Value::Object(data))];
    for (field, attribute) in [
        ("id", schema::ID),
        ("requestId", schema::REQUEST_ID),
        ("timestamp", schema::TIMESTAMP),
        ("type", schema::TYPE),
        ("source", schema::SOURCE),
    ] {
        known.push((field, Value::String(take_text(item, attribute)?)));
    }
    for (field, value) in known {
        if fields.insert(field.to_owned(), value).is_some() {
            return Err(ItemProblem::Ambiguous(field.to_owned()));
        }
    }
    let event = Event::from_fields(fields).map_err(ItemProblem::Rejected)?;
    let expected = event.key();
    if expected.as_str() == key { Ok(event) } else { Err(ItemProblem::Changed { expected: expected.into() }) }
}

fn take_text(item: &mut Item, name: &'static str) -> Result<String, ItemProblem> {
    match item.remove(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        Some(_) => Err(ItemProblem::WrongType { name, expected: "S" }),
        None => Err(ItemProblem::Missing(name)),
    }
}

fn take_map(item: &mut Item, name: &'static str) -> Result<Map<String, Value>, ItemProblem> {
    match item.remove(name) {
        Some(AttributeValue::M(members)) => json_map(members).ok_or(ItemProblem::NotJson { name }),
        Some(_) => Err(ItemProblem::WrongType { name, expected: "M" }),
        None => Err(ItemProblem::Missing(name)),
    }
}

fn json_map(members: Item) -> Option<Map<String, Value>> {
    members.into_iter().map(|(name, member)| Some((name, json(member)?))).collect()
}

fn json(value: AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(bool) => Value::Bool(bool),
        AttributeValue::N(number) => Value::Number(number.parse().ok()?),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(elements) => Value::Array(elements.into_iter().map(json).collect::<Option<_>>()?),
        AttributeValue::M(members) => Value::Object(json_map(members)?),
        _ => return None,
    })
}
