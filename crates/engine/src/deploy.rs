//! A whole run: survey, plan, lease, survey again, apply, record, release.

use std::{future::Future, sync::Arc};

use resource::{Action, Deployment, DeploymentStore, Families, Graph, Key, Lease, Outcome, Plan, Step};
use tokio_util::sync::CancellationToken;

use crate::{
    Caller, Difference, LeaseError, Mode, Refusal, Report, Reporter, Settings, StepReport, Survey,
    SurveyError, check_saved,
    executor::{Execution, Guard, Work, record},
    history::{self, History},
    lease::{self, Held},
    plan, survey,
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

/// Observes an environment and plans, without any change.
///
/// # Errors
/// [`RunError::Survey`] and [`RunError::Refused`].
pub async fn propose(graph: &Graph, families: &Families, mode: Mode) -> Result<Plan, RunError> {
    let observed = survey(families, &graph.scope).await?;
    Ok(plan(graph, &observed, families, mode)?)
}

/// Carries out what was approved.
///
/// # Guarantees
/// Nothing is done beyond `approved`: the environment is observed again, under the lease, and what has to be done then
/// must be a part of it. Where nothing has to be done, nothing is written, not even a lease. A run may be dropped at
/// any point; the next one converges.
///
/// A missing `deployments` table is made before the lease is taken, since it holds the lease. A destroy that deletes it
/// does so last, and lease and history go with it. A destroy that does not find it runs without a lease, which it
/// warns of.
///
/// # Errors
/// [`RunError`] where no step was begun. Steps that failed are in the [`Report`].
pub async fn deploy(run: &Run<'_>, mode: Mode, approved: &Plan) -> Result<Report, RunError> {
    let (plan, observed) = match run.until_stopped(run.look(mode, approved)).await? {
        // What another run has half done was in nobody's plan.
        Err(RunError::Beyond(more)) if more.iter().all(Difference::is_to_do) => {
            let held = lease::held(run.store, &run.settings, run.is_dead).await;
            let held = held.map(|lease| LeaseError::Held(Box::new(lease)).into());
            return Err(held.unwrap_or(RunError::Beyond(more)));
        }
        looked => looked?,
    };
    if plan.is_converged() {
        return Ok(Report::new(Vec::new(), None));
    }
    let mut first = Vec::new();
    match run.table(&observed).await {
        Table::Ready => {}
        Table::Missing if mode == Mode::Deploy => {
            let mut execution = run.execution(plan, observed);
            execution.run(is_deployments, run.guard(None, None)).await;
            if !execution.is_done(is_deployments) || run.stop.is_cancelled() {
                // All other steps wait for it, so this skips them.
                execution.run(|step| !is_deployments(step), run.guard(None, None)).await;
                return Ok(report(Vec::new(), execution));
            }
            first = execution.finish().0;
        }
        Table::Missing => {
            run.reporter
                .warn("there is no usable deployments table, so this run has neither lease nor history");
            let mut execution = run.execution(plan, observed);
            execution.run(|_| true, run.guard(None, None)).await;
            return Ok(report(first, execution));
        }
    }
    run.with_lease(mode, approved, first).await
}

/// Whether the table that holds the lease can.
enum Table {
    Ready,
    Missing,
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
    async fn look(&self, mode: Mode, approved: &Plan) -> Result<(Plan, Survey), RunError> {
        let observed = survey(self.families, &self.graph.scope).await?;
        let plan = plan(self.graph, &observed, self.families, mode)?;
        check_saved(approved, &plan).map_err(RunError::Beyond)?;
        Ok((plan, observed))
    }

    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, RunError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(RunError::Interrupted),
            result = work => Ok(result),
        }
    }

    /// A table that was left half made cannot hold it either; one that is busy with a change can be read.
    async fn table(&self, observed: &Survey) -> Table {
        let mut nodes = self.graph.nodes().filter(|node| node.key.stack() == Key::DEPLOYMENTS);
        let states: Vec<_> =
            nodes.by_ref().map(|node| observed.keyed(&node.kind, &node.key).next()).collect();
        let absent = states.iter().any(Option::is_none);
        let busy = states.iter().flatten().any(|observed| observed.pending.is_some());
        if absent || busy && lease::answer(&self.settings, self.store.lease()).await.is_err() {
            Table::Missing
        } else {
            Table::Ready
        }
    }

    async fn with_lease(
        &self,
        mode: Mode,
        approved: &Plan,
        first: Vec<StepReport>,
    ) -> Result<Report, RunError> {
        let command = command(mode);
        let lease = lease::take(self.store, &self.settings, &self.caller, command, self.is_dead).await?;
        let history = self.deployment(&lease, command, approved, &first);
        let (mut execution, history) =
            match lease.renewed_during(self.apply(mode, approved, &lease, history)).await {
                Ok(applied) => applied,
                Err(error) => {
                    self.release(lease).await;
                    return Err(error);
                }
            };
        execution.run(is_last, self.guard(Some(&lease), None)).await;
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
        // To its end, even where the run is told to stop: steps may be done already, and the report tells of them.
        let (plan, observed) = self.look(mode, approved).await?;
        let mut execution = self.execution(plan, observed);
        let (history, writer) = History::begin(deployment);
        let steps = async {
            execution.run(|step| !is_last(step), self.guard(Some(lease), Some(&history))).await;
            history.end()
        };
        let (deployment, ()) = futures::join!(steps, writer.write(self.store, &self.settings));
        Ok((execution, deployment))
    }

    fn execution(&self, plan: Plan, survey: Survey) -> Execution<'_> {
        let work = Work::new(plan, survey, self.graph, self.families);
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
