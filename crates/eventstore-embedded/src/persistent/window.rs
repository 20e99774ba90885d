//! Which of a run of places are done: progress goes to the last one before which none is open.

use std::collections::BTreeMap;

/// Places in rising order, each open or done.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// From the first open one on.
    places: BTreeMap<u64, bool>,
    /// The last place before which none is open.
    done: Option<u64>,
}

impl Window {
    /// A place that is to be done.
    pub(crate) fn open(&mut self, place: u64) {
        self.places.insert(place, false);
    }

    /// Marks a place as done, and says how many places progress went by.
    pub(crate) fn close(&mut self, place: u64) -> u32 {
        if let Some(done) = self.places.get_mut(&place) {
            *done = true;
        }
        let mut steps = 0;
        while let Some(first) = self.places.first_entry().filter(|first| *first.get()) {
            self.done = Some(*first.key());
            first.remove();
            steps += 1;
        }
        steps
    }

    /// The last place before which none is open.
    pub(crate) fn done(&self) -> Option<u64> {
        self.done
    }
}
