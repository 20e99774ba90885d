//! CloudEvents: what they become, and that nothing is lost on the way there and back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

use std::fmt::Write;

use event::{Event, cloudevents, limits};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The members of a CloudEvent, without its payload.
fn attributes() -> Value {
    json!({
        "specversion": "1.0", "id": "A234-1234-1234", "source": "/mycontext", "type": "com.example.someevent",
        "time": "2018-04-05T17:31:00Z",
    })
}

/// The same with other members; `null` is a value like any other.
fn with(changes: Value) -> Value {
    let mut members = attributes();
    for (name, value) in changes.as_object().unwrap() {
        members[name] = value.clone();
    }
    members
}

fn without(name: &str) -> Value {
    let mut members = attributes();
    members.as_object_mut().unwrap().remove(name);
    members
}

fn read(message: &Value) -> Event {
    Event::from_json(message.to_string()).unwrap_or_else(|rejection| panic!("{message}: {rejection}"))
}

fn written(event: &Event) -> Value {
    serde_json::from_str(&cloudevents::to_json(event)).unwrap()
}

#[test]
fn a_cloudevent_is_the_event_that_our_form_makes_of_the_same() {
    let cloudevent = with(
        json!({ "requestid": "r", "tenant": "a", "sampledrate": 3, "data": { "Name": "Microservice A" } }),
    );
    let ours = json!({
        "id": "A234-1234-1234", "requestId": "r", "timestamp": "2018-04-05T17:31:00Z", "type": "com.example.someevent",
        "source": "/mycontext", "data": { "Name": "Microservice A" }, "tenant": "a", "sampledrate": 3,
    });
    assert_eq!(read(&cloudevent).to_json(), read(&ours).to_json());
    assert_eq!(read(&cloudevent).key(), read(&ours).key());
    assert_eq!(written(&read(&ours)), cloudevent);
}

