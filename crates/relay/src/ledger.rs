//! What is known of the events that are to be in a stream: the pure part of a delivery.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::outgoing::Outgoing;
use crate::store::{Proposed, Stored};

/// Where an event of the delivery is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Not in the stream, by what was read of it.
    Missing,
    /// In the stream.
    Seen,
    /// It can never be appended.
    Rejected { reason: String },
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the stream, and this delivery sent it.
    Appended,
    /// It was in the stream.
    Present,
    /// It can never be appended.
    Rejected {
        /// Why.
        reason: String,
    },
}

/// The events of a delivery and the stream as it was read.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    events: &'a [Outgoing],
    places: Vec<Place>,
    /// Whether an append with the event was tried, whatever came of it.
    sent: Vec<bool>,
    by_key: HashMap<&'a str, usize>,
    read: Read,
}

/// What the last read of the stream found.
#[derive(Debug, Default)]
struct Read {
    ids: HashSet<Uuid>,
    /// The revision of the last event.
    last: Option<u64>,
}

/// Events for one append, in their order.
#[derive(Debug)]
pub(crate) struct Chunk {
    places: Vec<usize>,
    events: Vec<Proposed>,
}

/// What of a chunk is kept while it is on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) places: Vec<usize>,
    ids: Vec<Uuid>,
}

impl<'a> Ledger<'a> {
    /// Of events that differ in their keys.
    pub(crate) fn new(events: &'a [Outgoing]) -> Self {
        let by_key = events.iter().enumerate().map(|(place, event)| (event.event_key(), place)).collect();
        Self {
            events,
            places: vec![Place::Missing; events.len()],
            sent: vec![false; events.len()],
            by_key,
            read: Read::default(),
        }
    }

    /// A read from the end of the stream begins.
    pub(crate) fn begin_read(&mut self) {
        self.read = Read::default();
    }

    /// The read found this event. They come from the latest to the earliest.
    pub(crate) fn found(&mut self, stored: &Stored) {
        self.read.last.get_or_insert(stored.revision);
        self.read.ids.insert(stored.id);
        if let Some(place) = stored.event_key.as_deref().and_then(|key| self.by_key.get(key)) {
            self.places[*place] = Place::Seen;
        }
    }

    /// How many events are not known to be where they belong.
    pub(crate) fn missing(&self) -> usize {
        self.places.iter().filter(|place| **place == Place::Missing).count()
    }

    /// The revision of the last event that the read found.
    pub(crate) fn last_revision(&self) -> Option<u64> {
        self.read.last
    }

    /// The next missing events, at most so many of them and of so many bytes, but one at least; none: there are no more. After
    /// a read that reached the start, so that it is known which ids are taken.
    pub(crate) fn next_chunk(&mut self, most_bytes: usize, most_events: usize) -> Option<Chunk> {
        let (mut chunk, mut bytes) = (Chunk { places: Vec::new(), events: Vec::new() }, 0);
        let mut taken: HashSet<Uuid> = HashSet::new();
        for (place, event) in self.events.iter().enumerate() {
            if self.places[place] != Place::Missing {
                continue;
            }
            bytes += event.size();
            if !chunk.places.is_empty() && (bytes > most_bytes || chunk.places.len() >= most_events) {
                break;
            }
            let is_free = |id: &Uuid| !self.read.ids.contains(id) && !taken.contains(id);
            // The ids do not end.
            let id = event.ids().find(is_free)?;
            taken.insert(id);
            chunk.places.push(place);
            chunk.events.push(event.propose(id));
        }
        (!chunk.places.is_empty()).then_some(chunk)
    }

    /// An append of these is about to be tried.
    pub(crate) fn send(&mut self, chunk: Chunk) -> (Sent, Vec<Proposed>) {
        for place in &chunk.places {
            self.sent[*place] = true;
        }
        let ids = chunk.events.iter().map(|event| event.id).collect();
        (Sent { places: chunk.places, ids }, chunk.events)
    }

    /// EventStoreDB says that these were appended from the revision `first` on, and `stored` is what it shows there. Whether
    /// they are: where another event lies in its place, an event is missing still. One whose place is hidden is believed
    /// to be there.
    pub(crate) fn confirm(&mut self, sent: &Sent, first: u64, stored: &[Stored]) -> bool {
        let shown: HashMap<u64, Option<&str>> =
            stored.iter().map(|event| (event.revision, event.event_key.as_deref())).collect();
        let mut all = true;
        for (revision, place) in (first..).zip(&sent.places) {
            let is_there =
                shown.get(&revision).is_none_or(|key| *key == Some(self.events[*place].event_key()));
            if is_there {
                self.places[*place] = Place::Seen;
            }
            all &= is_there;
        }
        self.read.ids.extend(&sent.ids);
        all
    }

    /// This event can never be appended.
    pub(crate) fn reject(&mut self, place: usize, reason: String) {
        self.places[place] = Place::Rejected { reason };
    }

    /// Nor can any other that is not in the stream.
    pub(crate) fn reject_all(&mut self, reason: &str) {
        for place in &mut self.places {
            if *place == Place::Missing {
                *place = Place::Rejected { reason: reason.to_owned() };
            }
        }
    }

    /// What became of each event, in their order. None: some are missing.
    pub(crate) fn into_fates(self) -> Option<Vec<Fate>> {
        let fate = |(place, sent)| match (place, sent) {
            (Place::Seen, true) => Some(Fate::Appended),
            (Place::Seen, false) => Some(Fate::Present),
            (Place::Rejected { reason }, _) => Some(Fate::Rejected { reason }),
            (Place::Missing, _) => None,
        };
        self.places.into_iter().zip(self.sent).map(fate).collect()
    }
}
