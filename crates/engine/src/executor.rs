//! The executor: starts each step the moment its dependencies are done.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use futures::{StreamExt, stream::FuturesUnordered};
use resource::{
    Action, Desired, Error, Families, Graph, Key, Node, Observed, Plan, Progress, Reference, Step,
    StepRecord, references, resolve,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Concurrency, Reporter, Skipped, StepError, StepReport, StepResult, Survey,
    caught::{caught, chain},
    history::History,
    lease::{Held, Loss},
    planner::duplicates,
    settings::millis,
    turns,
};

/// A plan that is being carried out.
pub(crate) struct Execution<'a> {
    work: Work<'a>,
    reporter: Arc<dyn Reporter>,
    concurrency: Concurrency,
    /// Where each step is.
    states: Vec<State>,
    /// The places of the steps that were begun, as they ended.
    order: Vec<usize>,
    /// The loss of the lease that kept steps from being done.
    lost: Option<Loss>,
}

/// What the steps work on.
pub(crate) struct Work<'a> {
    pub(crate) plan: Plan,
    /// What the plan was made from.
    pub(crate) survey: Survey,
    pub(crate) graph: &'a Graph,
    pub(crate) families: &'a Families,
    /// What was kept of each node when the plan was made, by id.
    kept: BTreeMap<Key, String>,
    /// What the steps have made or changed, as it was then.
    made: Mutex<BTreeMap<Key, Observed>>,
}

enum State {
    Waiting,
    Begun(Instant),
    Ended(Box<StepReport>),
}

/// What may end a run early, and what keeps record of it.
pub(crate) struct Guard<'a> {
    /// Told to stop: steps in flight end, none is begun.
    pub(crate) stop: &'a CancellationToken,
    /// The lease, where there is one; when it is lost, steps in flight are given up where they are, because another
    /// run may change the same resources from then on.
    pub(crate) lease: Option<&'a Held<'a>>,
    /// The history, where there is one.
    pub(crate) history: Option<&'a History>,
}