#[test]
fn what_becomes_of_every_kind_of_cloudevent_can_be_read_here() {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";
    let messages = [
        (
            "binary data",
            with(json!({ "datacontenttype": "application/octet-stream", "data_base64": "AAEC/w==" })),
        ),
        (
            "text",
            with(
                json!({ "datacontenttype": "application/xml", "data": "<much wow=\"xml\"/>", "unset": null }),
            ),
        ),
        ("a JSON string", with(json!({ "data": "I'm just a string" }))),
        ("a list", with(json!({ "datacontenttype": "text/vnd.list+json; q=1", "data": [0, false, null] }))),
        ("null data", with(json!({ "data": null }))),
        ("an empty object", with(json!({ "data": {} }))),
        ("an object that looks wrapped", with(json!({ "data": { "data_base64": "" } }))),
        (
            "no data",
            with(
                json!({ "subject": "123", "dataschema": "https://example.com/s.json#/a", "data_base64": null }),
            ),
        ),
        ("a request id", with(json!({ "requestid": "r", "correlationid": "c" }))),
        ("a correlation id", with(json!({ "correlationid": "c", "traceparent": traceparent }))),
        (
            "a traceparent",
            with(json!({ "correlationid": "", "traceparent": traceparent, "tracestate": "a=b" })),
        ),
        ("a request id that is implied", with(json!({ "requestid": "A234-1234-1234" }))),
        (
            "attributes of each type",
            with(json!({ "flag": false, "count": -2147483648, "empty": "", "timestamp": "x" })),
        ),
    ];
    let mut report = String::new();
    for (name, message) in messages {
        let event = read(&message);
        writeln!(report, "{name}\n  {}", event.to_json()).unwrap();
        let mut expected = message.clone();
        expected.as_object_mut().unwrap().retain(|name, value| name == "data" || !value.is_null());
        assert_eq!(written(&event), expected, "{name}");
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_cloudevents_has_no_room_for_is_kept_in_an_attribute_of_ours() {
    let seed = json!({
        "id": "1", "requestId": "r", "timestamp": "2020-05-01T20:00:00Z", "type": "T", "source": "Gateway",
        "data": {},
    });
    let mut report = String::new();
    for changes in [
        json!({}),
        json!({ "source": "Microservice A" }),
        json!({ "traceId": "a", "trace": { "id": 1 }, "list": [], "nothing": null, "half": 0.5, "large": 2147483648_u32 }),
        json!({ "specversion": "7", "time": "noon", "requestid": "q", "headwaterfields": "{}", "subject": "" }),
        json!({ "id": "a\nb\u{ffff}", "type": "a\u{85}", "requestId": "\u{1fffe}" }),
        json!({ "datacontenttype": "text/plain", "dataschema": "schema" }),
        json!({ "cloudEventDataWrapped": true, "cloudEventTimestamp": [], "data": { "data": {} } }),
        json!({ "requestId": "1", "requestid": "2" }),
    ] {
        let mut ours = seed.clone();
        for (name, value) in changes.as_object().unwrap() {
            ours[name] = value.clone();
        }
        let event = read(&ours);
        let cloudevent = cloudevents::to_json(&event);
        writeln!(report, "{changes}\n  {cloudevent}").unwrap();
        assert_eq!(Event::from_json(&cloudevent).unwrap().to_json(), event.to_json());
    }
    insta::assert_snapshot!(report);
}

#[test]
fn our_form_may_have_a_field_specversion() {
    let ours =
        with(json!({ "requestId": "r", "timestamp": "2020-05-01T20:00:00Z", "data": {}, "specversion": 2 }));
    let event = read(&ours);
    assert_eq!(event.timestamp().as_sent(), "2020-05-01T20:00:00Z");
    assert_eq!(event.extensions()["specversion"], json!(2));
    assert_eq!(event.extensions()["time"], json!("2018-04-05T17:31:00Z"));
    assert_eq!(read(&written(&event)), event);
}

#[test]
fn every_rejection_names_the_place_in_the_cloudevent_and_the_fix() {
    let long = |bytes| Value::String("x".repeat(bytes));
    let deep = |levels| (0..levels).fold(json!(0), |inner, _| json!([inner]));
    let messages = [
        ("another version", with(json!({ "specversion": "2.0" }))),
        ("a version that is a number", with(json!({ "specversion": 1.0 }))),
        ("no version", with(json!({ "specversion": null }))),
        ("no time", without("time")),
        ("null time", with(json!({ "time": null }))),
        ("no id", without("id")),
        ("empty id", with(json!({ "id": "" }))),
        ("id is a number", with(json!({ "id": 1 }))),
        ("long id", with(json!({ "id": long(limits::ID_BYTES + 1) }))),
        ("empty source", with(json!({ "source": "" }))),
        ("source is no URI", with(json!({ "source": "Microservice A" }))),
        ("empty type", with(json!({ "type": "" }))),
        ("reserved type", with(json!({ "type": "$metadata" }))),
        ("time is a date", with(json!({ "time": "2018-04-05" }))),
        ("empty subject", with(json!({ "subject": "" }))),
        ("subject is a number", with(json!({ "subject": 7 }))),
        ("dataschema is relative", with(json!({ "dataschema": "/schema.json" }))),
        ("datacontenttype has one part", with(json!({ "datacontenttype": "json" }))),
        ("empty request id", with(json!({ "requestid": "" }))),
        ("long request id", with(json!({ "requestid": long(limits::REQUEST_ID_BYTES + 1) }))),
        ("request id is a number", with(json!({ "requestid": 1 }))),
        ("an upper-case name", with(json!({ "requestId": "r" }))),
        ("an underscore in a name", with(json!({ "trace_id": "r" }))),
        ("an empty name", with(json!({ "": 1 }))),
        ("an object as attribute", with(json!({ "trace": { "id": 1 } }))),
        ("a list as attribute", with(json!({ "trace": [] }))),
        ("a fraction as attribute", with(json!({ "rate": 0.5 }))),
        ("an integer of more than 32 bits", with(json!({ "rate": 2147483648_u32 }))),
        ("a line break in an attribute", with(json!({ "subject": "a\nb" }))),
        ("two payloads", with(json!({ "data": null, "data_base64": "" }))),
        ("no base64", with(json!({ "data_base64": "AA=A" }))),
        ("base64 is a number", with(json!({ "data_base64": 1 }))),
        ("an object as text", with(json!({ "datacontenttype": "text/plain", "data": {} }))),
        ("an empty key in data", with(json!({ "data": { "a": { "": 1 } } }))),
        ("an empty key in a list", with(json!({ "data": [{ "": 1 }] }))),
        // The wrapper is a level of its own.
        ("32 levels in a list", with(json!({ "data": deep(32) }))),
        ("somebody's headwaterfields", with(json!({ "headwaterfields": "7" }))),
        ("headwaterfields is a number", with(json!({ "headwaterfields": 7 }))),
        ("headwaterfields of what has room elsewhere", with(json!({ "headwaterfields": r#"{"a":1}"# }))),
        (
            "headwaterfields of what is elsewhere",
            with(json!({ "headwaterfields": r#"{"source":"Microservice A"}"# })),
        ),
        ("headwaterfields with an empty key", with(json!({ "headwaterfields": r#"{"aB":{"":1}}"# }))),
        ("a batch", json!([attributes()])),
    ];
    let mut report = String::new();
    for (name, message) in messages {
        let rejection = Event::from_json(message.to_string()).expect_err(name);
        writeln!(report, "{name} [{}]\n  {rejection}", rejection.problem.code()).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_lies_on_the_edge_of_a_limit_is_taken() {
    let text = |bytes| Value::String("x".repeat(bytes));
    let deep = |levels| (0..levels).fold(json!(0), |inner, _| json!([inner]));
    for changes in [
        json!({ "id": text(limits::ID_BYTES) }),
        json!({ "requestid": text(limits::REQUEST_ID_BYTES) }),
        json!({ "source": text(limits::SOURCE_BYTES), "type": text(limits::TYPE_BYTES) }),
        json!({ "data": deep(31) }),
        json!({ "correlationid": text(limits::REQUEST_ID_BYTES + 1) }),
        json!({ "averylongnamethatcloudeventswouldratherhaveshort": 2147483647 }),
    ] {
        let cloudevent = with(changes);
        let event = read(&cloudevent);
        assert!(event.key().as_str().len() <= limits::SORT_KEY_BYTES);
        assert_eq!(written(&event), cloudevent);
    }
    // Percent-encoded it has three times the length, which does not count.
    let mut ours: Value = serde_json::from_str(&read(&attributes()).to_json()).unwrap();
    for name in ["id", "source", "type"] {
        ours[name] = Value::from("\u{1}".repeat(limits::ID_BYTES));
    }
    assert_eq!(read(&written(&read(&ours))), read(&ours));
}

/// Text that CloudEvents allows, now and then such that has a meaning.
fn texts() -> impl Strategy<Value = String> {
    let any = any::<String>().prop_map(|text| {
        let code = |character: char| u32::from(character);
        text.chars()
            .filter(|c| {
                !c.is_control() && !(0xfdd0..=0xfdef).contains(&code(*c)) && code(*c) & 0xfffe != 0xfffe
            })
            .collect::<String>()
    });
    let known = prop::sample::select(vec![
        "1",
        "2",
        "0af76519-16cd-43dd-8448-eb211c80319c",
        "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01",
        "text/plain",
        "application/json",
        "a:b",
        "2020-05-01T20:00:00Z",
        "1.0",
        "{}",
        "AAEC",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 2 => any]
}

fn names() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "subject",
        "timestamp",
        "requestid",
        "correlationid",
        "traceparent",
        "data",
        "time",
        "specversion",
        "datacontenttype",
        "dataschema",
        "headwaterfields",
        "data_base64",
        "cloudEventDataWrapped",
        "cloudEventTimestamp",
        "requestId",
        "traceId",
        "a",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[a-z0-9]{1,8}", 1 => "\\PC{1,8}"]
}

/// Any JSON value, numbers in the one form that an event keeps them in.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-999..999_i32).prop_map(|tenths| format!("{}.5", tenths).parse().map(Value::Number).unwrap()),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let object = prop::collection::btree_map("data|data_base64|\\PC{1,4}", inner.clone(), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn references() -> impl Strategy<Value = String> {
    let scheme = "([a-z][a-z0-9+.-]{0,4}:)?(//[a-z0-9.-]{1,8}(:[0-9]{1,4})?)?";
    let path =
        "(/([A-Za-z0-9._~@:!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,6}){1,3}(\\?[a-z=&/?]{0,5})?(#[a-z]{0,4})?";
    prop_oneof![Just("Gateway".to_owned()), prop::string::string_regex(&format!("{scheme}{path}")).unwrap()]
}

/// A CloudEvent. Members that CloudEvents does not allow are left out.
fn any_cloudevent() -> impl Strategy<Value = Value> {
    let extension = (
        names(),
        prop_oneof![
            texts().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from)
        ],
    );
    let payload = prop_oneof![
        Just(None),
        values().prop_map(|value| Some(("data", value))),
        Just(Some(("data", json!({})))),
        Just(Some(("data_base64", json!("AAEC")))),
    ];
    let id = texts().prop_filter("empty", |text| !text.is_empty());
    let required = (id, references(), texts(), payload);
    (required, prop::collection::vec(extension, 0..6)).prop_map(
        |((id, source, name, payload), extensions)| {
            let mut members = with(json!({ "id": id, "source": source, "type": format!("t{name}") }));
            members.as_object_mut().unwrap().extend(payload.map(|(name, value)| (name.to_owned(), value)));
            for (name, value) in extensions {
                let mut more = members.clone();
                more[name] = value;
                if !is_ours(&more) && Event::from_json(more.to_string()).is_ok() {
                    members = more;
                }
            }
            members
        },
    )
}

fn is_ours(members: &Value) -> bool {
    members.get("requestId").is_some() && members.get("timestamp").is_some()
}

/// An event in our own form.
fn any_event() -> impl Strategy<Value = Event> {
    let text = || {
        prop_oneof![texts(), "\\PC{1,4}", any::<String>()]
            .prop_filter("empty", |text| !text.is_empty() && !text.starts_with('$'))
    };
    let source = prop_oneof![references(), text()];
    let data = prop::collection::btree_map("data|data_base64|\\PC{1,4}", values(), 0..3);
    (text(), text(), source, text(), data, prop::collection::vec((names(), values()), 0..6)).prop_map(
        |(id, request, source, name, data, extensions)| {
            let mut fields: Map<_, _> = extensions.into_iter().collect();
            for (name, value) in [
                ("id", json!(id)),
                ("requestId", json!(request)),
                ("source", json!(source)),
                ("type", json!(name)),
                ("timestamp", json!("2018-04-05T17:31:00Z")),
                ("data", json!(data)),
            ] {
                fields.insert(name.to_owned(), value);
            }
            read(&Value::Object(fields))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_cloudevent_comes_back_equal_by_value(cloudevent in any_cloudevent()) {
        let event = Event::from_json(cloudevent.to_string()).map_err(|rejection| TestCaseError::fail(rejection.to_string()))?;
        prop_assert_eq!(&written(&event), &cloudevent);
        // As the journal gives it back, and as it is when it is delivered once more.
        let stored = Event::from_json(event.to_json()).unwrap();
        prop_assert_eq!(written(&stored), cloudevent.clone());
        let again = Event::from_json(serde_json::to_string_pretty(&cloudevent).unwrap()).unwrap();
        prop_assert_eq!(again.to_json(), event.to_json());
        prop_assert_eq!(again.key(), event.key());
    }

    #[test]
    fn an_event_of_our_form_comes_back_equal_by_value(event in any_event()) {
        let cloudevent = cloudevents::to_json(&event);
        // What is read as a CloudEvent was checked to be one.
        prop_assert!(!is_ours(&written(&event)));
        let back = Event::from_json(&cloudevent);
        prop_assert_eq!(back.map(|back| back.to_json()), Ok(event.to_json()), "{}", cloudevent);
    }

    #[test]
    fn no_cloudevent_makes_it_panic(members in prop::collection::vec((names(), values()), 0..8)) {
        let mut message = attributes();
        message.as_object_mut().unwrap().extend(members);
        let _ = Event::from_json(message.to_string());
    }
}
