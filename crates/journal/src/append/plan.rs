//! Which events of an append are written, in which calls, and what is known of each.

use std::collections::HashMap;
use std::sync::Arc;

use event::{ContentHash, Event};

use super::{Outcome, Refusal};
use crate::{AppendError, size};

/// BatchWriteItem takes 25 items, …
const CALL_ITEMS: usize = 25;
/// … and 16 MB; a little is left for the call around the items.
const CALL_BYTES: usize = 16 * 1000 * 1000 - 4096;
/// `{"PutRequest":{"Item":{}}},` around each item.
const ITEM_WRAPPING: usize = 27;

/// An append under way.
pub(super) struct Plan {
    slots: Vec<Slot>,
    calls: Vec<Vec<usize>>,
}

/// What is known of the event at one position.
struct Slot {
    /// The first position with the same content: this one, or the one it is folded into.
    first: usize,
    /// The first position with the same id and source, and other content.
    conflicts_with: Option<usize>,
    fate: Fate,
}

/// What became of an event that was written, or could not be.
#[derive(Clone)]
pub(super) enum Fate {
    Stored,
    Retry(Arc<AppendError>),
    Rejected(Refusal),
}

impl Plan {
    pub(super) fn new(events: &[Event], table: &str) -> Self {
        let unwritten = Arc::new(AppendError::NoTime { table: table.to_owned() });
        let mut by_content: HashMap<ContentHash, usize> = HashMap::with_capacity(events.len());
        let mut by_id: HashMap<(&str, &str), usize> = HashMap::with_capacity(events.len());
        let mut calls = Calls::default();
        let slots = events.iter().enumerate().map(|(position, event)| {
            let first = *by_content.entry(event.content_hash()).or_insert(position);
            let namesake = *by_id.entry((event.source(), event.id())).or_insert(position);
            let differs = events[namesake].content_hash() != event.content_hash();
            let conflicts_with = differs.then_some(namesake);
            let fate = if first == position { calls.add(position, event) } else { Ok(()) }
                .map_or_else(Fate::Rejected, |()| Fate::Retry(Arc::clone(&unwritten)));
            Slot { first, conflicts_with, fate }
        });
        Self { slots: slots.collect(), calls: calls.calls }
    }

    /// The positions that each call writes.
    pub(super) fn take_calls(&mut self) -> Vec<Vec<usize>> {
        std::mem::take(&mut self.calls)
    }

    pub(super) fn settle(&mut self, settled: Vec<(usize, Fate)>) {
        for (position, fate) in settled {
            self.slots[position].fate = fate;
        }
    }

    /// A folded event shares the fate of the one it was folded into.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |(position, slot): (usize, &Slot)| match &self.slots[slot.first].fate {
            Fate::Stored if slot.first == position => Outcome::Stored { conflicts_with: slot.conflicts_with },
            Fate::Stored => Outcome::Folded { into: slot.first },
            Fate::Retry(error) => Outcome::Retry { error: Arc::clone(error) },
            Fate::Rejected(reason) => Outcome::Rejected { reason: reason.clone() },
        };
        self.slots.iter().enumerate().map(outcome).collect()
    }
}

/// Calls being filled, one after the other.
#[derive(Default)]
struct Calls {
    calls: Vec<Vec<usize>>,
    /// Bytes in the last one.
    bytes: usize,
}

impl Calls {
    fn add(&mut self, position: usize, event: &Event) -> Result<(), Refusal> {
        let size = size::of(event);
        if size.stored > size::ITEM_BYTES {
            return Err(Refusal::TooLarge { bytes: size.stored });
        }
        let bytes = size.wire + ITEM_WRAPPING;
        match self.calls.last_mut() {
            Some(call) if call.len() < CALL_ITEMS && self.bytes + bytes <= CALL_BYTES => {
                call.push(position);
                self.bytes += bytes;
            }
            _ => {
                self.calls.push(vec![position]);
                self.bytes = bytes;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: usize, characters: usize) -> Event {
        let data = serde_json::json!({ "text": "\u{1}".repeat(characters) });
        let rest = r#""requestId":"r","timestamp":"2020-05-01T20:00:00Z","type":"t","source":"s""#;
        Event::from_json(format!(r#"{{"id":"{id}","data":{data},{rest}}}"#)).unwrap()
    }

    #[test]
    fn a_call_holds_at_most_25_items_and_16_mb() {
        let small: Vec<_> = (0..60).map(|id| event(id, 0)).collect();
        let calls = Plan::new(&small, "events").take_calls();
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);

        // Control characters: under 400 KB as an item, and six bytes each on the wire.
        let large: Vec<_> = (0..10).map(|id| event(id, 400_000)).collect();
        let calls = Plan::new(&large, "events").take_calls();
        assert_eq!(calls.concat(), (0..10).collect::<Vec<_>>());
        assert_eq!(calls.len(), 2);
        for call in calls {
            let bytes: usize =
                call.iter().map(|&position| size::of(&large[position]).wire + ITEM_WRAPPING).sum();
            assert!(bytes <= CALL_BYTES);
        }
    }
}
