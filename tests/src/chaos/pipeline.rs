//! The pipeline under load while what it rests on fails: calls, functions, event source mappings, EventStoreDB. Every event
//! has to be once in the journal and once in EventStoreDB, and every message that can never be stored in the dead-letter
//! queue with its reason.
//!
//! What is sent, what calls meet and what is done when follows from the seed. What a harm meets does not: the functions run
//! when they run.

mod chance;
mod check;
mod harm;
mod load;
mod poison;
mod rates;
mod scenario;
mod settle;
mod stage;
mod traffic;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use headwater::terminal::{counted, grouped};

use super::{Row, Settings, Size};
use harm::Harm;
use scenario::{Played, Scenario};

const HARMS: [Harm; 5] =
    [Harm::KilledAppending, Harm::KilledRelaying, Harm::IngestOff, Harm::RelayOff, Harm::EventStoreAway];

/// Everything at once. A message that is hidden comes again after 6 × 3 s and 1 s, so a message that a killed function held is
/// received once in 19 s. In the time that this takes, that does not come to a thousand receives: nothing is given up because
/// of kills, and SQS, which knows no reason, gives nothing up at all. An append has 1.9 of its invocation's 3 seconds, some six
/// attempts. Batches are large because the emulator takes a tenth of a second for an invocation, whatever is in it, and has
/// one thread that looks for the next of both functions.
const EVERYTHING: Scenario = Scenario {
    knobs: "
[environments.local.queue]
max_receive_count = 1000
[environments.local.ingest]
timeout_seconds = 3
batch_size = 250
batching_window_seconds = 1
maximum_concurrency = 4
[environments.local.relay]
batch_size = 1000
batching_window_seconds = 1
",
    events: 100_000,
    most_waiting: 2_000,
    faults: 0.2,
    harms: &HARMS,
    rounds: 20,
};

/// The same in short: a message is hidden for 7 s, and batches are so small that there are some.
const EVERYTHING_IN_SHORT: Scenario = Scenario {
    knobs: "
[environments.local.queue]
max_receive_count = 1000
[environments.local.ingest]
timeout_seconds = 1
batch_size = 50
batching_window_seconds = 1
maximum_concurrency = 2
[environments.local.relay]
batch_size = 100
",
    events: 1_000,
    most_waiting: 100,
    rounds: 1,
    ..EVERYTHING
};

/// Faults alone, with the queue's default of 5 receives: no function is killed, so whatever is given up has a reason.
const FAULTS: Scenario = Scenario {
    knobs: "
[environments.local.ingest]
timeout_seconds = 2
batch_size = 100
batching_window_seconds = 1
maximum_concurrency = 4
[environments.local.relay]
batch_size = 200
",
    events: 2_000,
    most_waiting: 500,
    faults: 0.2,
    harms: &[],
    rounds: 0,
};
/// How many seeds meet faults alone.
const SEEDS: u64 = 10;

/// The journal takes nothing for longer than a message has receives: it goes to the dead-letter queue with the error, and a
/// redrive brings it back. An invocation keeps a fourth of its time for that, here 0.9 s. With much less a busy machine is too
/// slow, and what could not be moved on its last receive is moved by SQS, without a reason.
const GIVEN_UP: Scenario = Scenario {
    knobs: "
[environments.local.queue]
max_receive_count = 1
[environments.local.ingest]
timeout_seconds = 4
",
    events: 500,
    most_waiting: 100,
    faults: 0.0,
    harms: &[Harm::JournalFull],
    rounds: 1,
};

/// Plays all of it.
///
/// # Errors
/// A pipeline cannot be made.
pub async fn run(settings: &Settings<'_>) -> Result<Vec<Row>> {
    match settings.size {
        Size::Smoke | Size::Changes => Ok(rows(&EVERYTHING_IN_SHORT.play(settings, settings.seed).await?)),
        Size::Full => {
            let mut rows = rows(&EVERYTHING.play(settings, settings.seed).await?);
            rows.push(faults(settings).await?);
            rows.push(given_up(&GIVEN_UP.play(settings, settings.seed).await?));
            Ok(rows)
        }
    }
}

/// Everything at once: what became of the events, what of the poison, and what was done.
fn rows(played: &Played) -> Vec<Row> {
    let Played { judged, harms, killed, failed_batches: (ingest, relay), .. } = played;
    let row = |what: &str, times, found, failures: &[String]| Row {
        what: format!("pipeline, everything at once: {what}"),
        times,
        found,
        failures: failures.to_vec(),
        took: played.took,
    };
    let events = format!(
        "{}, {} with the id of another event, {} redriven; {:.0} events a second",
        count(played.duplicates, "duplicate"),
        played.namesakes,
        judged.redriven,
        played.events_a_second(),
    );
    let poison =
        format!("{}; {} dead letters twice after a lost answer", listed(&played.poison), judged.doubled);
    let harmed = format!(
        "functions killed: {killed}; mappings off and on: {}; EventStoreDB stopped: {}; in vain: {}; failed batches: {ingest} of \
         the queue, {relay} of the stream",
        harms.toggles, harms.stops, harms.missed,
    );
    let (messages, met) = (played.poison.values().sum::<usize>(), played.met());
    vec![
        row("events", count(played.events, "event"), events, &judged.events),
        row("poison", count(messages, "message"), poison, &judged.poison),
        row(
            "faults of calls",
            format!("{} of {}", grouped(met as u64), count(played.calls, "call")),
            listed(&played.faults),
            &[],
        ),
        row("harms", count(harms.harms, "harm"), harmed, &[]),
    ]
}

/// Many seeds that meet faults alone, a row for all.
async fn faults(settings: &Settings<'_>) -> Result<Row> {
    let mut row = Row {
        what: "pipeline, faults of calls alone".to_owned(),
        times: format!("{SEEDS} seeds of {}", count(FAULTS.events, "event")),
        found: String::new(),
        failures: Vec::new(),
        took: Duration::ZERO,
    };
    let (mut met, mut calls, mut doubled, mut redriven) = (0, 0, 0, 0);
    for more in 0..SEEDS {
        let played = FAULTS.play(settings, settings.seed.wrapping_add(more)).await?;
        met += played.met();
        calls += played.calls;
        doubled += played.judged.doubled;
        redriven += played.judged.redriven;
        row.took += played.took;
        row.failures.extend(played.failures());
    }
    row.found = format!(
        "{met} of {} met a fault; {redriven} events redriven; {doubled} dead letters twice after a lost answer",
        count(calls, "call"),
    );
    Ok(row)
}

fn given_up(played: &Played) -> Row {
    let redriven = played.judged.redriven;
    let mut failures = played.failures();
    failures.extend((redriven == 0).then(|| "no event was given up, so nothing was tried".to_owned()));
    Row {
        what: "pipeline, the journal takes nothing until events are given up".to_owned(),
        times: count(played.events, "event"),
        found: format!("{redriven} in the dead-letter queue with the error, stored after a redrive"),
        failures,
        took: played.took,
    }
}

fn count(number: usize, noun: &str) -> String {
    counted(number as u64, noun)
}

fn listed(counts: &BTreeMap<&'static str, usize>) -> String {
    counts
        .iter()
        .map(|(what, count)| format!("{} {what}", grouped(*count as u64)))
        .collect::<Vec<_>>()
        .join(", ")
}
