//! The event and its two forms: the fields, and the JSON on the wire.

use std::num::NonZeroU16;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::rejection::{Problem, Rejection};
use crate::{ContentHash, EventKey, Timestamp, check, cloudevents, identity, json, limits};

/// One thing that happened. A value of this type can be stored: everything that DynamoDB would refuse for its content, but
/// for the item's size, was refused when it was made.
///
/// Numbers are held in one decimal form, so two events are equal exactly when their content is.
#[derive(Clone, Debug)]
pub struct Event {
    id: String,
    request_id: String,
    timestamp: Timestamp,
    event_type: String,
    source: String,
    data: Map<String, Value>,
    extensions: Map<String, Value>,
    hash: ContentHash,
}

impl Event {
    /// Reads a message: one JSON object in UTF-8. It is in our own form, camelCase, with `id`, `requestId`, `timestamp`,
    /// `type`, `source` and `data`, where fields beside these are kept as [`extensions`](Self::extensions); or it is a
    /// CloudEvent, as [`cloudevents`] says.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, Rejection> {
        match json::parse(json.as_ref())? {
            Value::Object(members) if cloudevents::is_one(&members) => cloudevents::from_members(members),
            Value::Object(fields) => Self::from_fields(fields),
            Value::Array(_) => Err(Rejection::new(Problem::List)),
            other => Err(Rejection::new(check::wrong_type("an object", &other))),
        }
    }

    /// Reads a JSON object in our own form that is parsed already.
    pub fn from_fields(mut fields: Map<String, Value>) -> Result<Self, Rejection> {
        let id = check::text(&mut fields, "id", limits::ID_BYTES)?;
        let request_id = check::text(&mut fields, "requestId", limits::REQUEST_ID_BYTES)?;
        let timestamp = Timestamp::parse(check::text(&mut fields, "timestamp", usize::MAX)?)
            .map_err(|error| Rejection::at_field("timestamp", Problem::NotATimestamp(error)))?;
        let event_type = check::text(&mut fields, "type", limits::TYPE_BYTES)?;
        if event_type.starts_with('$') {
            return Err(Rejection::at_field("type", Problem::ReservedType));
        }
        let source = check::text(&mut fields, "source", limits::SOURCE_BYTES)?;
        let data = check::data(&mut fields)?;
        // As stored: what is left of the fields lies in a map as `data` does, one level deeper than it was sent.
        check::object(&mut fields, 1)?;
        let hash = ContentHash::of(&[]);
        let mut event =
            Self { id, request_id, timestamp, event_type, source, data, extensions: fields, hash };
        event.hash = ContentHash::of(event.to_json().as_bytes());
        Ok(event)
    }

    /// The event's own id, unique for its source.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What groups the events of one request.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// When it happened.
    pub fn timestamp(&self) -> &Timestamp {
        &self.timestamp
    }

    /// What happened: the wire field `type`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Who says so.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The payload.
    pub fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// Top-level fields beside the six that every event has.
    pub fn extensions(&self) -> &Map<String, Value> {
        &self.extensions
    }

    /// The hash of all of its content.
    pub fn content_hash(&self) -> ContentHash {
        self.hash
    }

    /// Its sort key in the journal.
    pub fn key(&self) -> EventKey {
        EventKey::new(&self.timestamp, &self.id, self.hash)
    }

    /// Its index shard of `shards`.
    pub fn shard(&self, shards: NonZeroU16) -> u16 {
        identity::shard(&self.id, shards)
    }

    /// Canonical JSON: our own form without white space, keys sorted by their bytes, strings escaped only where JSON asks.
    pub fn to_json(&self) -> String {
        // Writing maps with text keys into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A member of the wire form.
#[derive(Clone, Copy)]
enum Member<'a> {
    Text(&'a str),
    Object(&'a Map<String, Value>),
    Any(&'a Value),
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Object(object) => object.serialize(serializer),
            Self::Any(value) => value.serialize(serializer),
        }
    }
}

impl Serialize for Event {
    /// The wire form with its keys sorted.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = [
            ("data", Member::Object(&self.data)),
            ("id", Member::Text(&self.id)),
            ("requestId", Member::Text(&self.request_id)),
            ("source", Member::Text(&self.source)),
            ("timestamp", Member::Text(self.timestamp.as_sent())),
            ("type", Member::Text(&self.event_type)),
        ];
        let mut members = serializer.serialize_map(Some(known.len() + self.extensions.len()))?;
        let mut extensions =
            self.extensions.iter().map(|(key, value)| (key.as_str(), Member::Any(value))).peekable();
        for (key, member) in known {
            while let Some((extension, value)) = extensions.next_if(|(extension, _)| *extension < key) {
                members.serialize_entry(extension, &value)?;
            }
            members.serialize_entry(key, &member)?;
        }
        for (key, value) in extensions {
            members.serialize_entry(key, &value)?;
        }
        members.end()
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Event {}
