//! The way of the events: by SQS and Lambda into the journal.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt};
use journal::{Journal, ReadOptions};

use crate::{
    progress::Bar,
    terminal::{counted, grouped},
};

/// How long no further event may come before they count as lost. On an idle machine all are there within seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the journal holds `wanted` events of these sources.
///
/// # Errors
/// No event comes any more, and some are missing.
pub(super) async fn wait(journal: &Journal, sources: [&str; 2], wanted: u64) -> Result<()> {
    let bar = Bar::new(wanted, "events in the journal");
    let mut last_came = Instant::now();
    loop {
        let begun = Instant::now();
        let arrived = count(journal, sources).await?;
        if arrived >= wanted {
            return Ok(());
        }
        if arrived > bar.done() {
            last_came = Instant::now();
        }
        bar.set(arrived);
        ensure!(
            last_came.elapsed() < PATIENCE,
            "of {} only {} came to the journal, and no other for {} s; `redrive --list` shows what was given up, and why",
            counted(wanted, "event"),
            grouped(arrived),
            PATIENCE.as_secs(),
        );
        // Half of the time for what it watches.
        tokio::time::sleep(begun.elapsed().max(Duration::from_millis(100))).await;
    }
}

async fn count(journal: &Journal, sources: [&str; 2]) -> Result<u64> {
    let all = ReadOptions::default();
    let counted = sources.map(|source| {
        let events = journal.by_source(source, &all);
        events.try_fold(0, |count, _| std::future::ready(Ok(count + 1)))
    });
    let counts: Vec<u64> = futures::stream::iter(counted).buffered(2).try_collect().await?;
    Ok(counts.iter().sum())
}
