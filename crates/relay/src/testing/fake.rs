//! EventStoreDB in memory, by its rules of the expected revision, each call of which may go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::store::{EventStore, Proposed, StoreError, Stored};

/// What a call is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Append { events: usize },
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing was done.
    Without,
    /// It was done, and only the answer is lost.
    With,
}

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The call fails.
    Fails(Effect, StoreError),
    /// The call is never answered.
    Hangs(Effect),
    /// Before the call, another writer appends an event with this id.
    Forestalled(Uuid),
}

type Faults = dyn FnMut(Call) -> Option<Fault> + Send;

/// The streams, by name.
#[derive(Default)]
pub(crate) struct FakeStore {
    state: Arc<Mutex<State>>,
    faults: Arc<Mutex<Option<Box<Faults>>>>,
    /// How often other tasks are let run before and after each call.
    turns: Option<Arc<Mutex<Random>>>,
}

impl Clone for FakeStore {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            faults: Arc::clone(&self.faults),
            turns: self.turns.as_ref().map(Arc::clone),
        }
    }
}

#[derive(Default)]
struct State {
    streams: BTreeMap<String, Vec<Proposed>>,
    tombstones: BTreeSet<String>,
    calls: Vec<Call>,
}

impl FakeStore {
    /// A store whose calls meet these faults.
    pub(crate) fn with_faults(faults: impl FnMut(Call) -> Option<Fault> + Send + 'static) -> Self {
        Self { faults: Arc::new(Mutex::new(Some(Box::new(faults)))), ..Self::default() }
    }

    /// Lets other tasks run in between, by this chance.
    pub(crate) fn interleaved(self, random: Random) -> Self {
        Self { turns: Some(Arc::new(Mutex::new(random))), ..self }
    }

    pub(crate) fn tombstone(&self, stream: &str) {
        self.state.lock().unwrap().tombstones.insert(stream.to_owned());
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(crate) fn events(&self, stream: &str) -> Vec<Proposed> {
        self.state.lock().unwrap().streams.get(stream).cloned().unwrap_or_default()
    }

    /// The keys of the relayed events of a stream.
    pub(crate) fn keys(&self, stream: &str) -> Vec<String> {
        self.events(stream).iter().filter_map(key).collect()
    }

    async fn yield_by_chance(&self) {
        let turns = self.turns.as_ref().map_or(0, |random| random.lock().unwrap().below(4));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    async fn call<T>(
        &self,
        call: Call,
        stream: &str,
        act: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.yield_by_chance().await;
        let fault = self.faults.lock().unwrap().as_mut().and_then(|faults| faults(call));
        let answer = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(call);
            if let Some(Fault::Forestalled(id)) = fault {
                let other = Proposed {
                    id,
                    event_type: "Other".to_owned(),
                    data: "{}".into(),
                    metadata: "not ours".into(),
                };
                state.streams.entry(stream.to_owned()).or_default().push(other);
            }
            match &fault {
                Some(Fault::Fails(Effect::Without, error)) => return Err(error.clone()),
                Some(Fault::Hangs(Effect::Without)) => None,
                _ => Some(act(&mut state)),
            }
        };
        self.yield_by_chance().await;
        match (fault, answer) {
            (Some(Fault::Fails(_, error)), _) => Err(error),
            (Some(Fault::Hangs(_)), _) | (_, None) => std::future::pending().await,
            (_, Some(answer)) => answer,
        }
    }
}

impl EventStore for FakeStore {
    async fn read_backwards(
        &self,
        stream: &str,
        from: Option<u64>,
        count: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let read = |state: &mut State| {
            state.check(stream)?;
            let events = state.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
            let end = from.map_or(events.len(), |from| events.len().min(from as usize + 1));
            let stored = events[..end].iter().enumerate().rev().take(count);
            Ok(stored
                .map(|(place, event)| Stored { revision: place as u64, id: event.id, event_key: key(event) })
                .collect())
        };
        self.call(Call::Read, stream, read).await
    }

    async fn append(
        &self,
        stream: &str,
        behind: Option<u64>,
        events: Vec<Proposed>,
    ) -> Result<(), StoreError> {
        let call = Call::Append { events: events.len() };
        self.call(call, stream, |state| state.append(stream, behind, events)).await
    }
}

impl State {
    fn check(&self, stream: &str) -> Result<(), StoreError> {
        if self.tombstones.contains(stream) { Err(StoreError::StreamDeleted) } else { Ok(()) }
    }

    /// At the current revision the events are written. Below it their ids are compared with those that lie there, and no more.
    fn append(&mut self, stream: &str, behind: Option<u64>, events: Vec<Proposed>) -> Result<(), StoreError> {
        self.check(stream)?;
        let stored = self.streams.entry(stream.to_owned()).or_default();
        let next = behind.map_or(0, |revision| revision as usize + 1);
        let ids = |events: &[Proposed]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        let known = stored.get(next..next + events.len()).is_some_and(|known| ids(known) == ids(&events));
        if next == stored.len() {
            stored.extend(events);
            Ok(())
        } else if known {
            Ok(())
        } else {
            let current = (stored.len() as u64).checked_sub(1);
            Err(StoreError::WrongExpectedVersion { current })
        }
    }
}

fn key(event: &Proposed) -> Option<String> {
    let metadata: serde_json::Value = serde_json::from_slice(&event.metadata).ok()?;
    Some(metadata["eventKey"].as_str()?.to_owned())
}

/// Chance that can be repeated (xorshift).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }

    pub(crate) fn split(&mut self) -> Self {
        Self::new(self.below(usize::MAX >> 33) as u64 + 1)
    }
}
