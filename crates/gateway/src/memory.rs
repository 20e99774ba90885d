//! The backlog in memory: a queue that is bounded by events and by bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::backlog::{Batch, Levels, Limits, Load, Refusal};

/// For how many events there is room from the start, at most: 16 MiB of it.
const MAX_ROOM: usize = 1024 * 1024;

/// Events in the order in which they came.
pub(crate) struct Memory {
    max: Load,
    state: Mutex<State>,
}

struct State {
    /// Its room is there from the start, so that a growing backlog moves nothing.
    queue: VecDeque<Box<str>>,
    levels: Levels,
    closed: bool,
}

impl Memory {
    pub(crate) fn new(max_events: usize, max_bytes: usize) -> Self {
        let state = State {
            queue: VecDeque::with_capacity(max_events.min(MAX_ROOM)),
            levels: Levels::default(),
            closed: false,
        };
        Self { max: Load { events: max_events as u64, bytes: max_bytes as u64 }, state: Mutex::new(state) }
    }

    /// Takes an event, and says how much waits now.
    pub(crate) fn append(&self, json: &str) -> Result<Load, Refusal> {
        let one = Load::of(json);
        // Just as long as it is, and made before others have to wait for it.
        let event = Box::from(json);
        let mut state = self.state();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if !(state.levels.held + one).fits(self.max) {
            return Err(Refusal::Full);
        }
        state.queue.push_back(event);
        state.levels.appended(one);
        Ok(state.levels.waiting)
    }

    pub(crate) fn levels(&self) -> Levels {
        self.state().levels
    }

    /// The next events, as many as go into one call.
    pub(crate) fn take(&self, limits: Limits) -> Batch {
        let mut batch = Batch::default();
        let mut state = self.state();
        while let Some(next) = state.queue.front().map(|json| Load::of(json)) {
            if !(batch.load() + next).fits(limits.batch) {
                break;
            }
            state.levels.waiting -= next;
            batch.messages.extend(state.queue.pop_front().map(String::from));
        }
        batch
    }

    /// The queue has them, or never will.
    pub(crate) fn release(&self, load: Load) {
        self.state().levels.held -= load;
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
