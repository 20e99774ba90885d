//! `query`: events from the journal, by request, type or source. And the forms in which events are printed.

use std::{borrow::Cow, io::Write, time::Duration};

use anyhow::{Context, Result, bail};
use aws_dynamodb::Tables;
use event::{Event, Timestamp, call, cloudevents};
use futures::TryStreamExt;
use journal::{Direction, Journal, ReadOptions, conflicts};
use resource::Family;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    cli,
    commands::{Exit, Run},
    session::Session,
    terminal::{self, FAINT, STRONG, WARNING, counted, cut, grouped, json, paint, printable},
};

/// Runs `query`.
///
/// # Errors
/// A time is none, the table is not there, or an item in it is no event.
pub async fn run(args: &cli::Query, run: &Run) -> Result<Exit> {
    let options = ReadOptions {
        direction: if args.newest { Direction::Backwards } else { Direction::Forwards },
        limit: usize::try_from(args.limit).ok(),
        ..window(args.since.as_deref(), args.until.as_deref())?
    };
    let session = Session::open(&run.target).await?;
    session.needs(&Tables::KIND)?;
    let journal = journal(&session);
    let mut events = match (&args.request, &args.r#type, &args.source) {
        (Some(request), _, _) => journal.by_request(request, &options),
        (None, Some(event_type), _) => journal.by_type(event_type, &options),
        (None, None, source) => journal.by_source(source.as_deref().unwrap_or_default(), &options),
    };
    let mut found = Vec::new();
    let mut out = terminal::out();
    let form = Form::of(run.json, args.cloudevents);
    while let Some(event) = events.try_next().await? {
        writeln!(out, "{}", form.line(&event))?;
        // For the summary, which machines do not get.
        if form == Form::Text {
            found.push(event);
        }
    }
    if form == Form::Text {
        summary(&mut out, args, &found)?;
    }
    Ok(Exit::Done)
}

/// The events between two times, as people give them.
///
/// # Errors
/// One is no time.
pub fn window(since: Option<&str>, until: Option<&str>) -> Result<ReadOptions> {
    let now = OffsetDateTime::now_utc();
    let when = |text: Option<&str>| text.map(|text| instant(text, now)).transpose();
    Ok(ReadOptions { since: when(since)?, until: when(until)?, ..ReadOptions::default() })
}

/// The environment's journal.
pub fn journal(session: &Session) -> Journal {
    let client = aws_sdk_dynamodb::Client::new(&session.sdk);
    let table = session.scope.physical_name(blueprint::EVENT_TABLE);
    Journal::new(client, table, session.environment.journal.index_shards)
}

fn summary(out: &mut impl Write, args: &cli::Query, found: &[Event]) -> Result<()> {
    let more = if found.len() as u64 == args.limit { ", perhaps more (raise --limit)" } else { "" };
    writeln!(out, "{}", paint(FAINT, format!("{}{more}", counted(found.len() as u64, "event"))))?;
    for conflict in conflicts(found.iter()) {
        let text = format!("id {} stands for {} different events", conflict.id, conflict.events.len());
        writeln!(out, "{}", paint(WARNING, printable(&text)))?;
    }
    Ok(())
}

/// How events are printed: one a line in each form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// Our own JSON.
    Json,
    /// CloudEvents 1.0 in structured JSON.
    CloudEvents,
}

impl Form {
    /// The form that the options `--json` and `--cloudevents` ask for.
    pub fn of(json: bool, cloudevents: bool) -> Self {
        match (json, cloudevents) {
            (_, true) => Self::CloudEvents,
            (true, false) => Self::Json,
            (false, false) => Self::Text,
        }
    }

    /// The event in this form.
    pub fn line(self, event: &Event) -> String {
        match self {
            Self::Text => text(event),
            Self::Json => json(&event.to_json()),
            Self::CloudEvents => json(&cloudevents::to_json(event)),
        }
    }
}

fn text(event: &Event) -> String {
    let data = Value::Object(event.data().clone()).to_string();
    format!(
        "{}  {}  {}  {}  {}",
        paint(FAINT, printable(event.timestamp().as_sent())),
        paint(STRONG, printable(event.event_type())),
        printable(event.source()),
        paint(FAINT, printable(event.id())),
        printable(&data),
    )
}

/// What the analysis of calls needs of an event: where it is large, no more of its data than what says how a call went. So a
/// hundred thousand of them fit into memory, whatever they carry. With it, how many bytes all of it has as JSON.
pub fn small(event: Event) -> (Event, usize) {
    const SMALL_BYTES: usize = 2048;
    const TEXT_CHARACTERS: usize = 200;
    let bytes = event.to_json().len();
    if bytes <= SMALL_BYTES {
        return (event, bytes);
    }
    let short = |text: Cow<'_, str>| Cow::Owned(cut(&text, TEXT_CHARACTERS));
    let call = call::Call::from_data(event.data()).map(|call| call::Call {
        name: short(call.name),
        span: call.span.map(short),
        parent: call.parent.map(short),
        method: call.method.map(short),
        route: call.route.map(short),
        error: call.error.map(short),
        ..call
    });
    let fields = json!({
        "id": event.id(), "requestId": event.request_id(), "timestamp": event.timestamp().as_sent(),
        "type": event.event_type(), "source": event.source(), "data": call.map_or_else(|| json!({}), |call| json!(call)),
    });
    let small = match fields {
        Value::Object(fields) => Event::from_fields(fields).unwrap_or(event),
        _ => event,
    };
    (small, bytes)
}

/// A time as people give it: RFC 3339, or an age (`90s`, `15m`, `2h`, `1d`) before `now`.
///
/// # Errors
/// It is none.
pub fn instant(text: &str, now: OffsetDateTime) -> Result<Timestamp> {
    let Some(age) = age(text) else {
        return Timestamp::parse(text).with_context(|| {
            format!("`{text}` is no time; write 2026-05-01T20:00:00Z, or an age such as 15m, 2h, 1d")
        });
    };
    let Some(then) = now.checked_sub(age.try_into()?) else { bail!("`{text}` is too long ago") };
    Ok(Timestamp::parse(then.format(&Rfc3339)?)?)
}

/// `1 query`, `1,000 queries`.
pub fn queries(number: u64) -> String {
    format!("{} {}", grouped(number), if number == 1 { "query" } else { "queries" })
}

/// How long one waits, as people give it: `90s`, `15m`, `2h`, `1d`.
///
/// # Errors
/// It is nothing of the kind.
pub fn patience(text: &str) -> Result<Duration, &'static str> {
    age(text).ok_or("write an age such as 30s, 15m, 2h, 1d")
}

fn age(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_an_age() {
        let now = OffsetDateTime::parse("2026-05-01T20:00:00Z", &Rfc3339).unwrap();
        let normal = |text: &str| instant(text, now).unwrap().normalised().to_owned();
        assert_eq!(normal("15m"), "2026-05-01T19:45:00.000000000Z");
        assert_eq!(normal("2d"), "2026-04-29T20:00:00.000000000Z");
        assert_eq!(normal("2026-05-01T22:00:00+02:00"), "2026-05-01T20:00:00.000000000Z");
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let refused = ["yesterday", "15", "m", "-5m", "99999999999999d", ""]
            .map(|text| instant(text, now).unwrap_err().to_string());
        insta::assert_snapshot!(refused.join("\n"));
    }
}
