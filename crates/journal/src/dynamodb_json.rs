//! An item in DynamoDB's JSON, each value under the letters of its type (`{"S": "text"}`): as a function gets it from the
//! table's stream.
//!
//! Format: "DynamoDB low-level API", Amazon DynamoDB Developer Guide. Numbers are text, binary is Base64.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::item::Item;

/// What is not an item in DynamoDB's JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnItem {
    /// It is no object.
    #[error("not a JSON object of attributes")]
    NotAnObject,
    /// An attribute is not a value under the letters of its type.
    #[error("attribute {0} is not a value of DynamoDB's JSON")]
    Attribute(String),
}

/// The item in DynamoDB's JSON.
pub fn from_item(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, attribute)| (name.clone(), to_json(attribute))).collect())
}

/// The item that DynamoDB's JSON stands for.
///
/// # Errors
/// It is none.
pub fn to_item(json: &Value) -> Result<Item, NotAnItem> {
    let attributes = json.as_object().ok_or(NotAnItem::NotAnObject)?;
    let attribute = |(name, json): (&String, &Value)| {
        let value = from_json(json).ok_or_else(|| NotAnItem::Attribute(name.clone()))?;
        Ok((name.clone(), value))
    };
    attributes.iter().map(attribute).collect()
}

fn to_json(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::L(elements) => json!({ "L": elements.iter().map(to_json).collect::<Vec<_>>() }),
        AttributeValue::M(members) => json!({ "M": from_item(members) }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Ss(set) => json!({ "SS": set }),
        AttributeValue::Ns(set) => json!({ "NS": set }),
        AttributeValue::Bs(set) => {
            json!({ "BS": set.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() })
        }
        // `Null` is always true. A type that this SDK does not know has no JSON; no event has either.
        _ => json!({ "NULL": true }),
    }
}

fn from_json(json: &Value) -> Option<AttributeValue> {
    let mut members = json.as_object()?.iter();
    let (Some((letters, value)), None) = (members.next(), members.next()) else { return None };
    Some(match letters.as_str() {
        "S" => AttributeValue::S(text(value)?),
        "N" => AttributeValue::N(text(value)?),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        "L" => AttributeValue::L(each(value, from_json)?),
        "M" => AttributeValue::M(map(value.as_object()?)?),
        "B" => AttributeValue::B(bytes(value)?),
        "SS" => AttributeValue::Ss(each(value, text)?),
        "NS" => AttributeValue::Ns(each(value, text)?),
        "BS" => AttributeValue::Bs(each(value, bytes)?),
        _ => return None,
    })
}

fn map(members: &Map<String, Value>) -> Option<Item> {
    members.iter().map(|(name, value)| Some((name.clone(), from_json(value)?))).collect()
}

fn each<T>(list: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    list.as_array()?.iter().map(read).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn bytes(value: &Value) -> Option<Blob> {
    STANDARD.decode(value.as_str()?).ok().map(Blob::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_every_type_comes_back_as_it_was() {
        let json = json!({
            "text": { "S": "" }, "number": { "N": "12345678901234567890123456789012345678" }, "yes": { "BOOL": true },
            "nothing": { "NULL": true }, "list": { "L": [{ "S": "a" }, { "L": [] }] }, "map": { "M": { "a": { "N": "0" } } },
            "bytes": { "B": "AP8=" }, "texts": { "SS": ["a"] }, "numbers": { "NS": ["1"] }, "blobs": { "BS": ["AP8="] },
        });
        assert_eq!(from_item(&to_item(&json).unwrap()), json);
    }

    #[test]
    fn what_is_not_dynamodbs_json_is_named() {
        let of = |attribute: Value| to_item(&json!({ "good": { "S": "" }, "bad": attribute })).unwrap_err();
        let wrong = [
            json!("text"),
            json!({}),
            json!({ "S": "a", "N": "1" }),
            json!({ "N": 1 }),
            json!({ "X": "" }),
            json!({ "B": "not Base64!" }),
            json!({ "M": { "inner": { "L": {} } } }),
        ];
        for attribute in wrong {
            assert_eq!(of(attribute.clone()), NotAnItem::Attribute("bad".to_owned()), "{attribute}");
        }
        assert_eq!(to_item(&json!([])), Err(NotAnItem::NotAnObject));
    }
}
