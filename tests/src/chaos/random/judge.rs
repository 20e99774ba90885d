//! What must hold when the faults are over.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use resource::Outcome;

use super::{
    super::{
        Row,
        inventory::{Inventory, inventory},
        lab::{ALL_RUNS, Contents, Lab},
    },
    Scenario,
    runs::Ran,
};

/// What there was before the faults.
pub(super) struct State {
    contents: Contents,
    /// The runs that the history knows.
    runs: usize,
}

impl State {
    pub(super) async fn of(lab: &Lab) -> Result<Self> {
        Ok(Self { contents: lab.contents().await?, runs: lab.history(ALL_RUNS).await?.len() })
    }
}

/// A scenario with a seed, and what held.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) seed: u64,
    /// The scenario's place among all.
    pub(super) place: usize,
    pub(super) took: Duration,
    pub(super) failures: Vec<String>,
    runs: usize,
    failed: usize,
    duplicates: usize,
    /// What a run left that met stale reads and succeeded.
    left: Vec<String>,
    errors: BTreeMap<String, usize>,
    met: BTreeMap<&'static str, usize>,
}

/// Runs without faults from here on.
pub(super) async fn judge(
    lab: &Lab,
    scenario: &Scenario,
    before: State,
    undisturbed: &Inventory,
    ran: Ran,
) -> Judged {
    let mut judged = Judged { failures: ran.broken.clone(), ..Judged::default() };
    if judged.failures.is_empty()
        && let Err(error) = settle(lab, scenario, &before, undisturbed, &ran, &mut judged).await
    {
        judged.failures.push(format!("{error:#}"));
    }
    let Ran { runs, failed, duplicates, errors, met, .. } = ran;
    let duplicates = duplicates + judged.duplicates;
    Judged { runs, failed, duplicates, errors, met, ..judged }
}

async fn settle(
    lab: &Lab,
    scenario: &Scenario,
    before: &State,
    undisturbed: &Inventory,
    ran: &Ran,
    judged: &mut Judged,
) -> Result<()> {
    if ran.succeeded {
        let left = inventory(&lab.beside).await?.since(undisturbed);
        ensure!(left.is_empty() || ran.met_stale(), "a run said that it is done, and left {left:#?}");
        judged.left = left;
    }
    let report = lab.apply(scenario.mode).await.context("without faults")?;
    let duplicate = |why: &String| why.starts_with("duplicate of");
    judged.duplicates =
        report.steps.iter().filter(|step| step.step.reason.as_ref().is_some_and(duplicate)).count();
    lab.expect_converged(scenario.mode).await?;
    let left = inventory(&lab.beside).await?.since(undisturbed);
    ensure!(left.is_empty(), "it is not as without faults: {left:#?}");
    ensure!(lab.lease().await?.is_none(), "the lease is not free");
    if scenario.mode == (engine::Mode::Destroy { include_stateful: true }) {
        return Ok(());
    }
    if before.runs > 0 {
        lab.contents().await?.expect_as(&before.contents)?;
    }
    let history = lab.history(ALL_RUNS).await?;
    ensure!(history.len() > before.runs, "the history tells of no run");
    let outcome = history.first().map(|run| run.outcome);
    let expected = if report.steps.is_empty() { ran.outcome } else { Some(Outcome::Succeeded) };
    let excused = report.steps.is_empty() && ran.warned;
    ensure!(outcome == expected || excused, "the history says {outcome:?} of a run that ended {expected:?}");
    Ok(())
}

impl Judged {
    pub(super) fn sentence(&self, scenario: &Scenario) -> String {
        let Self { seed, runs, failed, duplicates, failures, left, errors, took, .. } = self;
        let what = scenario.what;
        let met: usize = self.met.values().sum();
        format!(
            "{what}, seed {seed}: {met} faults, {failed} of {runs} runs failed {errors:?}, {duplicates} duplicates removed, \
             left {left:?}, failures {failures:#?}, {:.1} s",
            took.as_secs_f32()
        )
    }
}

/// The table's line of a scenario.
pub(super) fn row(scenario: &Scenario, place: usize, judged: &[Judged]) -> Row {
    let judged: Vec<_> = judged.iter().filter(|one| one.place == place).collect();
    let sum = |of: fn(&Judged) -> usize| judged.iter().map(|one| of(one)).sum::<usize>();
    let mut met = BTreeMap::<&str, usize>::new();
    let mut errors = BTreeMap::<&str, usize>::new();
    for one in &judged {
        one.met.iter().for_each(|(kind, count)| *met.entry(*kind).or_default() += count);
        one.errors.iter().for_each(|(error, count)| *errors.entry(error).or_default() += count);
    }
    let listed = |counted: &BTreeMap<&str, usize>| {
        counted.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    };
    let failures = judged.iter().flat_map(|one| {
        one.failures.iter().map(|failure| format!("{failure} (`cargo xtask chaos --seed {}`)", one.seed))
    });
    Row {
        what: format!("{}, random faults at up to 20 %", scenario.what),
        times: format!("{} seeds", judged.len()),
        found: format!(
            "met: {}; {} of {} runs failed ({}); {} duplicates made and removed",
            listed(&met),
            sum(|one| one.failed),
            sum(|one| one.runs),
            listed(&errors),
            sum(|one| one.duplicates),
        ),
        failures: failures.collect(),
        took: judged.iter().map(|one| one.took).sum(),
    }
}
