//! What is read of the journal for lists and services: the calls of a period, read once for all who look at it.
//!
//! # How new requests are seen
//!
//! The type index is asked for the newest events of the three types of calls. The table's stream would tell sooner, and of
//! all types. But DynamoDB lets two readers at most read a shard, the relay is one, and `tail` may be another: a page that
//! somebody leaves open must not slow the pipeline down.
//!
//! # What that costs
//!
//! A period is read whole when somebody looks at it first, and each minute again, as events may come late. Between that,
//! each two seconds while somebody looks, only its last seconds are. A read takes the newest events and leaves the older ones
//! out beyond [`MAX_EVENTS`] or [`MAX_BYTES`]; the period then begins where it stopped. A read that takes long is
//! made the more seldom. All who look at the same period share it.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use event::{Event, Timestamp, call};
use futures::{StreamExt, future::try_join_all};
use journal::{Direction, EventStream, Journal, ReadError, ReadOptions};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{
    api::{Read, millis},
    held::{Held, Snapshot},
    problem::Problem,
    slots::Slots,
};
use crate::commands::query;

/// The most events that a read of an index takes.
const MAX_EVENTS: usize = 50_000;
/// About how large they may be.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// How old a snapshot may be.
const FRESH: Duration = Duration::from_secs(2);
/// How often a period is read whole.
const WHOLE: Duration = Duration::from_secs(60);
/// How far back the other reads go: indexes lag behind, and events come later than they happened.
const LATE: Duration = Duration::from_secs(20);
/// How many periods are held.
const PERIODS: usize = 4;

/// A period, and what is read of it beside the calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) since: String,
    pub(super) until: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) source: Option<String>,
}

/// The periods that are looked at.
pub(super) struct Windows {
    journal: Journal,
    slots: Slots<Asked, Window>,
    /// What was read in all, and the last version of anything.
    bytes: AtomicU64,
    versions: Arc<AtomicU64>,
}

/// A period under way.
#[derive(Default)]
struct Window {
    held: Held,
    read: Read,
    snapshot: Option<Arc<Snapshot>>,
    /// When it was read last, and how long that took.
    last: Option<(Instant, Duration)>,
    /// When it was read whole. None where that has to be done.
    whole: Option<Instant>,
}

/// What one read of the journal brought.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Events by their keys, in no order, some twice.
    pub(super) events: Vec<(String, Event)>,
    /// Not all events until this instant are there, this one included.
    pub(super) cut: Option<OffsetDateTime>,
    /// How much they are, about.
    pub(super) bytes: u64,
    /// Items that are no events.
    pub(super) skipped: u64,
}

