//! What became of a run, and who is told while it runs.

use std::time::Duration;

use resource::{Key, Outcome, Step};

use crate::{StepError, lease::Loss};

/// Is told of a run while it runs. Calls must return soon: the run waits for them.
pub trait Reporter: Send + Sync {
    /// A step begins.
    fn started(&self, step: &Step);
    /// A step waits for something.
    fn note(&self, step: &Step, text: &str);
    /// A step is done, after that time.
    fn finished(&self, step: &Step, took: Duration);
    /// A step failed, after that time.
    fn failed(&self, step: &Step, took: Duration, error: &StepError);
    /// A step was not begun.
    fn skipped(&self, step: &Step, reason: &Skipped);
    /// Something besides the steps that the user should know; the run goes on.
    fn warn(&self, text: &str);
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Its steps: first those that were begun, as they ended, then those that were not.
    pub steps: Vec<StepReport>,
    /// Why it lost its lease, where it did; then no step was begun afterwards.
    pub lost: Option<Loss>,
}

/// A step and what became of it.
#[derive(Debug)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// What became of it.
    pub result: StepResult,
    /// How long it took; zero where it was not begun.
    pub took: Duration,
}

/// What became of a step.
#[derive(Debug)]
pub enum StepResult {
    /// It is done.
    Done,
    /// It failed.
    Failed(StepError),
    /// It was not begun.
    Skipped(Skipped),
}

/// Why a step was not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// What it waits for failed or was skipped.
    #[error("waits for `{0}`, which is not done")]
    After(Key),
    /// The run was told to stop.
    #[error("the run was told to stop")]
    Interrupted,
    /// The run lost its lease.
    #[error("the run lost its lease")]
    LeaseLost,
}

impl Report {
    /// A report of these steps.
    pub(crate) fn new(steps: Vec<StepReport>, lost: Option<Loss>) -> Self {
        let any = |wanted: fn(&StepResult) -> bool| steps.iter().any(|step| wanted(&step.result));
        let outcome = if lost.is_some() {
            Outcome::Failed
        } else if any(|result| matches!(result, StepResult::Skipped(Skipped::Interrupted))) {
            Outcome::Interrupted
        } else if any(|result| !matches!(result, StepResult::Done)) {
            Outcome::Failed
        } else {
            Outcome::Succeeded
        };
        Self { outcome, steps, lost }
    }

    /// The steps that failed, with their errors.
    pub fn failures(&self) -> impl Iterator<Item = (&Step, &StepError)> {
        self.steps.iter().filter_map(|report| match &report.result {
            StepResult::Failed(error) => Some((&report.step, error)),
            StepResult::Done | StepResult::Skipped(_) => None,
        })
    }
}
