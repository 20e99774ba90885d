//! What makes two messages the same event, and in which order events sort.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

use std::num::NonZeroU16;

use event::{Event, Timestamp, shard};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn event(data: &str) -> Event {
    let rest = r#""id":"1","requestId":"r","timestamp":"2020-05-01T20:00:00Z","type":"t","source":"s""#;
    Event::from_json(format!(r#"{{"data":{data},{rest}}}"#)).unwrap()
}

#[test]
fn the_key_is_the_normalised_timestamp_the_id_and_the_hash_of_the_canonical_json() {
    let event = event(r#"{"Name":"Microservice A"}"#);
    insta::assert_snapshot!(event.to_json(), @r#"{"data":{"Name":"Microservice A"},"id":"1","requestId":"r","source":"s","timestamp":"2020-05-01T20:00:00Z","type":"t"}"#);
    // sha256sum of the line above.
    insta::assert_snapshot!(event.key(), @"2020-05-01T20:00:00.000000000Z#1#2ba38649caf7e1f326d8ebbfa4090912036373058b02c2849ffc3fb11920c56e");
}

#[test]
fn white_space_key_order_and_how_a_number_is_written_do_not_count() {
    let first = event(r#"{"a":1,"b":[0.05,{"c":"é","d":null}]}"#);
    let same = event(r#" { "b" : [ 5.0e-2 , { "d":null, "c":"\u00e9" } ],  "\u0061":1.0 }"#);
    assert_eq!(first, same);
    assert_eq!(first.to_json(), same.to_json());
    for other in [r#"{"a":1,"b":[0.05,{"c":"é"}]}"#, r#"{"a":"1","b":[0.05,{"c":"é","d":null}]}"#] {
        assert_ne!(first, event(other));
    }
}

#[test]
fn every_field_counts() {
    let fields = [
        ("id", "2"),
        ("requestId", "q"),
        ("timestamp", "2020-05-01T22:00:00+02:00"),
        ("type", "u"),
        ("source", "z"),
    ];
    let seed: Value = serde_json::from_str(&event("{}").to_json()).unwrap();
    for (field, value) in fields.into_iter().chain([("traceId", "x")]) {
        let mut changed = seed.clone();
        changed[field] = json!(value);
        assert_ne!(Event::from_json(changed.to_string()).unwrap(), event("{}"), "{field}");
    }
}

#[test]
fn fields_beyond_the_known_come_back_at_the_top_level_in_their_sorted_place() {
    let message = json!({"id":"1","requestId":"r","timestamp":"2020-05-01T20:00:00Z","type":"t","source":"s","data":{},
        "aFirst":0,"iMiddle":[false],"zLast":null});
    let event = Event::from_json(message.to_string()).unwrap();
    assert_eq!(event.extensions().len(), 3);
    insta::assert_snapshot!(event.to_json(), @r#"{"aFirst":0,"data":{},"iMiddle":[false],"id":"1","requestId":"r","source":"s","timestamp":"2020-05-01T20:00:00Z","type":"t","zLast":null}"#);
}

#[test]
fn an_object_that_looks_like_serde_jsons_mark_of_a_number_stays_an_object() {
    let event = event(r#"{"a":{"$serde_json::private::Number":"1"}}"#);
    assert!(event.data()["a"].is_object());
    assert_eq!(Event::from_json(event.to_json()).unwrap(), event);
}

#[test]
fn the_shard_of_an_id_never_changes() {
    let shards = |n| NonZeroU16::new(n).unwrap();
    assert_eq!(shard("5b070a84-c5d5-460a-ac98-a0717cbc8e56", shards(1)), 0);
    // FNV-1a of "a" is af63dc4c8601ec8c, of "foobar" 85944171f73967e8 (the algorithm's published test vectors).
    assert_eq!(u64::from(shard("a", shards(65_535))), 0xaf63_dc4c_8601_ec8c_u64 % 65_535);
    assert_eq!(u64::from(shard("foobar", shards(10))), 0x8594_4171_f739_67e8_u64 % 10);
}

#[test]
fn a_fraction_of_a_second_sorts_after_the_whole_second() {
    let parse = |text: &str| Timestamp::parse(text).unwrap();
    let (whole, half) = (parse("2020-05-01T20:00:00Z"), parse("2020-05-01T20:00:00.5Z"));
    assert!(half.as_sent() < whole.as_sent(), "as sent the text order is wrong");
    assert!(half.normalised() > whole.normalised());
    assert_eq!(parse("2020-05-01T22:00:00+02:00"), whole);
}

/// Any RFC 3339 instant in years 1 to 9998, with any offset and precision.
fn timestamps() -> impl Strategy<Value = (i128, String)> {
    (-62_135_596_800_i64..253_370_764_800, 0_u32..1_000_000_000, 0..10_usize, -1439..1440_i64).prop_map(
        |(seconds, nanos, digits, offset)| {
            let fraction =
                if digits == 0 { String::new() } else { format!(".{nanos:09}")[..=digits].to_owned() };
            let kept = nanos - nanos % 10_u32.pow(9 - digits as u32);
            let local = time::OffsetDateTime::from_unix_timestamp(seconds + offset * 60).unwrap();
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
            let text = format!("{}T{}{fraction}{sign}{hours:02}:{minutes:02}", local.date(), clock(local));
            (i128::from(seconds) * 1_000_000_000 + i128::from(kept), text)
        },
    )
}

fn clock(at: time::OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// Any JSON value with keys and numbers that DynamoDB takes.
fn values() -> impl Strategy<Value = Value> {
    let number = ("-?[1-9][0-9]{0,37}", -100..80_i32)
        .prop_map(|(digits, exponent)| Value::Number(format!("{digits}e{exponent}").parse().unwrap()));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        number,
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let object = prop::collection::btree_map("\\PC{1,8}", inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn text_order_of_timestamps_is_time_order((a, text_a) in timestamps(), (b, text_b) in timestamps()) {
        let (text_a, text_b) = (Timestamp::parse(text_a).unwrap(), Timestamp::parse(text_b).unwrap());
        prop_assert_eq!(text_a.normalised().len(), 30);
        prop_assert_eq!(text_a.normalised().cmp(text_b.normalised()), a.cmp(&b));
        prop_assert_eq!(text_a.instant().unix_timestamp_nanos(), a);
    }

    #[test]
    fn canonical_json_reads_back_as_the_same_event(data in prop::collection::btree_map("\\PC{1,8}", values(), 0..6)) {
        let data = Value::Object(data.into_iter().collect());
        let first = event(&data.to_string());
        let again = Event::from_json(first.to_json()).unwrap();
        prop_assert_eq!(&again, &first);
        prop_assert_eq!(again.to_json(), first.to_json());
        prop_assert_eq!(event(&serde_json::to_string_pretty(&data).unwrap()), first);
    }

    #[test]
    fn no_input_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[\\[\\]{}\":,0-9a-z\\\\]{0,64}") {
        let _ = Event::from_json(bytes);
        let _ = Event::from_json(text);
    }
}
