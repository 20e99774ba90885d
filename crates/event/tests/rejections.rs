//! Every way a message can fail to be an event, and the line that a user reads then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

use std::fmt::Write;

use event::{Event, limits};
use serde_json::{Value, json};

fn seed() -> Value {
    json!({
        "id": "5b070a84-c5d5-460a-ac98-a0717cbc8e56",
        "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
        "timestamp": "2020-05-01T20:00:00Z",
        "type": "MICROSERVICE_REQUEST",
        "source": "Gateway",
        "data": { "Name": "Microservice A" }
    })
}

fn with(field: &str, value: Value) -> String {
    let mut message = seed();
    message[field] = value;
    message.to_string()
}

fn without(field: &str) -> String {
    let mut message = seed();
    message.as_object_mut().unwrap().remove(field);
    message.to_string()
}

/// A message whose `data` is this JSON text, number for number.
fn with_data(data: &str) -> String {
    without("data").replacen('{', &format!(r#"{{"data":{data},"#), 1)
}

fn nested(levels: usize) -> String {
    format!("{}{}", r#"{"a":"#.repeat(levels - 1) + "{}", "}".repeat(levels - 1))
}

#[test]
fn every_rejection_names_the_place_and_the_fix() {
    let long = |bytes| Value::String("x".repeat(bytes));
    let messages = [
        ("empty body", String::new()),
        ("cut short", seed().to_string()[..40].to_owned()),
        ("two values", format!("{} {{}}", seed())),
        ("a lone surrogate", with_data(r#"{"a":"\ud800"}"#)),
        ("a list of events", json!([seed()]).to_string()),
        ("no id", without("id")),
        ("no data", without("data")),
        ("id is a number", with("id", json!(7))),
        ("data is null", with("data", json!(null))),
        ("data is a list", with("data", json!([]))),
        ("empty request id", with("requestId", json!(""))),
        ("empty source", with("source", json!(""))),
        ("long id", with("id", long(limits::ID_BYTES + 1))),
        ("long request id", with("requestId", long(limits::REQUEST_ID_BYTES + 1))),
        ("long type", with("type", long(limits::TYPE_BYTES + 1))),
        ("reserved type", with("type", json!("$metadata"))),
        ("timestamp without offset", with("timestamp", json!("2020-05-01T20:00:00"))),
        ("timestamp is a date", with("timestamp", json!("2020-05-01"))),
        ("timestamp is a number", with("timestamp", json!(1_588_363_200))),
        ("year 10000 in UTC", with("timestamp", json!("9999-12-31T23:59:59-01:00"))),
        ("a year before 0", with("timestamp", json!("0000-01-01T00:00:00+01:00"))),
        ("a key twice at the top", seed().to_string().replacen('{', r#"{"id":"a","#, 1)),
        ("a key twice deep inside", with_data(r#"{"list":[{},{"a":{"b c":1,"b c":1}}]}"#)),
        ("an empty key", with_data(r#"{"a":[0,{"":1}]}"#)),
        ("a long key", with_data(&format!(r#"{{"{}":1}}"#, "k".repeat(limits::ATTRIBUTE_NAME_BYTES + 1)))),
        ("33 levels", with_data(&nested(33))),
        ("33 levels of lists", with_data(&format!(r#"{{"a":{}{}}}"#, "[".repeat(32), "]".repeat(32)))),
        // Stored in a map of their own, fields beyond the known have a level less than `data`.
        ("32 levels in an extension", with("extra", serde_json::from_str(&nested(32)).unwrap())),
        ("a nesting bomb", with_data(&"[".repeat(1_000_000))),
        ("39 digits", with_data(&format!(r#"{{"n":[1,{}]}}"#, "1".repeat(39)))),
        ("a huge number", with_data(r#"{"n":1e126}"#)),
        ("a tiny number", with_data(r#"{"n":-1e-131}"#)),
        (
            "a number outside the extension's range",
            with("extra", json!({ "n": [9] })).replace("[9]", "[9e999]"),
        ),
    ];
    let mut report = String::new();
    for (name, message) in messages {
        let rejection = Event::from_json(&message).expect_err(name);
        writeln!(report, "{name} [{}]\n  {rejection}", rejection.problem.code()).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_lies_on_the_edge_of_a_limit_is_taken() {
    let text = |bytes| Value::String("x".repeat(bytes));
    for message in [
        with("id", text(limits::ID_BYTES)),
        with("requestId", text(limits::REQUEST_ID_BYTES)),
        with("type", text(limits::TYPE_BYTES)),
        with("source", text(limits::SOURCE_BYTES)),
        with_data(&nested(32)),
        with("extra", serde_json::from_str(&nested(31)).unwrap()),
        with_data(&format!(r#"{{"{}":1}}"#, "k".repeat(limits::ATTRIBUTE_NAME_BYTES))),
        with_data(&format!(r#"{{"n":[{}]}}"#, "1".repeat(38))),
        with("timestamp", json!("2016-12-31T23:59:60Z")),
        with("timestamp", json!("2020-05-01t20:00:00.123456789123-00:00")),
    ] {
        let event = Event::from_json(&message).unwrap();
        assert!(event.key().as_str().len() <= limits::SORT_KEY_BYTES);
    }
}
