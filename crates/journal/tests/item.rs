//! Events as items and back: nothing lost, nothing invented, and a clear word where an item is not an event.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod common;

use std::num::NonZeroU16;

use aws_sdk_dynamodb::types::AttributeValue;
use common::{SHARDS, event, event_with};
use event::Event;
use journal::{item, schema, size};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn seed() -> Event {
    Event::from_json(
        r#"{ "id": "5b070a84-c5d5-460a-ac98-a0717cbc8e56", "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
             "timestamp": "2020-05-01T22:00:00+02:00", "type": "MICROSERVICE_REQUEST", "source": "Gateway",
             "data": { "Name": "Microservice A", "zero": 0, "no": false, "nil": null, "text": "", "list": [], "map": {},
                       "precise": 12345678901234567890123456789012345678 },
             "traceparent": "00-1" }"#,
    )
    .unwrap()
}

#[test]
fn an_item_holds_the_fields_as_sent_with_their_types_the_key_and_the_shards() {
    let item = item::from_event(&seed(), SHARDS);
    let mut attributes: Vec<_> =
        item.iter().map(|(name, value)| format!("{name}: {}", common::attribute(value))).collect();
    attributes.sort();
    insta::assert_snapshot!(attributes.join("\n"));
}

#[test]
fn extensions_take_no_attribute_where_there_are_none() {
    assert!(!item::from_event(&event(1), SHARDS).contains_key(schema::EXTENSIONS));
}

#[test]
fn an_item_that_is_no_event_says_which_it_is_and_why() {
    let item = || item::from_event(&seed(), SHARDS);
    let with = |name: &str, value: AttributeValue| {
        let mut item = item();
        item.insert(name.to_owned(), value);
        item
    };
    let without = |name: &str| {
        let mut item = item();
        item.remove(name);
        item
    };
    let map = |name: &str, value| AttributeValue::M([(name.to_owned(), value)].into());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let report: Vec<_> = [
        item::Item::new(),
        without(schema::DATA),
        without(schema::TYPE),
        with(schema::DATA, text("{}")),
        with(schema::DATA, map("set", AttributeValue::Ss(vec!["a".to_owned()]))),
        with(schema::DATA, map("number", AttributeValue::N("NaN".to_owned()))),
        with(schema::DATA, map("Name", text("Microservice B"))),
        with(schema::TIMESTAMP, text("yesterday")),
        with(schema::EXTENSIONS, map("type", text("other"))),
        with(schema::EVENT_KEY, AttributeValue::N("1".to_owned())),
    ]
    .into_iter()
    .map(|item| item::to_event(item).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn size_follows_dynamodbs_rules() {
    let size = |data: Value| size::of(&event_with("id", 0, data)).stored;
    let empty = size(json!({}));
    // Keys and attributes of the item itself, name and value: RequestId, EventKey, Timestamp, Type, Source, Id, Data, shards.
    let key = 30 + 1 + 2 + 1 + 64;
    let expected =
        (9 + 7) + (8 + key) + (9 + 20) + (4 + 1) + (6 + 1) + (2 + 2) + (4 + 3) + (9 + 3) + (11 + 3);
    assert_eq!(empty, expected);
    // An element or member is a byte, its name and its value; a number a byte and one for two digits.
    for (data, more) in [
        (json!({ "a": "é" }), 1 + 1 + 2),
        (json!({ "a": null, "b": false }), 2 * (1 + 1 + 1)),
        (json!({ "a": [1, 12, 123] }), 1 + 1 + 3 + (1 + 2) + (1 + 2) + (1 + 3)),
        (json!({ "a": { "b": {} } }), 1 + 1 + 3 + 1 + 1 + 3),
        (json!({ "a": 1_000_000 }), 1 + 1 + 2),
    ] {
        assert_eq!(size(data.clone()) - empty, more, "{data}");
    }
}

/// Any JSON value that DynamoDB takes.
fn values() -> impl Strategy<Value = Value> {
    let number = ("-?[1-9][0-9]{0,37}", -130..=88_i32)
        .prop_map(|(digits, exponent)| Value::Number(format!("{digits}e{exponent}").parse().unwrap()));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        Just(Value::from(0)),
        any::<f64>().prop_filter("in range", |f| f.abs() < 1e125 && f.abs() > 1e-130).prop_map(Value::from),
        number,
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            objects(inner).prop_map(Value::Object)
        ]
    })
}

fn objects(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("(?s).{1,8}", values, 0..6).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn any_event_comes_back_equal_by_value(
        data in objects(values()), extensions in objects(values()), id in "(?s).{1,40}", event_type in "[^$](?s).{0,40}",
        shards in 1..100_u16,
    ) {
        let mut fields = extensions;
        for (name, value) in [
            ("id", json!(id)), ("requestId", json!("r")), ("timestamp", json!("2020-05-01T22:00:00.25+02:00")),
            ("type", json!(event_type)), ("source", json!("s")), ("data", Value::Object(data)),
        ] {
            fields.insert(name.to_owned(), value);
        }
        let event = Event::from_fields(fields).unwrap();
        let shards = NonZeroU16::new(shards).unwrap();
        let item = item::from_event(&event, shards);
        prop_assert_eq!(&item, &item::from_event(&event, shards));
        let wire = common::wire(&event).to_string().len();
        prop_assert!(wire <= size::of(&event).wire, "{} bytes on the wire", wire);
        let back = item::to_event(item).unwrap();
        prop_assert_eq!(&back, &event);
        prop_assert_eq!(back.to_json(), event.to_json());
        prop_assert_eq!(back.timestamp().as_sent(), "2020-05-01T22:00:00.25+02:00");
    }
}
