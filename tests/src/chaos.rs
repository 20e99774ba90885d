//! What is done to deploys and to the pipeline to see that they survive it, and the table of what came of it.
//!
//! Every part is run by `cargo xtask chaos`, and at the size of [`Size::Smoke`] by the tests in `tests/chaos`.

pub mod crash;
pub mod inventory;
pub mod lab;
pub mod pipeline;
pub mod random;
pub mod report;
pub mod suspended;

use std::{fmt, str::FromStr, time::Duration};

use anyhow::{Context, Result};

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A few calls, seeds and events, spread over all there are: some minutes in all.
    Smoke,
    /// Every call that changes something, and the last one before the first of them; else as [`Size::Smoke`].
    Changes,
    /// Every call, many seeds, 100,000 events: hours.
    Full,
}

/// What all parts are given.
pub struct Settings<'a> {
    /// How much is done.
    pub size: Size,
    /// What chance depends on, alone.
    pub seed: u64,
    /// Which runs of [`Part::Crash`] are harmed, where not all are.
    pub only: Option<&'a Only>,
    /// At which part of their calls runs of [`Part::Crash`] are harmed.
    pub slice: Slice,
    /// Told what is going on, a sentence at a time.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// What shows again what did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// What the rows' names have in them: `update, killed`.
    pub what: String,
    /// The k; every one, where there is none.
    pub at: Option<usize>,
}

/// Every so manieth call, from one of the first on, so that a long sweep can be done in several sittings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which of them, from 1.
    pub number: usize,
    /// How many slices there are.
    pub of: usize,
}

impl Slice {
    /// All calls.
    pub const WHOLE: Self = Self { number: 1, of: 1 };
}

impl FromStr for Slice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts =
            text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let slice = parts.map(|(number, of)| Self { number, of });
        slice.filter(|slice| (1..=slice.of).contains(&slice.number)).context("it is written like `2/6`")
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// One line of the table: a kind of harm, done again and again, and what held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What was harmed and how: `deploy, killed after call k`.
    pub what: String,
    /// How often: `every k of 352`, `20 seeds`, `100,000 events`.
    pub times: String,
    /// What else was counted, for people: `3 duplicates made and removed`.
    pub found: String,
    /// What did not hold, each with what makes it happen again. Empty where all did.
    pub failures: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// What can be harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Runs that are killed, or told to stop, at each of their calls.
    Crash,
    /// A run that is suspended, and wakes when another has its lease.
    Suspended,
    /// Runs whose calls meet faults by chance.
    Random,
    /// The pipeline under load whose calls, functions and mappings meet faults by chance.
    Pipeline,
}

impl Part {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 4] = [Self::Crash, Self::Suspended, Self::Random, Self::Pipeline];

    /// Runs it.
    ///
    /// # Errors
    /// It could not be run: what did not hold is in the rows.
    pub async fn run(self, settings: &Settings<'_>) -> Result<Vec<Row>> {
        match self {
            Self::Crash => crash::run(settings).await,
            Self::Suspended => suspended::run(settings).await,
            Self::Random => random::run(settings).await,
            Self::Pipeline => pipeline::run(settings).await,
        }
    }
}
