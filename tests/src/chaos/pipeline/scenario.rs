//! A scenario: a pipeline, what flows through it and what is done to it meanwhile; and what came of that.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures::try_join;
use localstack::proxy::Call;

use super::{
    check::Judged,
    harm::{self, Harm, NOT_RELAYED, Plan},
    load::Load,
    rates,
    stage::{Log, Stage},
    traffic::Traffic,
};
use crate::chaos::{Settings, Size};

/// What the emulator says of a batch of the queue that ingest did not take.
const NOT_INGESTED: &str = "failed processing SQS batch";

/// A pipeline, what flows through it, and what is done to it meanwhile.
pub(super) struct Scenario {
    /// The configuration file.
    pub(super) knobs: &'static str,
    /// How many events are sent that differ.
    pub(super) events: usize,
    /// How many messages may wait before the producers pause.
    pub(super) most_waiting: u64,
    /// The largest share of calls that meet a fault.
    pub(super) faults: f64,
    /// What is done.
    pub(super) harms: &'static [Harm],
    /// How often each of it is.
    pub(super) rounds: usize,
}

/// How it went.
pub(super) struct Played {
    /// How many events were sent that differ.
    pub(super) events: usize,
    /// How many messages were an event in other words.
    pub(super) duplicates: usize,
    /// How many events had the id of another.
    pub(super) namesakes: usize,
    /// How many messages of each kind could never be stored.
    pub(super) poison: BTreeMap<&'static str, usize>,
    /// What holds, and what does not.
    pub(super) judged: Judged,
    /// What was done.
    pub(super) harms: harm::Done,
    /// How many processes of functions were killed.
    pub(super) killed: usize,
    /// How many batches of the queue and of the journal's stream failed as a whole.
    pub(super) failed_batches: (usize, usize),
    /// How many calls producers and functions made.
    pub(super) calls: usize,
    /// How many of them met which fault.
    pub(super) faults: BTreeMap<&'static str, usize>,
    /// From the first message to rest.
    pub(super) flowed: Duration,
    /// All of it, the deploy too.
    pub(super) took: Duration,
}

impl Scenario {
    /// Plays it. What does not hold is told with what makes it happen again.
    ///
    /// # Errors
    /// The pipeline cannot be made.
    pub(super) async fn play(&self, settings: &Settings<'_>, seed: u64) -> Result<Played> {
        let begun = Instant::now();
        let load = Load::of(seed, self.events)?;
        let stage = Stage::set(self.knobs).await?;
        (settings.progress)(&format!("pipeline, seed {seed}: {} messages are sent", load.messages.len()));
        let mut log = stage.log()?;
        let flowing = Instant::now();
        let flowed = self.flow(&load, &stage, seed, settings).await;
        let mut judged = Judged::of(&load, &stage).await;
        let harms = flowed.unwrap_or_else(|error| {
            judged.fails(&error);
            harm::Done::default()
        });
        if let Err(died) = stage.local.emulator.check() {
            judged.fails(&died.into());
        }
        let judged = judged.told_with(&again(settings.size, seed));
        (settings.progress)(&format!("pipeline, seed {seed}: {}", judged.sentence()));
        let calls = stage.proxy.calls();
        Ok(Played {
            events: load.events.len(),
            duplicates: load.duplicates,
            namesakes: load.namesakes,
            poison: load.poison_by_kind(),
            flowed: judged.rested - flowing,
            judged,
            harms,
            killed: stage.orders.killed(),
            failed_batches: failed_batches(&mut log)?,
            calls: calls.len(),
            faults: faults(&calls),
            took: begun.elapsed(),
        })
    }

    async fn flow(
        &self,
        load: &Load,
        stage: &Stage,
        seed: u64,
        settings: &Settings<'_>,
    ) -> Result<harm::Done> {
        stage.trouble(seed, rates::of(seed, self.faults));
        let traffic = Traffic::of(load, self.most_waiting);
        let plan = Plan::of(seed, self.harms, self.rounds);
        let flowed = try_join!(traffic.flow(load, stage), plan.carry_out(stage, &traffic, settings.progress));
        stage.calm().await.context("the pipeline cannot be made whole again")?;
        Ok(flowed?.1)
    }
}

/// The command that does the same again.
fn again(size: Size, seed: u64) -> String {
    let full = if size == Size::Full { " --full" } else { "" };
    format!("`cargo xtask chaos{full} --seed {seed}`")
}

fn failed_batches(log: &mut Log) -> Result<(usize, usize)> {
    Ok((log.count(&[NOT_INGESTED])?, log.count(&[NOT_RELAYED])?))
}

fn faults(calls: &[Call]) -> BTreeMap<&'static str, usize> {
    let mut faults = BTreeMap::new();
    for fault in calls.iter().filter_map(|call| call.fault) {
        *faults.entry(rates::name(fault)).or_default() += 1;
    }
    faults
}

impl Played {
    /// How many calls met a fault.
    pub(super) fn met(&self) -> usize {
        self.faults.values().sum()
    }

    /// Events a second, from the first message to rest.
    pub(super) fn events_a_second(&self) -> f64 {
        self.events as f64 / self.flowed.as_secs_f64().max(0.001)
    }

    /// All that does not hold.
    pub(super) fn failures(&self) -> Vec<String> {
        self.judged.events.iter().chain(&self.judged.poison).cloned().collect()
    }
}
