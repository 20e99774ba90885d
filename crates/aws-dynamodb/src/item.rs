//! Rows as DynamoDB's items, by way of their JSON form.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item with an attribute for each field of `row`; absent and null fields have none.
pub(crate) fn write(row: &impl Serialize) -> serde_json::Result<Item> {
    let row = serde_json::to_value(row)?;
    let fields = row.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Ok(fields.map(|(name, value)| (name.clone(), attribute(value))).collect())
}

/// The row that an item is. Attributes that it has no field for are left out.
pub(crate) fn read<T: DeserializeOwned>(item: &Item) -> serde_json::Result<T> {
    serde_json::from_value(object(item))
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(value) => AttributeValue::N(value.to_string()),
        Value::String(value) => AttributeValue::S(value.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(attribute).collect()),
        Value::Object(fields) => {
            AttributeValue::M(fields.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
        }
    }
}

/// What we never write (bytes, sets) reads as null.
fn value(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::N(text) => text.parse().map_or(Value::Null, Value::Number),
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::L(values) => values.iter().map(value).collect(),
        AttributeValue::M(fields) => object(fields),
        _ => Value::Null,
    }
}

fn object(fields: &Item) -> Value {
    fields.iter().map(|(name, attribute)| (name.clone(), value(attribute))).collect()
}
