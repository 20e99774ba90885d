//! Between the protocol's messages and the store's types.

use std::collections::HashMap;

use bytes::Bytes;
use tonic::Status;
use uuid::Uuid;

use super::status;
use crate::{
    protocol::{
        shared::{
            AllOptions, Empty, FilterOptions, Position, ReadEvent, RecordedEvent, StreamIdentifier,
            StreamOptions, Uuid as WireUuid, UuidOption,
            all_options::AllOption,
            filter_options::{self, Window},
            read_event,
            stream_options::RevisionOption,
            uuid::{Structured, Value},
            uuid_option,
        },
        streams::{ProposedMessage, WriteOptions, write_options::ExpectedStreamRevision},
    },
    store::{
        Expected,
        event::{Proposed, Record},
        filter::{Filter, On},
        read::Resolved,
    },
};

const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

/// How identifiers are written: as text, or as two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UuidForm {
    Text,
    Numbers,
}

impl From<Option<UuidOption>> for UuidForm {
    fn from(option: Option<UuidOption>) -> Self {
        match option.and_then(|option| option.content) {
            Some(uuid_option::Content::String(_)) => Self::Text,
            Some(uuid_option::Content::Structured(_)) | None => Self::Numbers,
        }
    }
}

pub(crate) fn wire_uuid(id: Uuid, form: UuidForm) -> WireUuid {
    let value = match form {
        UuidForm::Text => Value::String(id.to_string()),
        UuidForm::Numbers => {
            let (high, low) = id.as_u64_pair();
            let (most_significant_bits, least_significant_bits) = (high.cast_signed(), low.cast_signed());
            Value::Structured(Structured { most_significant_bits, least_significant_bits })
        }
    };
    WireUuid { value: Some(value) }
}

/// An identifier, which is never the nil one.
pub(crate) fn uuid(wire: Option<&WireUuid>) -> Result<Uuid, Status> {
    let id = match wire.and_then(|wire| wire.value.as_ref()) {
        Some(Value::Structured(parts)) => {
            let (high, low) = (parts.most_significant_bits, parts.least_significant_bits);
            Uuid::from_u64_pair(high.cast_unsigned(), low.cast_unsigned())
        }
        Some(Value::String(text)) => {
            let invalid = |_| Status::invalid_argument(format!("'{text}' is not a UUID"));
            text.parse().map_err(invalid)?
        }
        None => Uuid::nil(),
    };
    match id.is_nil() {
        true => Err(Status::invalid_argument("an identifier is missing or empty")),
        false => Ok(id),
    }
}

/// A stream's name.
pub(crate) fn stream_name(identifier: Option<StreamIdentifier>) -> Result<String, Status> {
    let name = identifier.map(|identifier| identifier.stream_name).unwrap_or_default();
    match String::from_utf8(name.into()) {
        Ok(name) if !name.is_empty() => Ok(name),
        Ok(_) => Err(Status::invalid_argument("the name of the stream is missing")),
        Err(_) => Err(Status::invalid_argument("the name of the stream is not UTF-8")),
    }
}

pub(crate) fn stream_identifier(name: &str) -> StreamIdentifier {
    StreamIdentifier { stream_name: name.to_owned().into() }
}

/// Commit and prepare are one place: no write of this server spans several records.
pub(crate) fn position(position: u64) -> Position {
    Position { commit_position: position, prepare_position: position }
}

/// The stream to write to, and the revision that it is expected to be at.
pub(crate) fn write_options(options: Option<WriteOptions>) -> Result<(String, Expected), Status> {
    let options = options.ok_or_else(|| Status::invalid_argument("the options are missing"))?;
    let expected = match options.expected_stream_revision {
        Some(ExpectedStreamRevision::Revision(revision)) => Expected::Revision(revision),
        Some(ExpectedStreamRevision::NoStream(_)) => Expected::NoStream,
        Some(ExpectedStreamRevision::Any(_)) => Expected::Any,
        Some(ExpectedStreamRevision::StreamExists(_)) => Expected::StreamExists,
        None => return Err(Status::invalid_argument("the expected revision is missing")),
    };
    let stream = stream_name(options.stream_identifier)?;
    match stream.as_str() {
        "$all" | "$$" => Err(status::access_denied()),
        _ => Ok((stream, expected)),
    }
}

