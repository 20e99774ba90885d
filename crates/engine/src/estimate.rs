//! How long a plan takes, by how long its steps took before. Pure and synchronous.

use std::collections::BTreeSet;

use resource::{Deployment, Estimate, Plan, Step, StepRecord, StepTime};

/// How many times of a step count: the last ones.
const LAST: usize = 5;

/// How long `plan` takes, by the `history` of its environment, the newest run first.
///
/// A step takes the median of the last five times that this was done to this resource, and otherwise to any of its kind.
/// What failed is no measure. A step that was never measured counts as none, and the estimate says so.
///
/// The plan takes the longest chain of steps that wait for each other, and the survey before them. That is what a run
/// cannot do without: to it come the few calls for the lease and the history, and the time for which a step waits though
/// it could begin, because as many of its service run as may ([`crate::Concurrency`]).
pub fn estimate(plan: &Plan, history: &[Deployment]) -> Estimate {
    let measured: Vec<Measured> = plan.steps.iter().map(|step| Measured::of(step, history)).collect();
    let runs: BTreeSet<usize> = measured.iter().flat_map(|measured| &measured.runs).copied().collect();
    if runs.is_empty() {
        let environment = &plan.scope.environment;
        let because = match history.is_empty() {
            true => format!("nothing was deployed to {environment} yet"),
            false => format!("nothing of it was done in {environment} before"),
        };
        return Estimate::Unknown { because };
    }
    let times: Vec<Option<u64>> = measured.iter().map(|measured| measured.millis).collect();
    let longest = longest_chain(plan, &times);
    let survey = median(history.iter().filter_map(|run| run.survey_millis).take(LAST)).unwrap_or_default();
    let time = |place: usize| {
        let Step { key, action, .. } = &plan.steps[place];
        StepTime { key: key.clone(), action: *action, millis: times[place] }
    };
    Estimate::Known {
        millis: survey + longest.iter().filter_map(|place| times[*place]).sum::<u64>(),
        longest: longest.into_iter().map(time).collect(),
        unmeasured: times.iter().filter(|time| time.is_none()).count(),
        runs: runs.len(),
    }
}

/// How long a step took before.
struct Measured {
    /// In milliseconds; none where it was never measured.
    millis: Option<u64>,
    /// The runs that this is from, by their places in the history.
    runs: Vec<usize>,
}

impl Measured {
    fn of(step: &Step, history: &[Deployment]) -> Self {
        let of_key = |record: &StepRecord| record.key == step.key;
        let of_kind = |record: &StepRecord| record.kind.as_ref() == Some(&step.kind);
        let same = last_times(step, history, of_key);
        let (runs, times): (Vec<_>, Vec<_>) =
            if same.is_empty() { last_times(step, history, of_kind) } else { same }.into_iter().unzip();
        Self { millis: median(times), runs }
    }
}

/// The last times of such steps with the step's action: the place of the run in the history, and milliseconds.
fn last_times(step: &Step, history: &[Deployment], such: impl Fn(&StepRecord) -> bool) -> Vec<(usize, u64)> {
    let records = history
        .iter()
        .enumerate()
        .flat_map(|(run, deployment)| deployment.steps.iter().map(move |record| (run, record)));
    records
        .filter(|(_, record)| record.action == step.action && record.error.is_none() && such(record))
        .map(|(run, record)| (run, record.millis))
        .take(LAST)
        .collect()
}

/// The one in the middle; of an even number, the smaller of the two.
fn median(times: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied()
}

/// The places of the steps on the chain that takes longest, in their order.
fn longest_chain(plan: &Plan, times: &[Option<u64>]) -> Vec<usize> {
    // Of each step when it ends, and for which other it waits last. A step comes after all that it waits for.
    let mut ends: Vec<(u64, Option<usize>)> = Vec::with_capacity(plan.steps.len());
    for (step, time) in plan.steps.iter().zip(times) {
        let last = step.after.iter().copied().max_by_key(|other| ends[*other].0);
        let begins = last.map_or(0, |last| ends[last].0);
        ends.push((begins + time.unwrap_or_default(), last));
    }
    let mut chain = Vec::new();
    let mut next = (0..ends.len()).max_by_key(|place| ends[*place].0);
    while let Some(place) = next {
        chain.push(place);
        next = ends[place].1;
    }
    chain.reverse();
    chain
}