impl Guard<'_> {
    /// Why no further step may begin.
    fn halted(&self) -> Option<Skipped> {
        match self.lease.and_then(Held::loss) {
            Some(_) => Some(Skipped::LeaseLost),
            None => self.stop.is_cancelled().then_some(Skipped::Interrupted),
        }
    }

    async fn lost(&self) {
        match self.lease {
            Some(lease) => lease.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Carries out a step as long as the lease is held. The clocks are asked each time before the step goes on: an owner that
    /// was suspended makes no further call when it wakes, though no timer has told it yet.
    async fn while_held(&self, step: impl Future<Output = Result<(), StepError>>) -> Result<(), StepError> {
        let mut step = pin!(step);
        poll_fn(|context| match self.lease.and_then(Held::loss) {
            Some(_) => Poll::Ready(Err(StepError::LeaseLost)),
            None => step.as_mut().poll(context),
        })
        .await
    }
}

impl<'a> Execution<'a> {
    /// The plan, with nothing done of it.
    pub(crate) fn new(work: Work<'a>, reporter: Arc<dyn Reporter>, concurrency: Concurrency) -> Self {
        let states = work.plan.steps.iter().map(|_| State::Waiting).collect();
        Self { work, reporter, concurrency, states, order: Vec::new(), lost: None }
    }

    /// Carries out the `wanted` steps, or skips those that cannot be begun.
    ///
    /// # Guarantees
    /// A step begins only after all that it waits for is done, and where not all that could begin may run at once, the one
    /// with the longest chain of steps behind it. A failed or panicking step ends alone. Nothing outlives the returned
    /// future.
    pub(crate) async fn run(&mut self, wanted: impl Fn(&Step) -> bool, guard: Guard<'_>) {
        let steps = &self.work.plan.steps;
        let wanted: Vec<usize> = (0..steps.len()).filter(|place| wanted(&steps[*place])).collect();
        let turns = turns::of(steps, &wanted);
        let mut running = FuturesUnordered::new();
        loop {
            let halted = guard.halted();
            while halted.is_none()
                && let Some(&place) = turns.iter().find(|place| self.may_begin(**place))
            {
                self.states[place] = State::Begun(Instant::now());
                self.reporter.started(&steps[place]);
                running.push(carry_out(&self.work, place, &self.reporter, &guard));
            }
            if running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = guard.lost() => break,
                Some((place, result)) = running.next() => {
                    let ended = end(&steps[place], &self.states[place], result, &*self.reporter, guard.history);
                    self.states[place] = State::Ended(Box::new(ended));
                    self.order.push(place);
                }
                () = guard.stop.cancelled(), if halted.is_none() => {}
            }
        }
        drop(running);
        self.close(&wanted, &guard);
    }

    /// Whether there are `wanted` steps.
    pub(crate) fn has(&self, wanted: impl Fn(&Step) -> bool) -> bool {
        self.work.plan.steps.iter().any(wanted)
    }

    /// Whether all `wanted` steps are done.
    pub(crate) fn is_done(&self, wanted: impl Fn(&Step) -> bool) -> bool {
        let mut steps = self.work.plan.steps.iter().zip(&self.states);
        steps.all(|(step, state)| !wanted(step) || is_done(state))
    }

    /// What became of the steps that ended, those that were begun first; and the loss that kept others from it.
    pub(crate) fn finish(mut self) -> (Vec<StepReport>, Option<Loss>) {
        let skipped: Vec<_> = (0..self.states.len()).filter(|place| !self.order.contains(place)).collect();
        let places = self.order.iter().chain(&skipped);
        let ended =
            places.filter_map(|place| match std::mem::replace(&mut self.states[*place], State::Waiting) {
                State::Ended(report) => Some(*report),
                State::Waiting | State::Begun(_) => None,
            });
        (ended.collect(), self.lost)
    }

    /// Whether all that the step waits for is done, and it may run beside those that do.
    fn may_begin(&self, place: usize) -> bool {
        let steps = &self.work.plan.steps;
        let running = steps.iter().zip(&self.states).filter(|(_, state)| matches!(state, State::Begun(_)));
        is_ready(place, steps, &self.states)
            && self.concurrency.allows(&steps[place].kind, running.map(|(step, _)| &step.kind))
    }

    /// Ends the `wanted` steps that are in flight still, and skips those that were not begun.
    fn close(&mut self, wanted: &[usize], guard: &Guard<'_>) {
        let steps = &self.work.plan.steps;
        for &place in wanted {
            let step = &steps[place];
            match &self.states[place] {
                State::Ended(_) => {}
                begun @ State::Begun(_) => {
                    let given_up = Err(StepError::LeaseLost);
                    let ended = end(step, begun, given_up, &*self.reporter, guard.history);
                    self.states[place] = State::Ended(Box::new(ended));
                    self.order.push(place);
                }
                State::Waiting => {
                    let reason = self.why_waiting(place, guard);
                    self.reporter.skipped(step, &reason);
                    let (step, result) = (step.clone(), StepResult::Skipped(reason));
                    let took = Default::default();
                    self.states[place] = State::Ended(Box::new(StepReport { step, result, took }));
                }
            }
            if is_lost(&self.states[place]) {
                self.lost = guard.lease.and_then(Held::loss);
            }
        }
    }

    fn why_waiting(&self, place: usize, guard: &Guard<'_>) -> Skipped {
        let steps = &self.work.plan.steps;
        let undone = steps[place].after.iter().find(|other| !is_done(&self.states[**other]));
        let Some(&undone) = undone else { return guard.halted().unwrap_or(Skipped::Interrupted) };
        match result(&self.states[undone]) {
            Some(StepResult::Skipped(reason @ (Skipped::Interrupted | Skipped::LeaseLost))) => reason.clone(),
            _ => Skipped::After(steps[undone].key.clone()),
        }
    }
}

fn result(state: &State) -> Option<&StepResult> {
    match state {
        State::Ended(report) => Some(&report.result),
        State::Waiting | State::Begun(_) => None,
    }
}

fn is_done(state: &State) -> bool {
    matches!(result(state), Some(StepResult::Done))
}

fn is_lost(state: &State) -> bool {
    let lost = result(state);
    matches!(lost, Some(StepResult::Failed(StepError::LeaseLost) | StepResult::Skipped(Skipped::LeaseLost)))
}

fn is_ready(place: usize, steps: &[Step], states: &[State]) -> bool {
    matches!(states[place], State::Waiting) && steps[place].after.iter().all(|other| is_done(&states[*other]))
}

