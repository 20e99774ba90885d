//! `flow`: a request as a timeline.

use std::io::Write;

use anyhow::{Result, bail};
use aws_dynamodb::Tables;
use event::Event;
use flow::{Flow, PATIENCE};
use futures::TryStreamExt;
use journal::ReadOptions;
use resource::Family;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    cli,
    commands::{Exit, Run, query},
    progress::Spinner,
    session::Session,
    terminal::{self, FAINT, counted, paint, printable, write_json},
};

mod timeline;

pub use timeline::ended;

/// Runs `flow`. Done also where the request failed.
///
/// # Errors
/// The request has no events, the table is not there, or an item in it is no event.
pub async fn run(args: &cli::Flow, run: &Run) -> Result<Exit> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    // One more tells whether there are more.
    let options = ReadOptions { limit: Some(limit.saturating_add(1)), ..ReadOptions::default() };
    let session = Session::open(&run.target).await?;
    session.needs(&Tables::KIND)?;
    let spinner = Spinner::live("reading the request's events");
    let events = query::journal(&session).by_request(&args.request, &options);
    let mut events: Vec<Event> = events.map_ok(|event| query::small(event).0).try_collect().await?;
    drop(spinner);
    let is_cut = events.len() > limit;
    events.truncate(limit);
    if events.is_empty() {
        bail!(
            "the journal has no event of request `{}`; it may be on its way still, or the id is another's \
             (`query --type TYPE` shows ids)",
            printable(&args.request)
        );
    }
    // What lies behind the last event that was read is not known.
    let known = is_cut.then(|| events.last()).flatten().map(|event| event.timestamp().instant());
    let flow = Flow::of(&args.request, &events, known.unwrap_or_else(OffsetDateTime::now_utc), PATIENCE);
    let mut out = terminal::out();
    let (read, queries) = (events.len() as u64, options.queries.get());
    if run.json {
        let read = json!({ "events": read, "queries": queries, "isCut": is_cut });
        write_json(&mut out, &json!({ "flow": flow, "read": read }))?;
        return Ok(Exit::Done);
    }
    write!(out, "{}", timeline::draw(&flow, terminal::width()))?;
    let all = if is_cut { "; there are more (raise --limit)" } else { ": all that there are" };
    let read = format!("Read {} in {}{all}.", counted(read, "event"), query::queries(queries));
    writeln!(out, "\n{}", paint(FAINT, read))?;
    Ok(Exit::Done)
}
