//! `replay`: from the journal to EventStoreDB once more, through the relay.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use aws_dynamodb::Tables;
use aws_lambda::Functions;
use aws_sdk_lambda::{Client, primitives::Blob};
use futures::{StreamExt, TryStreamExt, stream};
use journal::{Journal, ReadOptions, item::Item, replay};
use resource::Family;
use serde_json::{Value, json};

use crate::{
    cli,
    commands::{Exit, Run, query},
    progress::Spinner,
    session::Session,
    terminal::{self, BAD, FAINT, GOOD, counted, duration, paint, printable},
};

/// How many parts of the table are read, each by one invocation after the other.
const SEGMENTS: u16 = 8;
/// The most items of one invocation. Far below what Lambda takes, and done well within the function's time.
const ITEMS: usize = 200;
/// The most bytes of one invocation, as DynamoDB's JSON: half of what Lambda takes.
const BYTES: usize = replay::MAX_PAYLOAD_BYTES / 2;

/// Runs `replay`.
///
/// # Errors
/// A time is none, the journal cannot be read, or the relay fails: then EventStoreDB is away, or refuses.
pub async fn run(args: &cli::Replay, run: &Run) -> Result<Exit> {
    let options = query::window(args.since.as_deref(), args.until.as_deref())?;
    let session = Session::open(&run.target).await?;
    session.needs(&Tables::KIND)?;
    session.needs(&Functions::KIND)?;
    let begun = Instant::now();
    let spinner = Spinner::new("reading the journal");
    let replayed = replay(&session, &options, |so_far| spinner.say(&so_far.line())).await?;
    drop(spinner);
    let mut out = terminal::out();
    if run.json {
        writeln!(out, "{}", replayed.as_json())?;
    } else {
        replayed.print(&mut out, begun)?;
    }
    Ok(if replayed.rejected.is_empty() { Exit::Done } else { Exit::Failed })
}

/// What a replay came to.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Events that EventStoreDB did not have.
    pub missing: usize,
    /// Events that it had.
    pub present: usize,
    /// Events that can never be appended. They are in the relay's failure queue.
    pub rejected: Vec<replay::Rejected>,
}

/// Relays the events of that window again. What EventStoreDB has already is left as it is, so a replay may be broken off
/// and run again. `progress` is told after each invocation.
///
/// # Guarantees
/// The events of a request are relayed in the order of time. Events that are appended to the journal meanwhile are relayed
/// by the stream, once.
///
/// # Errors
/// The journal cannot be read, or the relay fails.
pub async fn replay(
    session: &Session,
    options: &ReadOptions,
    progress: impl Fn(&Replayed),
) -> Result<Replayed> {
    let relay = Relay::of(session);
    let journal = query::journal(session);
    let sum = Mutex::new(Replayed::default());
    let add = |report: replay::Report| {
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.missing += report.appended;
        sum.present += report.present;
        sum.rejected.extend(report.rejected);
        progress(&sum);
    };
    stream::iter(0..SEGMENTS)
        .map(|segment| relay.segment(&journal, segment, options, &add))
        .buffer_unordered(SEGMENTS.into())
        .try_collect::<()>()
        .await?;
    Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The relay function.
struct Relay {
    client: Client,
    function: String,
}

impl Relay {
    fn of(session: &Session) -> Self {
        let function = session.scope.physical_name(blueprint::RELAY);
        Self { client: Client::new(&session.sdk), function }
    }

    async fn segment(
        &self,
        journal: &Journal,
        segment: u16,
        options: &ReadOptions,
        add: &impl Fn(replay::Report),
    ) -> Result<()> {
        let mut pages = journal.scan(segment, SEGMENTS, options);
        while let Some(page) = pages.try_next().await? {
            for batch in batches(&page) {
                add(self.invoke(batch).await?);
            }
        }
        Ok(())
    }

    async fn invoke(&self, items: &[Item]) -> Result<replay::Report> {
        let request = serde_json::to_vec(&replay::Request::new(items))?;
        let call = self.client.invoke().function_name(&self.function).payload(Blob::new(request));
        let answer = call.send().await.with_context(|| {
            format!(
                "cannot invoke {}; if it is not there, `deploy` makes it, and the replay can be run again",
                self.function
            )
        })?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        if answer.function_error.is_some() {
            let error: Value = serde_json::from_slice(&payload).unwrap_or_default();
            let message = error["errorMessage"].as_str().unwrap_or("it did not say why");
            bail!(
                "the relay failed: {}\nWhat was relayed stays; run the replay again when EventStoreDB is well",
                printable(message)
            );
        }
        serde_json::from_slice(&payload)
            .with_context(|| format!("{} gave an answer that is none of a replay", self.function))
    }
}

/// The page in parts that one invocation takes.
fn batches(page: &[Item]) -> impl Iterator<Item = &[Item]> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(ITEMS).take_while(|item| {
            bytes += bytes_of(item);
            bytes <= BYTES
        });
        // An item is 400 KB at most, so one always fits.
        let count = fits.count().max(1).min(rest.len());
        let (batch, left) = rest.split_at(count);
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

fn bytes_of(item: &Item) -> usize {
    journal::dynamodb_json::from_item(item).to_string().len()
}

impl Replayed {
    /// In one line, as it grows.
    pub fn line(&self) -> String {
        let events = (self.missing + self.present + self.rejected.len()) as u64;
        format!("{} compared, {} missing", counted(events, "event"), self.missing)
    }

    fn as_json(&self) -> Value {
        json!({"missing": self.missing, "present": self.present, "rejected": self.rejected})
    }

    fn print(&self, out: &mut impl Write, begun: Instant) -> Result<()> {
        let took = duration(begun.elapsed());
        writeln!(out, "{}: {} in {took}", paint(GOOD, "Replayed"), self.line())?;
        if self.rejected.is_empty() {
            return Ok(());
        }
        let rejected = counted(self.rejected.len() as u64, "event");
        writeln!(out, "{}", paint(BAD, format!("{rejected} can never be appended:")))?;
        for replay::Rejected { request_id, event_key, reason } in &self.rejected {
            let line = format!("{request_id} {event_key}");
            writeln!(out, "  {}  {}", printable(&line), paint(FAINT, printable(reason)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    fn item(bytes: usize) -> Item {
        Item::from([("Data".to_owned(), AttributeValue::S("x".repeat(bytes)))])
    }

    fn sizes(page: &[Item]) -> Vec<usize> {
        batches(page).map(<[Item]>::len).collect()
    }

    #[test]
    fn a_page_is_invoked_in_parts_that_lambda_takes() {
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec![item(10); 450]), [200, 200, 50]);
        assert_eq!(sizes(&vec![item(400_000); 9]), [7, 2]);
    }
}