/// The end of a step, told to who watches and to the history.
fn end(
    step: &Step,
    state: &State,
    result: Result<(), StepError>,
    reporter: &dyn Reporter,
    history: Option<&History>,
) -> StepReport {
    let took = match state {
        State::Begun(at) => at.elapsed(),
        State::Waiting | State::Ended(_) => Default::default(),
    };
    match &result {
        Ok(()) => reporter.finished(step, took),
        Err(error) => reporter.failed(step, took, error),
    }
    let result = result.map_or_else(StepResult::Failed, |()| StepResult::Done);
    let report = StepReport { step: step.clone(), result, took };
    if let Some((history, record)) = history.zip(record(&report)) {
        history.add(record);
    }
    report
}

/// A step as the history keeps it; one that was not begun is not kept.
pub(crate) fn record(report: &StepReport) -> Option<StepRecord> {
    let error = match &report.result {
        StepResult::Done => None,
        StepResult::Failed(error) => Some(chain(error)),
        StepResult::Skipped(_) => return None,
    };
    let StepReport { step, took, .. } = report;
    let Step { key, kind, action, .. } = step;
    let (key, kind) = (key.clone(), Some(kind.clone()));
    Some(StepRecord { key, kind, action: *action, millis: millis(*took), error })
}

async fn carry_out(
    work: &Work<'_>,
    place: usize,
    reporter: &Arc<dyn Reporter>,
    guard: &Guard<'_>,
) -> (usize, Result<(), StepError>) {
    let step = &work.plan.steps[place];
    let (watcher, watched) = (Arc::clone(reporter), step.clone());
    let progress = Progress::new(move |text| watcher.note(&watched, &text));
    (place, guard.while_held(caught(work.carry_out(step, &progress))).await)
}

impl<'a> Work<'a> {
    /// The work that `plan` is, made from `survey`.
    pub(crate) fn new(plan: Plan, survey: Survey, graph: &'a Graph, families: &'a Families) -> Self {
        let kept = duplicates::keep(graph, &survey);
        let kept = kept.into_iter().map(|(key, kept)| (key.clone(), kept.one.id.clone())).collect();
        Self { plan, survey, graph, families, kept, made: Mutex::default() }
    }

    async fn carry_out(&self, step: &Step, progress: &Progress) -> resource::Result<()> {
        let family = self.families.get(&step.kind).ok_or_else(|| missing(step, "resource family"))?;
        match step.action {
            Action::Delete => return family.delete(self.observed(step)?, progress).await,
            Action::Replace => family.delete(self.observed(step)?, progress).await?,
            Action::Create | Action::Update => {}
        }
        let observed = match step.action {
            Action::Update => Some(self.observed(step)?),
            Action::Create | Action::Replace | Action::Delete => None,
        };
        let node = self.graph.get(&step.key).ok_or_else(|| missing(step, "node of the blueprint"))?;
        let desired = self.desired(node)?;
        let made = family.ensure(&self.graph.scope, &desired, observed, progress).await?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(node.key.clone(), made);
        Ok(())
    }

    /// What the node wants, with every reference resolved: all that it refers to is there by now.
    fn desired(&self, node: &Node) -> resource::Result<Desired> {
        let spec = resolve(&node.spec, &mut |reference| self.resolved(reference));
        match references(&spec).first() {
            None => Ok(node.desired(spec)),
            Some(reference) => {
                let source = format!("nothing is known of {reference}");
                Err(Error::new("headwater:Resolve", &node.key, resource::Class::Fatal, source))
            }
        }
    }

    fn resolved(&self, reference: &Reference) -> Option<String> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let observed = made.get(&reference.key).or_else(|| {
            let node = self.graph.get(&reference.key)?;
            self.survey.find(&node.kind, self.kept.get(&reference.key)?)
        });
        observed.and_then(|observed| reference.value(observed)).map(str::to_owned)
    }

    /// What the step changes: as it was when the plan was made.
    fn observed(&self, step: &Step) -> resource::Result<&Observed> {
        let id = step.id.as_deref().unwrap_or_default();
        self.survey.find(&step.kind, id).ok_or_else(|| missing(step, "observed resource"))
    }
}

fn missing(step: &Step, what: &str) -> Error {
    let source = format!("the plan names no {what}: it was made from another survey or blueprint");
    Error::new("headwater:CarryOut", &step.key, resource::Class::Fatal, source)
}
