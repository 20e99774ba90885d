//! The ids of the latest events: what makes an append with no exact revision idempotent, as long as it remembers.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use uuid::Uuid;

use super::event::Record;

/// A bounded memory of ids, the oldest forgotten first. It is not stored: after a restart it is empty, as EventStoreDB's is.
#[derive(Debug)]
pub(crate) struct RecentIds {
    capacity: usize,
    /// By id, the latest event that has it.
    places: HashMap<Uuid, Arc<Record>>,
    order: VecDeque<Arc<Record>>,
}

impl RecentIds {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, places: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn remember(&mut self, record: &Arc<Record>) {
        self.places.insert(record.event.id, Arc::clone(record));
        self.order.push_back(Arc::clone(record));
        while self.order.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { break };
            // The id may have been written again since: then its later place is still remembered.
            if self.places.get(&oldest.event.id).is_some_and(|latest| latest.position == oldest.position) {
                self.places.remove(&oldest.event.id);
            }
        }
    }

    /// The revision at which the stream has an event of this id, if that is remembered.
    pub(crate) fn revision_in(&self, stream: &str, id: &Uuid) -> Option<u64> {
        self.places.get(id).filter(|record| &*record.stream == stream).map(|record| record.revision)
    }
}
