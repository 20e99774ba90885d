//! `services`: which service is at fault, by the calls of a window beside those of the window before.

use std::io::Write;

use anyhow::{Context, Result, bail};
use aws_dynamodb::Tables;
use event::{Event, Timestamp, call};
use flow::{Flow, Service, Window, flows, services};
use futures::TryStreamExt;
use journal::{Direction, EventStream, Journal, QueryCount, ReadOptions};
use resource::Family;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    cli,
    commands::{Exit, Run, query},
    progress::Spinner,
    session::Session,
    terminal::{self, counted, write_json},
};

mod table;

pub(crate) use table::draw;

/// Runs `services`. Done also where calls failed.
///
/// # Errors
/// A time is none, the table is not there, or an item in it is no event.
pub async fn run(args: &cli::Services, run: &Run) -> Result<Exit> {
    let (window, before) = windows(args, OffsetDateTime::now_utc())?;
    let session = Session::open(&run.target).await?;
    let report = report(args, (window, before), &session).await?;
    let mut out = terminal::out();
    if run.json {
        write_json(&mut out, &report.as_json())?;
    } else {
        write!(out, "{}", draw(&report, &run.target.env, terminal::width()))?;
    }
    Ok(Exit::Done)
}

/// What the journal says of these windows.
///
/// # Errors
/// The table is not there, or an item in it is no event.
pub(crate) async fn report(
    args: &cli::Services,
    (window, before): (Window, Window),
    session: &Session,
) -> Result<Report> {
    session.needs(&Tables::KIND)?;
    let reader = Reader {
        journal: query::journal(session),
        source: args.source.clone(),
        queries: QueryCount::default(),
        spinner: Spinner::live("reading the journal"),
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    reader.report(args, window, before, limit).await
}

/// The window that is asked for, and the one before it, equally long.
pub(crate) fn windows(args: &cli::Services, now: OffsetDateTime) -> Result<(Window, Window)> {
    let asked = query::window(Some(&args.since), args.until.as_deref())?;
    let until = asked.until.map_or(now, |until| until.instant());
    let since = asked.since.map_or(now, |since| since.instant());
    if since >= until {
        bail!("the window ends before it begins: --since {since} is not before --until {until}");
    }
    let long_ago = since.checked_sub(until - since).filter(|instant| instant.year() >= 0);
    let long_ago = long_ago.context("the window before would lie before the year 0; name a later --since")?;
    Ok((Window { since, until }, Window { since: long_ago, until: since }))
}

/// What there is to say.
pub(crate) struct Report {
    /// The window, as far as it was read.
    pub(crate) window: Part,
    /// The one before.
    pub(crate) before: Part,
    pub(crate) source: Option<String>,
    pub(crate) patience: std::time::Duration,
    pub(crate) services: Vec<Service>,
    pub(crate) queries: u64,
}

/// A window, and what was read of it.
pub(crate) struct Part {
    pub(crate) asked: Window,
    /// Where the limit left older events out, it begins later than what was asked.
    pub(crate) read: Window,
    pub(crate) events: u64,
    /// Whether that is so.
    pub(crate) is_cut: bool,
}

impl Report {
    pub(crate) fn as_json(&self) -> serde_json::Value {
        let part = |part: &Part| json!({ "asked": part.asked, "read": part.read, "events": part.events, "isCut": part.is_cut });
        json!({
            "window": part(&self.window), "before": part(&self.before), "source": self.source,
            "patienceSeconds": self.patience.as_secs(), "services": self.services, "queries": self.queries,
        })
    }
}

/// Reads the events of calls, the newest first.
struct Reader {
    journal: Journal,
    source: Option<String>,
    queries: QueryCount,
    spinner: Spinner,
}

/// A window while it is read.
struct Reading {
    stream: EventStream,
    window: Window,
    events: Vec<Event>,
    read: usize,
    has_more: bool,
}

impl Reader {
    async fn report(
        &self,
        args: &cli::Services,
        window: Window,
        before: Window,
        limit: usize,
    ) -> Result<Report> {
        let (mut now, mut earlier) = (self.open(window, limit)?, self.open(before, limit)?);
        let progress = |read: usize, event: &Event| {
            let (read, at) = (counted(read as u64, "event"), event.timestamp().normalised());
            self.spinner.say(&format!("reading the journal: {read}, back to {at}"));
        };
        both(&mut now, &mut earlier, limit, progress).await?;
        let known = OffsetDateTime::now_utc().min(window.until);
        let flows = flows_of(&now, &earlier, known, args.patience);
        let (now, earlier) = (now.part(), earlier.part());
        Ok(Report {
            services: services(&flows, &now.read, &earlier.read),
            window: now,
            before: earlier,
            source: self.source.clone(),
            patience: args.patience,
            queries: self.queries.get(),
        })
    }

    fn open(&self, window: Window, limit: usize) -> Result<Reading> {
        let options = ReadOptions {
            since: Some(Timestamp::try_from(window.since)?),
            until: Some(Timestamp::try_from(window.until)?),
            direction: Direction::Backwards,
            // One more tells whether there are more.
            limit: Some(limit.saturating_add(1)),
            queries: self.queries.clone(),
        };
        let stream = match &self.source {
            Some(source) => self.journal.by_source(source, &options),
            None => self.journal.by_types(&[call::REQUEST, call::RESPONSE, call::FAILURE], &options),
        };
        Ok(Reading { stream, window, events: Vec::new(), read: 0, has_more: true })
    }
}

/// Reads both windows. Half of `limit` is for each, and what one leaves over is for the other.
async fn both(
    now: &mut Reading,
    earlier: &mut Reading,
    limit: usize,
    progress: impl Fn(usize, &Event),
) -> Result<()> {
    now.read(limit.div_ceil(2), &progress).await?;
    earlier.read(limit - now.read, &progress).await?;
    now.read(limit - earlier.read, &progress).await?;
    now.settle().await?;
    earlier.settle().await
}

impl Reading {
    /// Reads on until so many are read, or all and known to be so.
    async fn read(&mut self, limit: usize, progress: &impl Fn(usize, &Event)) -> Result<()> {
        while self.has_more && self.read < limit {
            let Some(event) = self.stream.try_next().await? else {
                self.has_more = false;
                break;
            };
            self.read += 1;
            if self.read.is_multiple_of(1_000) {
                progress(self.read, &event);
            }
            self.events.push(query::small(event).0);
        }
        Ok(())
    }

    /// Finds out by one more event, which does not count, whether there are more.
    async fn settle(&mut self) -> Result<()> {
        self.has_more = self.has_more && self.stream.try_next().await?.is_some();
        Ok(())
    }

    fn part(&self) -> Part {
        let oldest = self.events.last().filter(|_| self.has_more).map(|event| event.timestamp().instant());
        let read = Window { since: oldest.unwrap_or(self.window.since), ..self.window };
        Part { asked: self.window, read, events: self.read as u64, is_cut: self.has_more }
    }
}

/// The flows of both windows. Where events between them were left out, those of the window before are judged by what was
/// known at its end.
fn flows_of(
    now: &Reading,
    earlier: &Reading,
    known: OffsetDateTime,
    patience: std::time::Duration,
) -> Vec<Flow> {
    if now.has_more {
        let earlier = flows(&earlier.events, earlier.window.until, patience);
        return flows(&now.events, known, patience).into_iter().chain(earlier).collect();
    }
    flows(now.events.iter().chain(&earlier.events), known, patience)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use event::call::{REQUEST, RESPONSE};
    use futures::{StreamExt, stream};
    use time::macros::datetime;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(words: &str) -> cli::Services {
        let words = format!("headwater services {words}");
        match Cli::try_parse_from(words.split_whitespace()).unwrap().command {
            Command::Services(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_window_before_is_as_long_and_ends_where_the_window_begins() {
        let now = OffsetDateTime::now_utc();
        let given = args("--since 2026-05-01T19:00:00Z --until 2026-05-01T20:30:00Z");
        let (window, before) = windows(&given, now).unwrap();
        assert_eq!(window.since, datetime!(2026-05-01 19:00 UTC));
        assert_eq!(before, Window { since: datetime!(2026-05-01 17:30 UTC), until: window.since });
        assert!(windows(&args("--since 1h --until 2h"), now).is_err());
        assert!(windows(&args("--since 0000-01-01T00:00:00Z"), now).is_err());
    }

    fn reading(window: Window, event: impl Fn(i64) -> Event, seconds: std::ops::Range<i64>) -> Reading {
        let events: Vec<_> = seconds.rev().map(|second| Ok(event(second))).collect();
        Reading { stream: stream::iter(events).boxed(), window, events: Vec::new(), read: 0, has_more: true }
    }

    /// A request a second, answered half a second later.
    fn event(half_second: i64) -> Event {
        let at = datetime!(2026-05-01 20:00 UTC) + time::Duration::milliseconds(500 * half_second);
        let event_type = if half_second % 2 == 0 { REQUEST } else { RESPONSE };
        let timestamp = Timestamp::try_from(at).unwrap();
        let request = format!("r{}", half_second.div_euclid(2));
        let fields = json!({ "id": half_second.to_string(), "requestId": request, "timestamp": timestamp.as_sent(),
                             "type": event_type, "source": "g", "data": { "Name": "a" } });
        Event::from_json(fields.to_string()).unwrap()
    }

    #[test]
    fn where_the_limit_cuts_both_windows_are_read_the_newest_first_and_nothing_is_made_up() {
        let start = datetime!(2026-05-01 20:00 UTC);
        let window = Window { since: start, until: start + time::Duration::seconds(100) };
        let before = Window { since: start - time::Duration::seconds(100), until: start };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |limit: usize, old: i64| {
            let (mut now, mut earlier) = (reading(window, event, 0..200), reading(before, event, -old..0));
            runtime.block_on(both(&mut now, &mut earlier, limit, |_, _| {})).unwrap();
            (now, earlier)
        };
        let (now, earlier) = read(100, 200);
        assert_eq!((now.read, earlier.read), (50, 50));
        let flows = flows_of(&now, &earlier, window.until, std::time::Duration::from_secs(30));
        let services = services(&flows, &now.part().read, &earlier.part().read);
        let figures = [&services[0].now, &services[0].before].map(|f| (f.calls, f.answered, f.unanswered));
        assert_eq!(figures, [(25, 25, 0), (25, 25, 0)]);
        // What one window leaves over is for the other.
        assert_eq!(read(100, 10).0.read, 90);
        // Also where the limit is just what there is.
        for limit in [400, 1_000] {
            let (now, earlier) = read(limit, 200);
            assert!(!now.part().is_cut && !earlier.part().is_cut, "{limit}");
        }
        assert!(read(399, 200).1.part().is_cut);
    }
}
