//! The wire form of a call's events, written straight into one text: the way of every request is not through maps.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use event::call::Call;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::random;

/// Nanoseconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UnixNanos(u64);

impl UnixNanos {
    pub(crate) fn now() -> Self {
        // A clock before 1970 or after 2554 is broken. An event with a wrong time is better than none.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn plus(self, nanoseconds: u64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }

    /// RFC 3339 in UTC with nine fractional digits, as [`event::Timestamp::normalised`] has it.
    pub(crate) fn write(self, out: &mut String) {
        const SECOND: u64 = 1_000_000_000;
        let seconds = i64::try_from(self.0 / SECOND).unwrap_or_default();
        let instant = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = instant.to_calendar_date();
        let (hour, minute, second) = instant.to_hms();
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        digits(&mut text[0..4], u64::from(year.unsigned_abs()));
        digits(&mut text[5..7], u64::from(u8::from(month)));
        digits(&mut text[8..10], u64::from(day));
        digits(&mut text[11..13], u64::from(hour));
        digits(&mut text[14..16], u64::from(minute));
        digits(&mut text[17..19], u64::from(second));
        digits(&mut text[20..29], self.0 % SECOND);
        out.push_str(str::from_utf8(&text).unwrap_or_default());
    }
}

/// Writes the last decimal digits of `number` that there is room for.
fn digits(room: &mut [u8], mut number: u64) {
    for place in room.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Appends the event of that type, with a new id.
///
/// It is valid by [`event::Event::from_json`] where source and request id are: neither empty nor too long.
pub(crate) fn write_call(
    out: &mut String,
    event_type: &str,
    source: &str,
    request_id: &str,
    at: UnixNanos,
    call: &Call<'_>,
) {
    let mut id = Uuid::encode_buffer();
    out.push_str(r#"{"id":""#);
    out.push_str(random::uuid().hyphenated().encode_lower(&mut id));
    write_member(out, r#"","requestId":""#, request_id);
    out.push_str(r#"","timestamp":""#);
    at.write(out);
    out.push_str(r#"","type":""#);
    out.push_str(event_type);
    write_member(out, r#"","source":""#, source);
    out.push_str(r#"","data":"#);
    write_data(out, call);
    out.push('}');
}

/// The same as serde writes a [`Call`], member for member.
fn write_data(out: &mut String, call: &Call<'_>) {
    let Call { name, span, parent, method, route, attempt, status, duration_microseconds, error } = call;
    write_member(out, r#"{"Name":""#, name);
    for (member, text) in [
        (r#"","Span":""#, span),
        (r#"","Parent":""#, parent),
        (r#"","Method":""#, method),
        (r#"","Route":""#, route),
        (r#"","Error":""#, error),
    ] {
        if let Some(text) = text {
            write_member(out, member, text);
        }
    }
    out.push('"');
    for (member, number) in [
        (r#","Attempt":"#, attempt),
        (r#","Status":"#, status),
        (r#","DurationMicroseconds":"#, duration_microseconds),
    ] {
        if let Some(number) = number {
            out.push_str(member);
            out.push_str(itoa::Buffer::new().format(*number));
        }
    }
    out.push('}');
}

/// A text, and what is before it. The quotation mark behind it comes with what follows: that makes fewer pieces.
fn write_member(out: &mut String, before: &str, text: &str) {
    out.push_str(before);
    write_characters(out, text);
}

/// Appends `text` as a JSON string that has no line break and that SQS takes.
pub(crate) fn write_text(out: &mut String, text: &str) {
    write_member(out, "\"", text);
    out.push('"');
}

/// Appends the characters of such a string.
///
/// SQS allows what XML 1.0 does ("SendMessage" in the Amazon SQS API Reference): beside the control characters, which JSON
/// escapes anyway, that leaves out U+FFFE and U+FFFF.
fn write_characters(out: &mut String, text: &str) {
    let is_odd = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\' | 0xEF);
    // Nearly every text is plain. To look at all of it at once is quicker than to look for the first that is not.
    if !text.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        return out.push_str(text);
    }
    // Every byte that is looked for begins a character, so the cuts fall between characters.
    let mut rest = text;
    while let Some(place) = rest.bytes().position(is_odd) {
        let (plain, from) = rest.split_at(place);
        out.push_str(plain);
        let mut characters = from.chars();
        match characters.next() {
            Some(quoted @ ('"' | '\\')) => out.extend(['\\', quoted]),
            Some(other @ ('\0'..'\u{20}' | '\u{FFFE}' | '\u{FFFF}')) => {
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// JSON that SQS takes, of any JSON: the two characters occur in texts alone.
pub(crate) fn for_sqs(json: String) -> String {
    if json.contains(['\u{FFFE}', '\u{FFFF}']) {
        json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
    } else {
        json
    }
}

#[cfg(test)]
mod tests {
    use event::Event;
    use event::call::{FAILURE, REQUEST};
    use proptest::prelude::*;

    use super::*;

    fn anything() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                any::<char>(),
                Just('\u{FFFF}'),
                Just('\u{FFFE}'),
                Just('"'),
                Just('\n'),
                Just('\u{EFFF}')
            ],
            0..12,
        )
        .prop_map(String::from_iter)
    }

    prop_compose! {
        fn calls()(
            name in anything(), span in proptest::option::of(anything()), parent in proptest::option::of(anything()),
            method in proptest::option::of(anything()), route in proptest::option::of(anything()),
            attempt in any::<Option<u64>>(), status in any::<Option<u64>>(),
            duration_microseconds in any::<Option<u64>>(), error in proptest::option::of(anything()),
        ) -> Call<'static> {
            let text = |text: Option<String>| text.map(Into::into);
            Call { name: name.into(), span: text(span), parent: text(parent), method: text(method), route: text(route),
                   attempt, status, duration_microseconds, error: text(error) }
        }
    }

    proptest! {
        #[test]
        fn any_call_is_an_event_that_says_the_same(call in calls(), source in "\\PC{1,20}", nanoseconds in any::<u64>()) {
            let mut json = String::new();
            write_call(&mut json, REQUEST, &source, "a-request", UnixNanos(nanoseconds), &call);
            let event = Event::from_json(&json).unwrap();
            prop_assert_eq!(Call::from_data(event.data()), Some(call));
            prop_assert_eq!(event.source(), source);
            prop_assert_eq!(event.request_id(), "a-request");
            prop_assert_eq!(event.event_type(), REQUEST);
            prop_assert_eq!(event.timestamp().normalised(), event.timestamp().as_sent());
            prop_assert_eq!(event.timestamp().instant().unix_timestamp_nanos(), i128::from(nanoseconds));
        }

        #[test]
        fn any_text_is_one_line_of_characters_that_sqs_takes(text in anything()) {
            let mut json = String::new();
            write_text(&mut json, &text);
            let sqs_refuses = |character: char| character < ' ' || matches!(character, '\u{FFFE}' | '\u{FFFF}');
            prop_assert!(!json.contains(sqs_refuses));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text.clone());
            let plain = for_sqs(serde_json::to_string(&text).unwrap());
            prop_assert!(!plain.contains(sqs_refuses));
            prop_assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
        }
    }

    #[test]
    fn the_data_has_the_members_that_serde_writes() {
        let call = Call {
            name: "orders".into(),
            span: Some("00f067aa0ba902b7".into()),
            parent: Some("53ce929d0e0e4736".into()),
            method: Some("GET".into()),
            route: Some("/orders/{id}".into()),
            attempt: Some(1),
            status: Some(503),
            duration_microseconds: Some(12),
            error: Some("status".into()),
        };
        let mut json = String::new();
        write_call(&mut json, FAILURE, "shop", "r", UnixNanos(0), &call);
        let written: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(written["data"], serde_json::to_value(&call).unwrap());
    }
}
