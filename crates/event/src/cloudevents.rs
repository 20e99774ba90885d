//! CloudEvents 1.0 in structured JSON: an event's other form on the wire, and the mapping between the two.
//!
//! An object with `specversion` is a CloudEvent, but where it has both `requestId` and `timestamp`: then it is in our own
//! form, with a further field of that name.
//!
//! | CloudEvents | our form |
//! |---|---|
//! | `specversion` | nothing: it is always `1.0` |
//! | `id`, `source`, `type` | the same |
//! | `time`, which CloudEvents leaves open, is required | `timestamp` |
//! | `requestid`; where it is not there, the first of: a `correlationid` (Correlation extension), the trace id of a `traceparent` (Distributed Tracing extension) with hyphens after 8, 12, 16 and 20 digits, the `id` | `requestId` |
//! | `data` that is an object | `data` |
//! | other `data`, `data_base64`, neither | `data` is `{"data": …}`, `{"data_base64": …}`, `{}`, and `cloudEventDataWrapped` is `true` |
//! | `timestamp`, an extension attribute of that name | `cloudEventTimestamp` |
//! | every other attribute | the field of its name |
//! | `headwaterfields` | the fields that no attribute can hold, as JSON text |
//!
//! The mapping is one to one. A CloudEvent comes back equal by value (an attribute that is `null` is not there, and how a
//! number is written does not count), and so does an event of our form; an event that is sent in the one form and again in
//! the other is stored once. That takes two rules more:
//!
//! - A `requestid` that says what would have been taken without it stays a field of that name too.
//! - What CloudEvents has no room for is in `headwaterfields`: fields whose names are not lower-case letters and digits,
//!   values that are lists, objects, `null` or numbers beyond 32-bit integers, the names of this table where they mean
//!   something else. A source, id or type that CloudEvents does not allow, such as a source with a space, is there as it is
//!   and percent-encoded in its attribute. The attribute is ours: with anything but what [`to_json`] writes it is refused.
//!
//! What a CloudEvent must be is checked, so what is written is one: names, types and characters of attributes, `source` and
//! `dataschema` as URIs, text as `data` of a content type that is not JSON.
//!
//! Sources: CloudEvents 1.0.2, "CloudEvents" (context attributes, type system) and "JSON Event Format"
//! (<https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents>); W3C Trace Context, "traceparent".

mod attribute;
mod payload;
mod request;
mod uri;

use serde_json::{Map, Value};

use self::payload::Payload;
use crate::rejection::{Problem, Rejection, Segment};
use crate::{Event, check, json};

/// The version of the specification that is read and written.
pub const SPECVERSION: &str = "1.0";

/// The attribute that holds the fields for which CloudEvents has no room.
const FIELDS: &str = "headwaterfields";
/// Our field for an extension attribute `timestamp`. No attribute can have such a name.
const TIMESTAMP: &str = "cloudEventTimestamp";

/// The event as a CloudEvent: one JSON object on one line, keys sorted by their bytes.
pub fn to_json(event: &Event) -> String {
    // Writing maps with text keys into memory cannot fail.
    serde_json::to_string(&to_members(event)).unwrap_or_default()
}

/// Whether an object is a CloudEvent, not an event in our own form.
pub(crate) fn is_one(fields: &Map<String, Value>) -> bool {
    let has = |name| fields.contains_key(name);
    has("specversion") && !(has("requestId") && has("timestamp"))
}

/// Reads a CloudEvent.
pub(crate) fn from_members(mut members: Map<String, Value>) -> Result<Event, Rejection> {
    members.retain(|name, value| name == "data" || !value.is_null());
    attribute::check_all(&mut members)?;
    let Some(ours) = members.get(FIELDS) else {
        let payload = Payload::take(&mut members)?;
        let is_wrapped = payload.is_wrapped();
        return Event::from_fields(to_fields(members, payload))
            .map_err(|rejection| in_terms_of_members(rejection, is_wrapped));
    };

    let not_ours = || Rejection::at_field(FIELDS, Problem::NotOurFields);
    let Some(Ok(Value::Object(ours))) = ours.as_str().map(|text| json::parse(text.as_bytes())) else {
        return Err(not_ours());
    };
    let mut written = members.clone();
    members.remove(FIELDS);
    let payload = Payload::take(&mut members)?;
    let is_wrapped = payload.is_wrapped();
    let mut fields = to_fields(members, payload);
    let names: Vec<_> = ours.keys().map(|name| Segment::key(name)).collect();
    fields.extend(ours);
    let event = Event::from_fields(fields).map_err(|rejection| {
        if rejection.at.segments().next().is_some_and(|root| names.contains(root)) {
            return rejection.within(Segment::key(FIELDS));
        }
        in_terms_of_members(rejection, is_wrapped)
    })?;
    // Only what `to_members` writes is taken, so that no two CloudEvents are one event. Numbers into their one form first.
    check::object(&mut written, 0)?;
    if to_members(&event) == written { Ok(event) } else { Err(not_ours()) }
}

