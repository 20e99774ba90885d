//! An event of the journal in the form in which EventStoreDB keeps it.

use bytes::Bytes;
use event::Event;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::store::Proposed;

/// What the id of an event whose own is no UUID is made under, with `<source>\0<id>`. It never changes.
const IDS: Uuid = Uuid::from_u128(0x6f0c_1d5e_93a4_4f0b_8a27_5d9e_41c3_b06f);
/// What the id of an event whose own is taken is made under, with its event key. It never changes.
const KEYS: Uuid = Uuid::from_u128(0xb8a1_7c42_0e6d_4d35_9f58_21c7_d3f4_e690);

/// What EventStoreDB may count of an event besides data, metadata and type; more than any version does.
const OVERHEAD: usize = 64;

/// An event on its way to EventStoreDB.
///
/// Which event of a stream it is, its metadata's `eventKey` tells: that is its key in the journal, hash of its content
/// included, and so it is its identity there. Its id in EventStoreDB is not: the journal keeps two events of one id and other
/// content, and so does the stream, where the ids of all events must differ (EventStoreDB takes an append of known ids for done).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    event_key: String,
    own_id: Uuid,
    event_type: String,
    data: Bytes,
    metadata: Bytes,
}

/// The custom metadata, with all that the event holds beside type and data. The order of the fields is part of the bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    /// By this EventStoreDB's projection `$by_correlation_id` links.
    #[serde(rename = "$correlationId")]
    correlation_id: &'a str,
    id: &'a str,
    source: &'a str,
    timestamp: &'a str,
    event_key: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    extensions: &'a Map<String, Value>,
}

impl Outgoing {
    /// The form of `event`. The same event has the same form, whenever it is relayed.
    ///
    /// # Errors
    /// serde_json's, which an event does not meet: maps with text keys can always be written.
    pub(crate) fn new(event: &Event) -> Result<Self, serde_json::Error> {
        let event_key = String::from(event.key());
        let metadata = Metadata {
            correlation_id: event.request_id(),
            id: event.id(),
            source: event.source(),
            timestamp: event.timestamp().as_sent(),
            event_key: &event_key,
            extensions: event.extensions(),
        };
        Ok(Self {
            metadata: serde_json::to_vec(&metadata)?.into(),
            data: serde_json::to_vec(event.data())?.into(),
            event_type: event.event_type().to_owned(),
            own_id: own_id(event),
            event_key,
        })
    }

    /// Its key in the journal.
    pub(crate) fn event_key(&self) -> &str {
        &self.event_key
    }

    /// The ids that it may have in EventStoreDB, in the order in which they are tried: the event's own (or made of source and
    /// id), and where another event has that, those made of its key.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> {
        let of_key = |turn: usize| match turn {
            0 => Uuid::new_v5(&KEYS, self.event_key.as_bytes()),
            _ => Uuid::new_v5(&KEYS, format!("{}\0{turn}", self.event_key).as_bytes()),
        };
        std::iter::once(self.own_id).chain((0..).map(of_key))
    }

    /// Its size in an append, in bytes, an upper bound.
    pub(crate) fn size(&self) -> usize {
        self.data.len() + self.metadata.len() + 2 * self.event_type.len() + OVERHEAD
    }

    /// The event to append, with this id.
    pub(crate) fn propose(&self, id: Uuid) -> Proposed {
        Proposed {
            id,
            event_type: self.event_type.clone(),
            data: self.data.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

/// EventStoreDB takes UUIDs, and not the nil one.
fn own_id(event: &Event) -> Uuid {
    const HYPHENATED: usize = 36;
    let uuid =
        Uuid::try_parse(event.id()).ok().filter(|uuid| event.id().len() == HYPHENATED && !uuid.is_nil());
    uuid.unwrap_or_else(|| Uuid::new_v5(&IDS, format!("{}\0{}", event.source(), event.id()).as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outgoing(changes: Value) -> Outgoing {
        let mut fields = json!({
            "id": "5b070a84-c5d5-460a-ac98-a0717cbc8e56", "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
            "timestamp": "2020-05-01T22:00:00+02:00", "type": "MICROSERVICE_REQUEST", "source": "Gateway",
            "data": { "Name": "Microservice A" },
        });
        for (field, value) in changes.as_object().unwrap() {
            fields[field] = value.clone();
        }
        Outgoing::new(&Event::from_json(fields.to_string()).unwrap()).unwrap()
    }

    fn own(changes: Value) -> String {
        outgoing(changes).ids().next().unwrap().to_string()
    }

    #[test]
    fn nothing_of_an_event_is_lost_and_numbers_keep_their_text() {
        let precise: Value = serde_json::from_str(
            r#"{ "data": { "z": 12345678901234567890123456789012345678, "a": [0, false, null, 1e-130, 0.05] }, "traceparent": "00-1" }"#,
        )
        .unwrap();
        let event = outgoing(precise).propose(Uuid::max());
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        insta::assert_snapshot!(format!(
            "{}\n{}\n{}",
            event.event_type,
            text(&event.data),
            text(&event.metadata)
        ));
    }

    #[test]
    fn a_uuid_is_the_id_as_it_is_and_another_id_is_made_of_source_and_id() {
        let uuid = "5b070a84-c5d5-460a-ac98-a0717cbc8e56";
        assert_eq!(own(json!({})), uuid);
        assert_eq!(own(json!({ "id": uuid.to_uppercase() })), uuid);
        // Stored streams have these: they must never change.
        assert_eq!(own(json!({ "id": "order-1" })), "8c748d3c-239f-52b9-be2b-79d9af7a7fe2");
        assert_ne!(own(json!({ "id": "order-1", "source": "Shop" })), own(json!({ "id": "order-1" })));
        let nil = Uuid::nil().to_string();
        assert_ne!(own(json!({ "id": nil })), nil, "EventStoreDB refuses it");
        assert_ne!(own(json!({ "id": uuid.replace('-', "") })), uuid, "another text is another id");
    }

    #[test]
    fn a_cloudevent_whose_id_is_as_long_as_can_be_has_an_id_made_of_source_and_id() {
        let cloudevent = json!({
            "specversion": "1.0", "id": "é".repeat(event::limits::ID_BYTES / 2), "source": "/mycontext", "type": "T",
            "time": "2020-05-01T20:00:00Z",
        });
        let outgoing = Outgoing::new(&Event::from_json(cloudevent.to_string()).unwrap()).unwrap();
        assert_eq!(outgoing.own_id.get_version_num(), 5);
        let metadata: Value = serde_json::from_slice(&outgoing.metadata).unwrap();
        assert_eq!(metadata["id"], cloudevent["id"]);
    }

    #[test]
    fn events_of_one_id_and_other_content_have_further_ids_of_their_own() {
        let (one, other) = (outgoing(json!({})), outgoing(json!({ "data": {} })));
        let (ones, others): (Vec<_>, Vec<_>) = (one.ids().take(3).collect(), other.ids().take(3).collect());
        assert_eq!(ones[0], others[0]);
        assert!(ones[1..].iter().all(|id| !others.contains(id)));
        assert_eq!(ones[1].to_string(), "a9d8a3c8-7fbd-5d06-86fd-3df32fe75987");
    }
}
