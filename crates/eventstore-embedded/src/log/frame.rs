//! The form of the log: a header, then one frame a batch of events, each with its length and its checksum.
//!
//! ```text
//! frame = length of the payload | CRC-32 of the length | CRC-32 of the payload | payload
//! ```
//!
//! The three numbers have 4 bytes each, little-endian. The length has a checksum of its own: a damaged length must not make
//! all that follows it look like the unfinished end of the log.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use crate::store::event::{Proposed, Record, Ticks};

/// What a log begins with: its name and the version of its form.
pub(super) const HEADER: &[u8; 16] = b"eventstore-log\x00\x01";

/// The length and the checksums before a payload.
const PREFIX: usize = 12;

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
    frame.extend_from_slice(&crc32fast::hash(&length).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
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
    let Some([length, length_checksum, payload_checksum]) = prefix(bytes) else {
        return Frame::Torn;
    };
    if crc32fast::hash(&length.to_le_bytes()) != length_checksum {
        return Frame::Corrupt;
    }
    let end = PREFIX + length as usize;
    if end > bytes.len() {
        return Frame::Torn;
    }
    let payload = bytes.slice(PREFIX..end);
    let intact = crc32fast::hash(&payload) == payload_checksum;
    match Batch::decode(payload).ok().filter(|_| intact) {
        Some(batch) => Frame::Whole { entries: batch.entries, length: end },
        // Nothing was written behind it.
        None if bytes[end..].iter().all(|byte| *byte == 0) => Frame::Torn,
        None => Frame::Corrupt,
    }
}

/// The numbers before a payload, if all of them were written. A file system may make a file longer before it writes what
/// belongs there: that reads as zeros.
fn prefix(bytes: &[u8]) -> Option<[u32; 3]> {
    let written = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let (prefix, _) = bytes.split_first_chunk::<PREFIX>().filter(|_| written >= PREFIX)?;
    let number = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
    Some([number(0), number(4), number(8)])
}
