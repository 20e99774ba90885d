//! The requests of a period as they are known, and what has changed of them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use event::Event;
use flow::{Flow, Outcome};
use time::OffsetDateTime;

use super::{
    api::{Ended, Names, Read, Row, Services, cut, millis},
    services,
    window::Reading,
};

/// The most characters of a text in a list.
const TEXT_CHARACTERS: usize = 200;
/// The most names of a sort that are offered.
const NAMES: usize = 100;
/// How many requests that are gone are remembered, for pages that have them still.
const GONE: usize = 10_000;

/// The events of a period by request, with what they say.
#[derive(Debug, Default)]
pub(super) struct Held {
    requests: HashMap<String, Tracked>,
    /// What is before this is not known whole.
    floor: Option<OffsetDateTime>,
    newest: Option<OffsetDateTime>,
    /// The version when it began, and now.
    born: u64,
    version: u64,
    /// Which are not shown any more, and since which version.
    gone: VecDeque<(u64, String)>,
}

#[derive(Debug, Default)]
struct Tracked {
    events: BTreeMap<String, Event>,
    shown: Option<Arc<Shown>>,
    /// It has events that are not in `shown`, or waits for an answer that may be overdue.
    stale: bool,
}

/// A request as it is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) row: Row,
    pub(super) flow: Flow,
    /// Since which version its row is so.
    pub(super) version: u64,
}

/// The requests of a period at one time.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) version: u64,
    /// A page that knows an older version than this knows nothing of it.
    pub(super) born: u64,
    pub(super) shown: Vec<Arc<Shown>>,
    pub(super) gone: Vec<(u64, String)>,
    pub(super) names: Names,
    pub(super) window: flow::Window,
    pub(super) read: Read,
    services: OnceLock<Services>,
}

impl Held {
    /// When the newest event happened.
    pub(super) fn newest(&self) -> Option<OffsetDateTime> {
        self.newest
    }

    /// With what was read. A `whole` read takes the place of what was known; another adds to it.
    pub(super) fn with(
        mut self,
        reading: Reading,
        whole: bool,
        window: flow::Window,
        read: Read,
        versions: &AtomicU64,
    ) -> (Self, Snapshot) {
        self.version = versions.fetch_add(1, Ordering::Relaxed) + 1;
        if self.born == 0 {
            self.born = self.version;
        }
        let floor = match (reading.cut, whole) {
            (Some(cut), _) => cut,
            (None, true) => window.since,
            (None, false) => self.floor.unwrap_or(window.since),
        };
        let floor = floor.max(window.since);
        self.floor = Some(floor);
        self.take(reading.events, whole, floor);
        let window = flow::Window { since: floor, until: window.until };
        let shown = self.look(&window);
        let names = names(&shown);
        let gone = self.gone.iter().cloned().collect();
        let snapshot = Snapshot {
            version: self.version,
            born: self.born,
            shown,
            gone,
            names,
            window,
            read,
            services: OnceLock::new(),
        };
        (self, snapshot)
    }

    fn take(&mut self, events: Vec<(String, Event)>, whole: bool, floor: OffsetDateTime) {
        let newest = events.iter().map(|(_, event)| event.timestamp().instant()).max();
        self.newest = self.newest.max(newest);
        let mut before = if whole { std::mem::take(&mut self.requests) } else { HashMap::new() };
        for (key, event) in events {
            let request = self.requests.entry(event.request_id().to_owned()).or_default();
            request.stale |= request.events.insert(key, event).is_none();
        }
        // What a whole read brought again as it was is not looked at anew.
        for (id, request) in &mut self.requests {
            if let Some(known) = before.remove(id) {
                request.stale = known.stale || !known.events.keys().eq(request.events.keys());
                request.shown = known.shown;
            }
        }
        let version = self.version;
        self.gone.extend(
            before.into_iter().filter(|(_, known)| known.shown.is_some()).map(|(id, _)| (version, id)),
        );
        // Its calls may go on for a while after it has left the period.
        let forgotten = floor - flow::PATIENCE;
        self.requests.retain(|id, request| {
            let is_recent = request.events.values().any(|event| event.timestamp().instant() > forgotten);
            if !is_recent && request.shown.is_some() {
                self.gone.push_back((version, id.clone()));
            }
            is_recent
        });
    }

