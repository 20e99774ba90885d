//! What the history must tell of a harmed run and of the one that mends.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use engine::{Report, StepResult};
use headwater::commands::history;
use localstack::proxy::Request;
use resource::{Deployment, Outcome};
use serde_json::Value;

use super::case::{Harm, is_of_duplicate};
use crate::{Ended, chaos::lab::Lab};

/// How many of the last runs are read: more than come between two looks.
const RUNS: usize = 20;

/// The last runs before.
pub(super) struct Past(BTreeSet<String>);

impl Past {
    pub(super) async fn of(lab: &Lab) -> Result<Self> {
        Ok(Self(lab.history(RUNS).await?.into_iter().map(|run| run.id).collect()))
    }

    async fn since(&self, lab: &Lab) -> Result<Vec<Deployment>> {
        let mut runs = lab.history(RUNS).await?;
        runs.retain(|run| !self.0.contains(&run.id));
        Ok(runs)
    }

    /// The record of the harmed run, if it was to write one: it says how the run ended and what was done by then.
    pub(super) async fn expect_harmed(
        &self,
        lab: &Lab,
        harm: Harm,
        ended: &Ended,
    ) -> Result<Option<Deployment>> {
        let Some(is_recorded) = is_recorded(lab) else { return Ok(None) };
        let mut runs = self.since(lab).await?;
        ensure!(runs.len() <= 1, "one run has {} records", runs.len());
        let Some(run) = runs.pop() else {
            ensure!(!is_recorded, "it knows nothing of a run that changed something");
            return Ok(None);
        };
        let lease = lab.lease().await?;
        let row = history::row(&run, history::holder(lease.as_ref()));
        // One that ended while it replayed the journal had done its steps before.
        let expected: &[&str] = match ended.code {
            None => &["died", "done"],
            Some(130) => &["interrupted", "done"],
            _ => &["done"],
        };
        let is_expected = expected.iter().any(|word| row.iter().any(|cell| cell.contains(word)));
        ensure!(is_expected, "{row:?} is not {}", expected.join(" or "));
        let steps: Vec<_> = run.steps.iter().map(|step| step.key.to_string()).collect();
        match harm {
            Harm::Killed => {
                // It is written once a second, so the last steps may be missing.
                let said = |key: &String| ended.stderr.lines().any(|line| is_end(line, key));
                let unsaid = steps.iter().find(|key| !said(key));
                ensure!(unsaid.is_none(), "it has a step that never ended: {unsaid:?}\n{ended}");
            }
            Harm::Terminated | Harm::ReplyLost => {
                let said = ended_steps(&ended.json()?)?;
                ensure!(steps == said, "it has the steps {steps:?}, and the run ended {said:?}");
            }
        }
        Ok(Some(run))
    }

    /// Both records, after the run that mends.
    pub(super) async fn expect_mended(
        &self,
        lab: &Lab,
        harmed: Option<&Deployment>,
        second: &Report,
    ) -> Result<()> {
        let runs = self.since(lab).await?;
        let (before, after): (Vec<_>, Vec<_>) =
            runs.iter().partition(|run| harmed.is_some_and(|harmed| harmed.id == run.id));
        ensure!(before.into_iter().eq(harmed), "the harmed run's record was changed");
        let was_done = harmed.is_some_and(|harmed| harmed.outcome == Outcome::Succeeded);
        ensure!(
            !was_done || second.steps.iter().all(is_of_duplicate),
            "the harmed run was not done, as it says it was"
        );
        if second.steps.is_empty() {
            ensure!(after.is_empty(), "a run that did nothing has a record");
            return Ok(());
        }
        let [run] = after[..] else { anyhow::bail!("{} runs mended, not one", after.len()) };
        let steps = run.steps.iter().map(|step| &step.key);
        let done = second.steps.iter().filter(|step| matches!(step.result, StepResult::Done));
        ensure!(run.outcome == Outcome::Succeeded, "the second run is {:?}", run.outcome);
        ensure!(
            steps.eq(done.map(|step| &step.step.key)),
            "the second run's record has other steps than it did"
        );
        Ok(())
    }
}

/// Whether a run changed something under the lease, which it leaves a record of; none where it deleted the table, and the
/// history with it.
fn is_recorded(lab: &Lab) -> Option<bool> {
    let table = lab.local.name("deployments");
    let calls: Vec<_> = lab.proxy.calls().into_iter().map(|call| call.request).collect();
    let is = |call: &Request, action: &str| call.action == action && call.resource == table;
    let deleted = calls.iter().any(|call| is(call, "DeleteTable"));
    // The first of them takes the lease.
    let mut under_lease = calls.iter().skip_while(|call| !is(call, "PutItem")).skip(1);
    (!deleted).then(|| under_lease.any(|call| !call.is_read() && !is(call, "DeleteItem")))
}

/// Whether a line of a run says that a step has ended, well or not.
fn is_end(line: &str, key: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|mark| ["✓", "✗"].contains(&mark)) && words.any(|word| word == key)
}

/// The steps that a run says it began, in the order of their ends.
fn ended_steps(report: &Value) -> Result<Vec<String>> {
    let steps = report["steps"].as_array().context("a run said nothing of its steps")?;
    let begun = steps.iter().filter(|step| step["result"] != "skipped");
    Ok(begun.filter_map(|step| step["key"].as_str()).map(str::to_owned).collect())
}
