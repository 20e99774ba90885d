//! The rules an event's fields must keep. Each place is named while the walk returns, so a good event pays nothing for it.

use serde_json::{Map, Value};

use crate::rejection::{Problem, Rejection, Segment};
use crate::{limits, number};

/// Checks an object at nesting level `level` and brings its numbers into their one form.
pub(crate) fn object(members: &mut Map<String, Value>, level: usize) -> Result<(), Rejection> {
    depth(level)?;
    for (key, member) in members.iter_mut() {
        name(key)?;
        value(member, level + 1).map_err(|rejection| rejection.within(Segment::key(key)))?;
    }
    // Nothing to do as long as no crate of the build turns serde_json's `preserve_order` on.
    members.sort_keys();
    Ok(())
}

fn value(value: &mut Value, level: usize) -> Result<(), Rejection> {
    match value {
        Value::Object(members) => object(members, level),
        Value::Array(elements) => {
            depth(level)?;
            elements.iter_mut().enumerate().try_for_each(|(index, element)| {
                self::value(element, level + 1).map_err(|rejection| rejection.within(Segment::Index(index)))
            })
        }
        Value::Number(number) => number::canonicalise(number).map_err(Rejection::new),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// `data` is level 1.
pub(crate) fn depth(level: usize) -> Result<(), Rejection> {
    if level > limits::NESTING_LEVELS { Err(Rejection::new(Problem::TooDeep)) } else { Ok(()) }
}

fn name(key: &str) -> Result<(), Rejection> {
    match key.len() {
        0 => Err(Rejection::new(Problem::EmptyKey)),
        bytes if bytes > limits::ATTRIBUTE_NAME_BYTES => {
            Err(Rejection::new(Problem::KeyTooLong { bytes }).within(Segment::key(key)))
        }
        _ => Ok(()),
    }
}

/// Takes the text field `name`, which must not be empty nor longer than `limit` bytes.
pub(crate) fn text(fields: &mut Map<String, Value>, name: &str, limit: usize) -> Result<String, Rejection> {
    let problem = match fields.remove(name) {
        None => Problem::Missing,
        Some(Value::String(text)) => match text.len() {
            0 => Problem::Empty,
            bytes if bytes > limit => Problem::TooLong { bytes, limit },
            _ => return Ok(text),
        },
        Some(other) => wrong_type("a string", &other),
    };
    Err(Rejection::at_field(name, problem))
}

/// Takes the field `data`, and checks it.
pub(crate) fn data(fields: &mut Map<String, Value>) -> Result<Map<String, Value>, Rejection> {
    let problem = match fields.remove("data") {
        None => Problem::Missing,
        Some(Value::Object(mut data)) => {
            object(&mut data, 1).map_err(|rejection| rejection.within(Segment::key("data")))?;
            return Ok(data);
        }
        Some(other) => wrong_type("an object", &other),
    };
    Err(Rejection::at_field("data", problem))
}

pub(crate) fn wrong_type(expected: &'static str, found: &Value) -> Problem {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Problem::WrongType { expected, found }
}
