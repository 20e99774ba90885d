//! Reading: a page of a stream or of `$all`, either way.

use std::sync::Arc;

use super::{
    Store,
    event::{Record, Ticks},
    filter::Filter,
};

/// Which way a read goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forwards,
    Backwards,
}

/// An event as a reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The event. A link whose event is not there any more has none.
    pub(crate) event: Option<Arc<Record>>,
    /// The link that led to it, where links are resolved.
    pub(crate) link: Option<Arc<Record>>,
}

impl Resolved {
    /// What lies in the place that was read: the link, where there is one.
    pub(crate) fn original(&self) -> Option<&Arc<Record>> {
        self.link.as_ref().or(self.event.as_ref())
    }
}

/// A part of a stream, in the order of the read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) events: Vec<Arc<Record>>,
    /// The revision at which the next page begins.
    pub(crate) next: u64,
    /// Whether there is a next page, for now.
    pub(crate) more: bool,
}

/// What a read of a stream finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamPage {
    /// It has no events or is deleted in the way that can be undone.
    NotFound,
    /// It has a tombstone.
    Deleted,
    Found {
        page: Page,
        /// The first revision that is shown.
        first: u64,
        /// The revision of its last event.
        last: u64,
    },
}

/// A part of the log, in the order of the read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPage {
    pub(crate) events: Vec<Arc<Record>>,
    /// The position from which the next page is read.
    pub(crate) next: u64,
    /// Whether there is a next page, for now.
    pub(crate) more: bool,
    /// How many events were looked at, those that the filter held back too.
    pub(crate) searched: usize,
    /// The place of the last event that was looked at.
    pub(crate) last: Option<u64>,
}

impl Store {
    /// At most `count` events of the stream, from this revision on, itself included. Backwards, a revision above the last
    /// means the last.
    pub(crate) fn read_stream(
        &self,
        stream: &str,
        from: u64,
        direction: Direction,
        count: usize,
        now: Ticks,
    ) -> StreamPage {
        if self.is_tombstoned(stream) {
            return StreamPage::Deleted;
        }
        let events = self.events(stream);
        let Some(last) = self.current(stream).filter(|_| !self.metadata(stream).is_soft_deleted()) else {
            return StreamPage::NotFound;
        };
        let first = self.first_shown(stream, now);
        let page = match direction {
            Direction::Forwards => {
                let (start, end) = bounds(first.max(from), last + 1);
                let end = end.min(start.saturating_add(count));
                Page { events: events[start..end].to_vec(), next: end as u64, more: end < events.len() }
            }
            Direction::Backwards => {
                let (start, end) = bounds(first, from.min(last) + 1);
                let start = start.max(end.saturating_sub(count));
                let events = events[start..end].iter().rev().cloned().collect();
                Page { events, next: (start as u64).saturating_sub(1), more: start as u64 > first }
            }
        };
        StreamPage::Found { page, first, last }
    }

    /// At most `count` events of the log that the filter lets through, among the next `window` events: forwards those at
    /// this position and after it, backwards those before it.
    pub(crate) fn read_all(
        &self,
        from: u64,
        direction: Direction,
        filter: Option<&Filter>,
        count: usize,
        window: usize,
    ) -> LogPage {
        let split = self.records.partition_point(|record| record.position < from);
        match direction {
            Direction::Forwards => {
                let page = look_at(self.records[split..].iter(), filter, count, window);
                // Up to the next event that was not looked at, or to the end of the log.
                let next = self.records.get(split + page.searched).map_or(self.end, |record| record.position);
                LogPage { next, more: split + page.searched < self.records.len(), ..page }
            }
            Direction::Backwards => {
                let page = look_at(self.records[..split].iter().rev(), filter, count, window);
                LogPage { next: page.last.unwrap_or(0), more: page.searched < split, ..page }
            }
        }
    }

    /// What a reader gets for an event: the event that it links to, if links are resolved and it is one.
    pub(crate) fn resolve(&self, record: Arc<Record>, links: bool, now: Ticks) -> Resolved {
        let Some((stream, revision)) = record.link_target().filter(|_| links) else {
            return Resolved { event: Some(record), link: None };
        };
        let event = self.event(stream, revision, now);
        Resolved { event, link: Some(record) }
    }

    /// One event, if it is shown.
    pub(crate) fn event(&self, stream: &str, revision: u64, now: Ticks) -> Option<Arc<Record>> {
        match self.read_stream(stream, revision, Direction::Forwards, 1, now) {
            StreamPage::Found { page, .. } => {
                page.events.into_iter().find(|record| record.revision == revision)
            }
            StreamPage::NotFound | StreamPage::Deleted => None,
        }
    }

    /// The last event of a stream, if it is shown.
    pub(crate) fn last_event(&self, stream: &str, now: Ticks) -> Option<Arc<Record>> {
        self.event(stream, self.current(stream)?, now)
    }

    /// The revision that the stream's next event gets.
    pub(crate) fn next_revision(&self, stream: &str) -> u64 {
        self.events(stream).len() as u64
    }

    /// The first revision of a stream that is shown.
    fn first_shown(&self, stream: &str, now: Ticks) -> u64 {
        let events = self.events(stream);
        let older = |than: Ticks| events.partition_point(|record| record.created < than) as u64;
        self.metadata(stream).first_shown(events.len() as u64, now, older)
    }
}

/// Goes through the events until enough of them match or enough are looked at.
fn look_at<'a>(
    records: impl Iterator<Item = &'a Arc<Record>>,
    filter: Option<&Filter>,
    count: usize,
    window: usize,
) -> LogPage {
    let mut page = LogPage::default();
    for record in records.take(window) {
        if page.events.len() == count {
            break;
        }
        page.searched += 1;
        page.last = Some(record.position);
        if filter.is_none_or(|filter| filter.matches(record)) {
            page.events.push(Arc::clone(record));
        }
    }
    page
}

/// A range of indices that is never the wrong way around, for revisions below `end`.
fn bounds(start: u64, end: u64) -> (usize, usize) {
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    (usize::try_from(start).unwrap_or(usize::MAX).min(end), end)
}