/// Our fields for the attributes and the payload.
fn to_fields(mut members: Map<String, Value>, payload: Payload) -> Map<String, Value> {
    let implied = request::implied_by(&members);
    let request_id = match members.remove("requestid") {
        Some(given) if given == implied => {
            members.insert("requestid".to_owned(), given);
            implied.into()
        }
        Some(given) => given,
        None => implied.into(),
    };
    members.remove("specversion");
    if let Some(timestamp) = members.remove("timestamp") {
        members.insert(TIMESTAMP.to_owned(), timestamp);
    }
    if let Some(time) = members.remove("time") {
        members.insert("timestamp".to_owned(), time);
    }
    members.insert("requestId".to_owned(), request_id);
    payload.put(&mut members);
    members
}

/// A rejection of our fields, at the place in the CloudEvent from which they come.
fn in_terms_of_members(mut rejection: Rejection, is_wrapped: bool) -> Rejection {
    match rejection.at.pop_root() {
        Some(Segment::Key(name)) if name == "timestamp" => rejection.within(Segment::key("time")),
        Some(Segment::Key(name)) if name == "requestId" => rejection.within(Segment::key("requestid")),
        // What is left of the path begins with the wrapper's own member.
        Some(Segment::Key(name)) if name == "data" && is_wrapped => rejection,
        Some(root) => rejection.within(root),
        None => rejection,
    }
}

/// The members of the CloudEvent that `event` is.
fn to_members(event: &Event) -> Map<String, Value> {
    let payload = Payload::of(event);
    let (mut members, mut ours) = (Map::new(), Map::new());
    for (name, text) in [("id", event.id()), ("source", event.source()), ("type", event.event_type())] {
        let value = Value::from(text);
        if attribute::check(name, &value).is_ok() {
            members.insert(name.to_owned(), value);
        } else {
            members.insert(name.to_owned(), uri::percent_encode(text).into());
            ours.insert(name.to_owned(), value);
        }
    }
    for (name, value) in event.extensions() {
        let target = match name.as_str() {
            payload::WRAPPED if payload.is_wrapped() => continue,
            TIMESTAMP if attribute::check("timestamp", value).is_ok() => {
                members.insert("timestamp".to_owned(), value.clone());
                continue;
            }
            "requestid" | "specversion" | "time" | FIELDS => &mut ours,
            "datacontenttype" if !payload.may_be_of(value) => &mut ours,
            _ if attribute::check(name, value).is_ok() => &mut members,
            _ => &mut ours,
        };
        target.insert(name.clone(), value.clone());
    }
    put_request_id(event.request_id(), &mut members, &mut ours);
    payload.write(&mut members);
    members.insert("specversion".to_owned(), SPECVERSION.into());
    members.insert("time".to_owned(), event.timestamp().as_sent().into());
    if !ours.is_empty() {
        members.insert(FIELDS.to_owned(), attribute::json_text(&ours).into());
    }
    members
}

/// The inverse of what [`to_fields`] does with `requestid`.
fn put_request_id(request_id: &str, members: &mut Map<String, Value>, ours: &mut Map<String, Value>) {
    let value = Value::from(request_id);
    if value == request::implied_by(members) {
        if ours.get("requestid") == Some(&value) {
            ours.remove("requestid");
            members.insert("requestid".to_owned(), value);
        }
    } else if attribute::check("requestid", &value).is_ok() {
        members.insert("requestid".to_owned(), value);
    } else {
        ours.insert("requestId".to_owned(), value);
    }
}