impl Windows {
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, slots: Slots::new(PERIODS), bytes: AtomicU64::new(0), versions: Arc::default() }
    }

    /// What is known of a period, at most some seconds old.
    ///
    /// # Errors
    /// A time is none, or the journal cannot be read.
    pub(super) async fn at(&self, asked: &Asked) -> Result<Arc<Snapshot>> {
        let slot = self.slots.of(asked);
        let mut slot = slot.lock().await;
        let window = slot.get_or_insert_default();
        if let (Some(snapshot), Some((at, took))) = (&window.snapshot, window.last)
            && at.elapsed() < FRESH.max(took * 10)
        {
            return Ok(Arc::clone(snapshot));
        }
        let begun = Instant::now();
        let snapshot = self.refresh(window, asked).await?;
        window.last = Some((Instant::now(), begun.elapsed()));
        Ok(snapshot)
    }

    /// Counts what was read, for whatever question, and says how much that is in all.
    pub(super) fn count(&self, bytes: u64) -> u64 {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Reads on. Dropped while it reads, as where the page asks for something else, nothing is lost; later, the next one reads
    /// the period whole.
    async fn refresh(&self, window: &mut Window, asked: &Asked) -> Result<Arc<Snapshot>> {
        let now = OffsetDateTime::now_utc();
        let period = asked.period(now)?;
        let whole = window.whole.filter(|at| at.elapsed() < WHOLE);
        let since = match whole {
            // The first seconds' requests may have begun before.
            None => period.since - flow::PATIENCE,
            Some(_) => window.held.newest().unwrap_or(now).min(now).max(period.since) - LATE,
        };
        // Clocks differ a little. What is dated later than that would be read again and again, and hide what is not.
        let reading = self.read(asked, since, period.until.unwrap_or(now + LATE)).await?;
        window.whole = None;
        let read = &mut window.read;
        read.events += reading.events.len() as u64;
        read.bytes += reading.bytes;
        read.skipped += reading.skipped;
        read.all_bytes = self.count(reading.bytes);
        read.cut_at_millis = match (reading.cut, whole) {
            (None, Some(_)) => read.cut_at_millis,
            (cut, _) => cut.map(millis),
        };
        let (held, read, versions) = (mem::take(&mut window.held), read.clone(), Arc::clone(&self.versions));
        let known =
            flow::Window { since: period.since, until: period.until.map_or(now, |until| until.min(now)) };
        let work = move || held.with(reading, whole.is_none(), known, read, &versions);
        let (held, snapshot) = tokio::task::spawn_blocking(work).await?;
        let snapshot = Arc::new(snapshot);
        window.held = held;
        window.snapshot = Some(Arc::clone(&snapshot));
        window.whole = whole.or_else(|| Some(Instant::now()));
        Ok(snapshot)
    }

    /// The newest events of the calls, and of another type or source that is asked for.
    async fn read(&self, asked: &Asked, since: OffsetDateTime, until: OffsetDateTime) -> Result<Reading> {
        let options = ReadOptions {
            since: Some(Timestamp::try_from(since)?),
            until: Some(Timestamp::try_from(until)?),
            direction: Direction::Backwards,
            ..ReadOptions::default()
        };
        const CALLS: [&str; 3] = [call::REQUEST, call::RESPONSE, call::FAILURE];
        let other = asked.event_type.as_deref().filter(|name| !CALLS.contains(name));
        let types: Vec<_> = CALLS.into_iter().chain(other).collect();
        let source = asked.source.iter().map(|name| self.journal.by_source(name, &options));
        let streams = source.chain([self.journal.by_types(&types, &options)]);
        let parts = try_join_all(streams.map(newest)).await?;
        let mut all = Reading { cut: parts.iter().filter_map(|part| part.cut).max(), ..Reading::default() };
        for part in parts {
            all.bytes += part.bytes;
            all.skipped += part.skipped;
            all.events.extend(part.events);
        }
        if let Some(cut) = all.cut {
            all.events.retain(|(_, event)| event.timestamp().instant() > cut);
        }
        Ok(all)
    }
}

/// Takes events until there are enough.
async fn newest(mut events: EventStream) -> Result<Reading> {
    let mut reading = Reading::default();
    while let Some(next) = events.next().await {
        match next {
            Ok(event) => {
                let key = event.key().to_string();
                let (event, bytes) = query::small(event);
                reading.bytes += bytes as u64;
                if reading.events.len() == MAX_EVENTS || reading.bytes > MAX_BYTES {
                    reading.cut = Some(event.timestamp().instant());
                    break;
                }
                reading.events.push((key, event));
            }
            Err(ReadError::Item { .. }) => reading.skipped += 1,
            Err(error) => return Err(error).context("the journal could not be read"),
        }
    }
    Ok(reading)
}

/// A period as instants.
#[derive(Clone, Copy, Debug)]
struct Period {
    since: OffsetDateTime,
    until: Option<OffsetDateTime>,
}

impl Asked {
    /// Whether its times are some.
    pub(super) fn check(&self) -> Result<(), Problem> {
        self.period(OffsetDateTime::now_utc()).map(drop).map_err(Problem::bad_request)
    }

    fn period(&self, now: OffsetDateTime) -> Result<Period> {
        let since = query::instant(&self.since, now)?.instant();
        let until = self.until.as_deref().map(|until| query::instant(until, now)).transpose()?;
        // A read begins some time before, and DynamoDB's years have four digits.
        let earliest = OffsetDateTime::UNIX_EPOCH;
        Ok(Period { since: since.max(earliest), until: until.map(|until| until.instant()) })
    }
}
