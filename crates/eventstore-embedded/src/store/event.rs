//! What is stored: an event with its place in its stream and in the log.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use uuid::Uuid;

/// The revision of a tombstone, and the `$tb` of a stream that is deleted: the largest signed 64-bit integer.
pub(crate) const DELETED: u64 = i64::MAX as u64;

/// The type of a tombstone.
pub(crate) const TOMBSTONE_TYPE: &str = "$streamDeleted";

/// The type of the events of a metadata stream.
pub(crate) const METADATA_TYPE: &str = "$metadata";

/// The type of an event that stands for another: its data is `<revision>@<stream>`.
pub(crate) const LINK_TYPE: &str = "$>";

/// A moment, in ticks of 100 ns since 1970: the protocol's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    const A_SECOND: u64 = 10_000_000;

    /// The host's clock.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(since.as_secs() * Self::A_SECOND + u64::from(since.subsec_nanos()) / 100)
    }

    /// This moment, so many seconds before.
    pub(crate) fn minus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds.saturating_mul(Self::A_SECOND)))
    }

    /// For the protocol's newer messages.
    pub(crate) fn timestamp(self) -> prost_types::Timestamp {
        let (seconds, rest) = (self.0 / Self::A_SECOND, self.0 % Self::A_SECOND);
        prost_types::Timestamp {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
            nanos: i32::try_from(rest * 100).unwrap_or_default(),
        }
    }
}

/// An event that a client wants to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposed {
    pub(crate) id: Uuid,
    pub(crate) event_type: String,
    pub(crate) is_json: bool,
    pub(crate) data: Bytes,
    pub(crate) metadata: Bytes,
}

impl Proposed {
    /// What counts towards the maximum append size: data, metadata, and two bytes a letter of the type.
    pub(crate) fn size(&self) -> usize {
        self.data.len() + self.metadata.len() + 2 * self.event_type.len()
    }
}

/// An event that is stored. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its place in the log of all events: greater than that of every event before it.
    pub(crate) position: u64,
    pub(crate) stream: Arc<str>,
    pub(crate) revision: u64,
    pub(crate) created: Ticks,
    pub(crate) event: Proposed,
}

impl Record {
    /// How far the next event's position is from this one's. It depends on nothing but the record, so that a log that is
    /// read again gives each event the position that it had.
    pub(crate) fn extent(&self) -> u64 {
        const FIXED: usize = 64;
        let event = &self.event;
        let length = self.stream.len() + event.event_type.len() + event.data.len() + event.metadata.len();
        (FIXED + length) as u64
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.revision == DELETED && self.event.event_type == TOMBSTONE_TYPE
    }

    /// The stream and the revision that this event stands for, if it is a link.
    pub(crate) fn link_target(&self) -> Option<(&str, u64)> {
        if self.event.event_type != LINK_TYPE {
            return None;
        }
        let (revision, stream) = std::str::from_utf8(&self.event.data).ok()?.split_once('@')?;
        Some((stream, revision.parse().ok()?))
    }
}

/// The stream that holds a stream's metadata.
pub(crate) fn metadata_stream_of(stream: &str) -> String {
    format!("$${stream}")
}

/// Whether the stream holds another one's metadata.
pub(crate) fn is_metadata_stream(stream: &str) -> bool {
    described_by(stream).is_some()
}

/// The stream whose metadata this stream holds, if it holds any.
pub(crate) fn described_by(stream: &str) -> Option<&str> {
    stream.strip_prefix("$$")
}