    /// What is to be shown. What began before the window is not.
    fn look(&mut self, window: &flow::Window) -> Vec<Arc<Shown>> {
        let mut all = Vec::with_capacity(self.requests.len());
        for (id, request) in &mut self.requests {
            let was_shown = request.shown.is_some();
            if request.stale || !was_shown {
                let flow = Flow::of(id, request.events.values(), window.until, flow::PATIENCE);
                request.stale = flow.calls.iter().any(|call| matches!(call.outcome, Outcome::Pending { .. }));
                let known = request.shown.take();
                let Some(row) = row(&flow) else { continue };
                let version = match &known {
                    Some(known) if known.row == row => known.version,
                    _ => self.version,
                };
                request.shown = Some(Arc::new(Shown { row, flow, version }));
            }
            let Some(shown) = &request.shown else { continue };
            if begins_in(&shown.flow, window) {
                all.push(Arc::clone(shown));
            } else {
                request.shown = None;
                if was_shown {
                    self.gone.push_back((self.version, id.clone()));
                }
            }
        }
        let excess = self.gone.len().saturating_sub(GONE);
        if let Some((version, _)) = self.gone.drain(..excess).next_back() {
            self.born = version + 1;
        }
        all
    }
}

/// Whether all of it that is known lies in the window.
fn begins_in(flow: &Flow, window: &flow::Window) -> bool {
    let began = flow.calls.iter().map(|call| call.started).chain(flow.started).min();
    began.is_some_and(|began| began >= window.since)
}

/// A flow in a line.
fn row(flow: &Flow) -> Option<Row> {
    let request = flow::requests(std::slice::from_ref(flow)).pop()?;
    let short = |text: Option<String>| text.map(|text| cut(&text, TEXT_CHARACTERS));
    Some(Row {
        outcome: match (&request.outcome, request.failed) {
            (Some(Outcome::Unanswered { .. }), _) => Ended::Unanswered,
            (_, true) => Ended::Failed,
            // Nobody's fault: its own sender gave it up.
            (Some(Outcome::Failed { .. }), false) => Ended::Dropped,
            (Some(outcome), false) => ended(outcome),
            (None, false) => Ended::Noted,
        },
        id: request.request_id,
        started_millis: request.started.map(millis),
        duration_microseconds: request.duration_microseconds,
        events: request.events,
        calls: request.calls,
        caller: short(request.caller),
        service: short(request.service),
        method: short(request.method),
        route: short(request.route),
        culprit: short(request.culprit),
    })
}

/// How a call ended, in a word.
pub(super) fn ended(outcome: &Outcome) -> Ended {
    match outcome {
        Outcome::Answered { .. } => Ended::Answered,
        Outcome::Failed { .. } => Ended::Failed,
        Outcome::Unanswered { .. } => Ended::Unanswered,
        Outcome::Pending { .. } => Ended::Pending,
    }
}

fn names(shown: &[Arc<Shown>]) -> Names {
    let entries = || shown.iter().flat_map(|one| &one.flow.entries);
    Names {
        types: frequent(entries().map(|entry| &*entry.r#type)),
        sources: frequent(entries().map(|entry| &*entry.source)),
        services: frequent(shown.iter().flat_map(|one| &one.flow.calls).map(|call| &*call.service)),
    }
}

fn frequent<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts = HashMap::<&str, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().filter(|(name, _)| name.len() <= TEXT_CHARACTERS).collect();
    counts.sort_by_key(|(name, count)| (Reverse(*count), *name));
    counts.into_iter().take(NAMES).map(|(name, _)| name.to_owned()).collect()
}

impl Snapshot {
    /// The services at this time, counted once.
    pub(super) fn services(&self) -> &Services {
        self.services.get_or_init(|| services::of(self))
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