/// An event to append.
pub(crate) fn proposed(message: ProposedMessage) -> Result<Proposed, Status> {
    let id = uuid(message.id.as_ref())?;
    let mut properties = message.metadata;
    let mut property =
        |name: &str| properties.remove(name).ok_or_else(|| status::missing_metadata_property(name));
    let (event_type, content_type) = (property("type")?, property("content-type")?);
    let is_json = content_type == JSON;
    // What was received is a part of a buffer of 8 KiB or more, which would be kept whole.
    let own = |part: &Bytes| Bytes::copy_from_slice(part);
    let (data, metadata) = (own(&message.data), own(&message.custom_metadata));
    Ok(Proposed { id, event_type, is_json, data, metadata })
}

/// An event for a reader.
pub(crate) fn read_event(resolved: &Resolved, form: UuidForm) -> ReadEvent {
    let recorded = |record: &std::sync::Arc<Record>| recorded_event(record, form);
    let place = resolved.original().map(|record| record.position);
    ReadEvent {
        event: resolved.event.as_ref().map(recorded),
        link: resolved.link.as_ref().map(recorded),
        position: Some(
            place.map_or(read_event::Position::NoPosition(Empty {}), read_event::Position::CommitPosition),
        ),
        count: None,
    }
}

fn recorded_event(record: &Record, form: UuidForm) -> RecordedEvent {
    let event = &record.event;
    let content_type = if event.is_json { JSON } else { BINARY };
    RecordedEvent {
        id: Some(wire_uuid(event.id, form)),
        stream_identifier: Some(stream_identifier(&record.stream)),
        stream_revision: record.revision,
        prepare_position: record.position,
        commit_position: record.position,
        metadata: HashMap::from([
            ("type".to_owned(), event.event_type.clone()),
            ("created".to_owned(), record.created.0.to_string()),
            ("content-type".to_owned(), content_type.to_owned()),
        ]),
        custom_metadata: event.metadata.clone(),
        data: event.data.clone(),
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Start,
    /// At this revision, or at this position.
    At(u64),
    End,
}

/// A stream and where in it to begin.
pub(crate) fn in_stream(options: StreamOptions) -> Result<(String, Begin), Status> {
    let from = match options.revision_option {
        Some(RevisionOption::Revision(revision)) => Begin::At(revision),
        Some(RevisionOption::Start(_)) | None => Begin::Start,
        Some(RevisionOption::End(_)) => Begin::End,
    };
    Ok((stream_name(options.stream_identifier)?, from))
}

/// Where in `$all` to begin.
pub(crate) fn in_all(options: &AllOptions) -> Begin {
    match &options.all_option {
        Some(AllOption::Position(position)) => Begin::At(position.commit_position),
        Some(AllOption::Start(_)) | None => Begin::Start,
        Some(AllOption::End(_)) => Begin::End,
    }
}

/// A filter, and after how many events a subscription says how far it has looked.
pub(crate) fn filter(options: FilterOptions) -> Result<(Filter, usize), Status> {
    const WINDOW: u32 = 32;
    let (on, expression) = match options.filter {
        Some(filter_options::Filter::StreamIdentifier(expression)) => (On::Stream, expression),
        Some(filter_options::Filter::EventType(expression)) => (On::EventType, expression),
        None => return Err(Status::invalid_argument("the filter is missing")),
    };
    let filter = Filter::new(on, expression.prefix, &expression.regex).map_err(|error| {
        Status::invalid_argument(format!("'{}' is not a regular expression: {error}", expression.regex))
    })?;
    let window = match options.window {
        Some(Window::Max(0)) => return Err(Status::invalid_argument("the search window is 0")),
        Some(Window::Max(window)) => window,
        Some(Window::Count(_)) | None => WINDOW,
    };
    let interval = window.saturating_mul(options.checkpoint_interval_multiplier.max(1));
    Ok((filter, interval as usize))
}
