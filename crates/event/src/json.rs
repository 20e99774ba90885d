//! JSON to a value, refusing what serde_json lets pass: an object with the same key twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::check;
use crate::rejection::{Problem, Rejection, Segment};

/// Reads one JSON value. Nesting beyond what an event may have is refused on the way down, before it can use up the stack.
pub(crate) fn parse(json: &[u8]) -> Result<Value, Rejection> {
    let mut refused = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Node { depth: 0, refused: &mut refused }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| {
            refused.take().unwrap_or_else(|| Rejection::new(Problem::NotJson { reason: error.to_string() }))
        })
}

/// JSON with some characters as JSON's own escapes, which means the same. None of them may stand outside of its strings; there
/// JSON is ASCII.
pub fn escaped(json: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_escaped(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// The seed of one value. serde carries errors as text only, so a rejection travels beside them in `refused`.
struct Node<'a> {
    depth: usize,
    refused: &'a mut Option<Rejection>,
}

impl Node<'_> {
    fn refuse<E: serde::de::Error>(&mut self, rejection: Rejection) -> E {
        *self.refused = Some(rejection);
        E::custom("refused")
    }

    fn locate(&mut self, segment: impl FnOnce() -> Segment) {
        *self.refused = self.refused.take().map(|rejection| rejection.within(segment()));
    }

    fn child(&mut self) -> Node<'_> {
        Node { depth: self.depth + 1, refused: self.refused }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    // Integers that fit come as such; every other number comes as text, through `visit_map`.
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        check::depth(self.depth).map_err(|rejection| self.refuse(rejection))?;
        let mut list = Vec::new();
        loop {
            match elements.next_element_seed(self.child()) {
                Ok(Some(element)) => list.push(element),
                Ok(None) => return Ok(Value::Array(list)),
                Err(error) => {
                    self.locate(|| Segment::Index(list.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key_seed(Key)? {
            let Some(key) = key else {
                let number: Number = members.next_value::<String>()?.parse().map_err(A::Error::custom)?;
                return Ok(Value::Number(number));
            };
            check::depth(self.depth).map_err(|rejection| self.refuse(rejection))?;
            match object.entry(key) {
                Entry::Occupied(entry) => {
                    let key = Segment::key(entry.key());
                    return Err(self.refuse(Rejection::new(Problem::DuplicateKey).within(key)));
                }
                Entry::Vacant(entry) => match members.next_value_seed(self.child()) {
                    Ok(value) => entry.insert(value),
                    Err(error) => {
                        self.locate(|| Segment::key(entry.key()));
                        return Err(error);
                    }
                },
            };
        }
        Ok(Value::Object(object))
    }
}

/// A key of an object; `None` for serde_json's mark of a number.
///
/// With `arbitrary_precision` serde_json hands a number over as a map with one private key, which an object in a message
/// may have too. Asked for an option, a real key answers `visit_some`; the mark knows nothing but `visit_borrowed_str`.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        serde::Deserialize::deserialize(deserializer).map(Some)
    }

    fn visit_borrowed_str<E>(self, _: &'de str) -> Result<Option<String>, E> {
        Ok(None)
    }
}
