//! A whole run: lease, survey, apply, record, release.

use std::{future::Future, sync::Arc};

use resource::{Action, Deployment, DeploymentStore, Families, Graph, Key, Lease, Outcome, Plan, Step};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Approved, Caller, Difference, LeaseError, Mode, Proposal, Refusal, Report, Reporter, Settings,
    StepReport, SurveyError, check_saved,
    executor::{Execution, Guard, Work, record},
    history::{self, History},
    lease::{self, Held},
    propose,
    settings::millis,
};

/// What a run works on and with.
pub struct Run<'a> {
    /// The blueprint. Its `deployments` stack depends on nothing outside of it.
    pub graph: &'a Graph,
    /// The resource families.
    pub families: &'a Families,
    /// Where lease and history are kept.
    pub store: &'a dyn DeploymentStore,
    /// Who is told of it.
    pub reporter: Arc<dyn Reporter>,
    /// Cancelled on the first SIGINT or SIGTERM: no step begins any more, those in flight end.
    pub stop: CancellationToken,
    /// Who runs it.
    pub caller: Caller,
    /// Whether the process that holds a lease is known to be dead: then its lease is taken over at once.
    pub is_dead: &'a (dyn Fn(&Lease) -> bool + Sync),
    /// Times and bounds.
    pub settings: Settings,
}

/// A run that ended before its first step.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The environment was not observed.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// There is no plan.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is more to do than was approved.
    #[error("there is more to do than was approved, so it is not done; plan again. What was not approved:{}", listed(.0))]
    Beyond(Vec<Difference>),
    /// The lease was not had.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// It was told to stop.
    #[error("told to stop, so no step was begun")]
    Interrupted,
}

fn listed(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("\n- {difference}")).collect()
}

/// Carries out what was approved.
///
/// # Guarantees
/// Nothing is done beyond what was approved: the environment is observed under the lease, and what has to be done then
/// must be a part of it. What a proposal was made from may be old by then, so it decides no more than whether the table
/// for the lease has to be made first. Where nothing was to be done, nothing is written, not even a lease. A run may be
/// dropped at any point; the next one converges.
///
/// A missing `deployments` table is made before the lease is taken, since it holds the lease. A destroy that deletes it
/// does so last, and lease and history go with it. A destroy that does not find it runs without a lease, which it warns
/// of.
///
/// # Errors
/// [`RunError`] where no step was begun. Steps that failed are in the [`Report`].
pub async fn deploy(run: &Run<'_>, approved: Approved) -> Result<Report, RunError> {
    let (approved, mut seen) = match approved {
        Approved::Proposed(proposal) => (proposal.plan.clone(), proposal),
        Approved::Saved(plan) => {
            let seen = run.look_ahead(Mode::Deploy, &plan).await?;
            (plan, seen)
        }
    };
    if seen.plan.is_converged() {
        return Ok(Report::new(Vec::new(), None));
    }
    let mut lease = run.lease(&seen).await?;
    if lease.is_none() && seen.mode != Mode::Deploy {
        // No lease will keep others from changing what this was made from, so it is made anew.
        seen = run.look_ahead(seen.mode, &approved).await?;
        lease = run.lease(&seen).await?;
    }
    match lease {
        Some(lease) => run.under(lease, seen.mode, &approved, Vec::new()).await,
        None if seen.mode == Mode::Deploy => run.with_table(seen, &approved).await,
        None => Ok(run.unleased(seen).await),
    }
}

fn is_deployments(step: &Step) -> bool {
    step.key.stack() == Key::DEPLOYMENTS
}

/// The table that holds the lease is deleted after the lease's end.
fn is_last(step: &Step) -> bool {
    is_deployments(step) && step.action == Action::Delete
}

fn report(mut first: Vec<StepReport>, execution: Execution<'_>) -> Report {
    let (steps, lost) = execution.finish();
    first.extend(steps);
    Report::new(first, lost)
}

