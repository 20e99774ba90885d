//! The form of the log: a header, then one frame a batch of events, each with its length and its checksum.
//!
//!     frame = length of the payload (4 bytes, little-endian) | CRC-32 of length and payload (4 bytes) | payload

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use crate::store::event::{Proposed, Record, Ticks};

/// What a log begins with: its name and the version of its form.
pub(super) const HEADER: &[u8; 16] = b"eventstore-log\x00\x01";

/// The length and the checksum before a payload.
const PREFIX: usize = 8;

#[derive(Clone, PartialEq, Message)]
struct Batch {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
}

/// An event as the log keeps it. Its position follows from the events before it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Entry {
    #[prost(string, tag = "1")]
    pub(crate) stream: String,
    #[prost(uint64, tag = "2")]
    pub(crate) revision: u64,
    #[prost(fixed64, tag = "3")]
    created: u64,
    #[prost(bytes = "bytes", tag = "4")]
    id: Bytes,
    #[prost(string, tag = "5")]
    event_type: String,
    #[prost(bool, tag = "6")]
    is_json: bool,
    #[prost(bytes = "bytes", tag = "7")]
    data: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    metadata: Bytes,
}

impl From<&Record> for Entry {
    fn from(record: &Record) -> Self {
        let event = &record.event;
        Self {
            stream: record.stream.to_string(),
            revision: record.revision,
            created: record.created.0,
            id: Bytes::copy_from_slice(event.id.as_bytes()),
            event_type: event.event_type.clone(),
            is_json: event.is_json,
            data: event.data.clone(),
            metadata: event.metadata.clone(),
        }
    }
}

impl Entry {
    pub(crate) fn created(&self) -> Ticks {
        Ticks(self.created)
    }

    pub(crate) fn into_event(self) -> Proposed {
        Proposed {
            id: Uuid::from_slice(&self.id).unwrap_or_default(),
            event_type: self.event_type,
            is_json: self.is_json,
            data: self.data,
            metadata: self.metadata,
        }
    }
}

/// The frame of these events.
pub(super) fn encode(records: &[Arc<Record>]) -> Vec<u8> {
    let batch = Batch { entries: records.iter().map(|record| Entry::from(&**record)).collect() };
    let payload = batch.encode_to_vec();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut frame = Vec::with_capacity(PREFIX + payload.len());
    frame.extend_from_slice(&length);
    frame.extend_from_slice(&checksum(length, &payload).to_le_bytes());
    frame.extend_from_slice(&payload);
    frame
}

/// What lies at the beginning of these bytes.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// There is nothing: the log ends here.
    End,
    /// A whole frame, and how long it is.
    Whole { entries: Vec<Entry>, length: usize },
    /// The beginning of a frame whose rest was never written.
    Torn,
    /// A frame that was written whole and is not what was written.
    Corrupt,
}

pub(super) fn decode(bytes: &Bytes) -> Frame {
    if bytes.is_empty() {
        return Frame::End;
    }
    let Some((prefix, rest)) = bytes.split_at_checked(PREFIX) else { return Frame::Torn };
    let (Ok(length), Ok(expected)) = (<[u8; 4]>::try_from(&prefix[..4]), <[u8; 4]>::try_from(&prefix[4..])) else {
        return Frame::Torn;
    };
    let size = u32::from_le_bytes(length) as usize;
    // A file system may have made the file longer before it wrote what belongs there: that reads as zeros.
    if size == 0 || size > rest.len() {
        return Frame::Torn;
    }
    let payload = bytes.slice(PREFIX..PREFIX + size);
    let batch = match checksum(length, &payload) == u32::from_le_bytes(expected) {
        true => Batch::decode(payload).ok(),
        false => None,
    };
    match batch {
        Some(batch) => Frame::Whole { entries: batch.entries, length: PREFIX + size },
        None if size == rest.len() => Frame::Torn,
        None => Frame::Corrupt,
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}
