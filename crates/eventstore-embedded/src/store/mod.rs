//! The heart of the server: streams of events, the log of all of them, and the rules of appending and reading. It does no
//! I/O, knows no clock and no protocol: what it does depends on its arguments and on what it did before.

pub(crate) mod acl;
mod append;
pub(crate) mod event;
pub(crate) mod filter;
mod metadata;
pub(crate) mod read;
mod recent;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use acl::Operation;
pub(crate) use append::{Appended, Expected, Refused};
use event::{Record, Ticks, described_by};
use metadata::{OF_METADATA_STREAMS, StreamMetadata};
use recent::RecentIds;

/// Where the first event lies. A client that has read nothing yet says 0, which must not be an event's place.
const FIRST_POSITION: u64 = 64;

/// Everything that is stored.
#[derive(Debug)]
pub(crate) struct Store {
    /// All events in the order of the log: `$all`.
    records: Vec<Arc<Record>>,
    streams: HashMap<Arc<str>, Stream>,
    recent: RecentIds,
    /// The position that the next event gets.
    end: u64,
}

/// One stream. It may have metadata and no events.
#[derive(Debug, Default)]
struct Stream {
    /// The event at an index has that revision.
    events: Vec<Arc<Record>>,
    tombstone: bool,
    metadata: StreamMetadata,
}

impl Store {
    /// An empty store that remembers so many ids of its latest events.
    pub(crate) fn new(recent_ids: usize) -> Self {
        Self {
            records: Vec::new(),
            streams: HashMap::new(),
            recent: RecentIds::new(recent_ids),
            end: FIRST_POSITION,
        }
    }

    /// Takes an event that a log of this store's says was stored. Its position follows from those before it.
    pub(crate) fn restore(&mut self, stream: &str, revision: u64, created: Ticks, event: event::Proposed) {
        self.push(stream, revision, created, event);
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many streams have events.
    pub(crate) fn streams(&self) -> usize {
        self.streams.values().filter(|stream| !stream.events.is_empty()).count()
    }

    /// The events that were stored after so many others.
    pub(crate) fn since(&self, count: usize) -> &[Arc<Record>] {
        self.records.get(count..).unwrap_or_default()
    }

    /// The position that the next event will get: greater than every event's.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The position of the last event.
    pub(crate) fn last_position(&self) -> Option<u64> {
        self.records.last().map(|record| record.position)
    }

    /// Whether the user `ops` may do this: as the stream's list says, or else to whatever is not the system's own. To read
    /// and to write metadata are operations of their own on the stream that they describe.
    pub(crate) fn lets_ops(&self, operation: Operation, stream: &str) -> bool {
        let metadata_of = described_by(stream);
        let stream = metadata_of.unwrap_or(stream);
        let listed = self.streams.get(stream).and_then(|it| match metadata_of {
            Some(_) => it.metadata.acl.of_metadata(operation),
            None => it.metadata.acl.of_stream(operation),
        });
        listed.unwrap_or(!stream.starts_with('$'))
    }

    /// Stores an event: the one place where anything changes.
    fn push(&mut self, stream: &str, revision: u64, created: Ticks, event: event::Proposed) -> Arc<Record> {
        let name = match self.streams.get_key_value(stream) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(stream),
        };
        let record =
            Arc::new(Record { position: self.end, stream: Arc::clone(&name), revision, created, event });
        self.end += record.extent();
        // Its type does not matter, as in EventStoreDB.
        if let Some(described) = described_by(stream) {
            let described = self.streams.entry(Arc::from(described)).or_default();
            described.metadata = StreamMetadata::parse(&record.event.data);
        }
        let stream = self.streams.entry(name).or_default();
        match record.is_tombstone() {
            true => stream.tombstone = true,
            false => stream.events.push(Arc::clone(&record)),
        }
        self.records.push(Arc::clone(&record));
        record
    }

    /// A metadata stream goes with the stream that it describes.
    fn is_tombstoned(&self, stream: &str) -> bool {
        let is = |name: &str| self.streams.get(name).is_some_and(|stream| stream.tombstone);
        is(stream) || described_by(stream).is_some_and(is)
    }

    fn events(&self, stream: &str) -> &[Arc<Record>] {
        self.streams.get(stream).map_or(&[], |stream| &stream.events)
    }

    /// The revision of the stream's last event.
    fn current(&self, stream: &str) -> Option<u64> {
        (self.events(stream).len() as u64).checked_sub(1)
    }

    fn metadata(&self, stream: &str) -> StreamMetadata {
        match described_by(stream) {
            Some(_) => OF_METADATA_STREAMS,
            None => self.streams.get(stream).map(|stream| stream.metadata).unwrap_or_default(),
        }
    }
}