impl Run<'_> {
    /// Observes and plans, and holds the plan against what was approved.
    async fn look(&self, mode: Mode, approved: &Plan) -> Result<Proposal, RunError> {
        let proposal = propose(self.graph, self.families, mode).await?;
        check_saved(approved, &proposal.plan).map_err(RunError::Beyond)?;
        Ok(proposal)
    }

    /// The same while there is no lease yet.
    async fn look_ahead(&self, mode: Mode, approved: &Plan) -> Result<Proposal, RunError> {
        match self.until_stopped(self.look(mode, approved)).await? {
            // What another run has half done was in nobody's plan.
            Err(RunError::Beyond(more)) if more.iter().all(Difference::is_to_do) => {
                let held = lease::held(self.store, &self.settings, self.is_dead).await;
                let held = held.map(|lease| LeaseError::Held(Box::new(lease)).into());
                Err(held.unwrap_or(RunError::Beyond(more)))
            }
            looked => looked,
        }
    }

    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, RunError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(RunError::Interrupted),
            result = work => Ok(result),
        }
    }

    /// Takes the lease; none where there is no usable table for it.
    async fn lease(&self, seen: &Proposal) -> Result<Option<Held<'_>>, RunError> {
        let mut tables = self.graph.nodes().filter(|node| node.key.stack() == Key::DEPLOYMENTS);
        if !tables.all(|node| seen.survey.keyed(&node.kind, &node.key).next().is_some()) {
            return Ok(None);
        }
        match self.take(seen.mode).await {
            Err(RunError::Lease(LeaseError::NoTable)) => Ok(None),
            taken => taken.map(Some),
        }
    }

    async fn take(&self, mode: Mode) -> Result<Held<'_>, RunError> {
        if self.stop.is_cancelled() {
            return Err(RunError::Interrupted);
        }
        Ok(lease::take(self.store, &self.settings, &self.caller, command(mode), self.is_dead).await?)
    }

    /// Makes the table for the lease, and then all else under it.
    async fn with_table(&self, seen: Proposal, approved: &Plan) -> Result<Report, RunError> {
        let mode = seen.mode;
        let mut execution = self.execution(seen);
        execution.run(is_deployments, self.guard(None, None)).await;
        if !execution.is_done(is_deployments) || self.stop.is_cancelled() {
            // All other steps wait for it, so this skips them.
            execution.run(|step| !is_deployments(step), self.guard(None, None)).await;
            return Ok(report(Vec::new(), execution));
        }
        let lease = self.take(mode).await?;
        self.under(lease, mode, approved, execution.finish().0).await
    }

    /// Carries out all steps without a lease.
    async fn unleased(&self, seen: Proposal) -> Report {
        if !seen.plan.is_converged() {
            self.reporter
                .warn("there is no usable deployments table, so this run has neither lease nor history");
        }
        let mut execution = self.execution(seen);
        execution.run(|_| true, self.guard(None, None)).await;
        report(Vec::new(), execution)
    }

    async fn under(
        &self,
        lease: Held<'_>,
        mode: Mode,
        approved: &Plan,
        first: Vec<StepReport>,
    ) -> Result<Report, RunError> {
        let history = self.deployment(&lease, command(mode), approved, &first);
        let (mut execution, history) =
            match lease.renewed_during(self.apply(mode, approved, &lease, history.clone())).await {
                Ok(applied) => applied,
                Err(error) => {
                    self.conclude(history, Outcome::Failed).await;
                    self.release(lease).await;
                    return Err(error);
                }
            };
        // The lease goes with its table, so it is asked for before that goes, and no more while it does.
        let lost = lease.loss().is_some().then_some(&lease);
        execution.run(is_last, self.guard(lost, None)).await;
        let table_deleted = execution.has(is_last) && execution.is_done(is_last);
        let report = report(first, execution);
        if !table_deleted {
            self.conclude(history, report.outcome).await;
            self.release(lease).await;
        }
        Ok(report)
    }

    /// Carries out all steps but those that have to wait for the lease's end.
    async fn apply(
        &self,
        mode: Mode,
        approved: &Plan,
        lease: &Held<'_>,
        deployment: Deployment,
    ) -> Result<(Execution<'_>, Deployment), RunError> {
        let begun = Instant::now();
        // To its end, even where the run is told to stop: steps may be done already, and the report tells of them. By then the
        // history knows of the run, which no step has to wait for.
        let known = history::announce(self.store, &self.settings, &deployment);
        let (seen, ()) = futures::join!(self.look(mode, approved), known);
        let seen = seen?;
        let deployment = Deployment { survey_millis: Some(millis(begun.elapsed())), ..deployment };
        let mut execution = self.execution(seen);
        let (history, writer) = History::begin(deployment);
        let steps = async {
            execution.run(|step| !is_last(step), self.guard(Some(lease), Some(&history))).await;
            history.end()
        };
        let (deployment, ()) = futures::join!(steps, writer.write(self.store, &self.settings));
        Ok((execution, deployment))
    }

    fn execution(&self, seen: Proposal) -> Execution<'_> {
        let work = Work::new(seen.plan, seen.survey, self.graph, self.families);
        Execution::new(work, Arc::clone(&self.reporter), self.settings.concurrency)
    }

    fn guard<'b>(&'b self, lease: Option<&'b Held<'b>>, history: Option<&'b History>) -> Guard<'b> {
        Guard { stop: &self.stop, lease, history }
    }

    fn deployment(&self, lease: &Held<'_>, command: &str, plan: &Plan, first: &[StepReport]) -> Deployment {
        Deployment {
            id: lease.run(),
            holder: self.caller.holder.clone(),
            command: command.to_owned(),
            commit: self.caller.commit.clone(),
            blueprint: plan.blueprint.clone(),
            started_at_millis: self.settings.clock.now_millis(),
            ended_at_millis: None,
            outcome: Outcome::Running,
            survey_millis: None,
            steps: first.iter().filter_map(record).collect(),
        }
    }

    async fn conclude(&self, deployment: Deployment, outcome: Outcome) {
        if let Err(error) = history::conclude(self.store, &self.settings, deployment, outcome).await {
            self.reporter.warn(&format!("the history of this run is incomplete: {}", crate::chain(&error)));
        }
    }

    async fn release(&self, lease: Held<'_>) {
        if let Err(error) = lease.release().await {
            let error = crate::chain(&error);
            self.reporter.warn(&format!("the lease was not released, and ends by itself: {error}"));
        }
    }
}

fn command(mode: Mode) -> &'static str {
    match mode {
        Mode::Deploy => "deploy",
        Mode::Destroy { include_stateful: false } => "destroy",
        Mode::Destroy { include_stateful: true } => "destroy --include-stateful",
    }
}
