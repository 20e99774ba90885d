//! An environment with its blueprint: what planning and applying begin with.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use engine::{InMemory, Mode, Proposal, Survey};
use resource::{Deployment, DeploymentStore, Estimate, Families, Graph, Key, Plan};
use tokio::time::timeout;

use crate::{
    capabilities::{self, Lacking, LeftOut},
    cli::Target,
    packages::Packages,
    session::Session,
    terminal::{WARNING, paint, say},
};

/// How many of the last runs tell how long steps take. A plan's steps may have been done last many deploys ago, and most
/// runs have few of them.
const RUNS: usize = 50;

/// How long the history may take to be read. It is there before the survey is, unless its table is throttled.
const HISTORY: Duration = Duration::from_secs(5);

/// An environment, the blueprint for it, and the families that make it so.
pub struct Workbench {
    /// The environment.
    pub session: Session,
    /// What it should have.
    pub graph: Graph,
    /// How that is had.
    pub families: Families,
    /// The lease and history of the environment.
    pub deployments: Arc<dyn DeploymentStore>,
    /// What of the blueprint is not in `graph`, because local AWS lacks it.
    pub left_out: Vec<LeftOut>,
}

impl Workbench {
    /// Opens the environment and makes its blueprint from the packages. On local AWS, what that lacks is left out, and said
    /// on standard error.
    ///
    /// # Errors
    /// As [`Session::open`], or a package is missing.
    pub async fn open(target: &Target) -> Result<Self> {
        let session = Session::open(target).await?;
        let packages = Packages::load(target.packages.as_deref())?;
        Self::of(session, &packages).await?.without_what_is_lacking().await
    }

    /// The same without the packages: for what makes and changes no function.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_unpackaged(target: &Target) -> Result<Self> {
        Self::of(Session::open(target).await?, &Packages::not_built()).await?.without_what_is_lacking().await
    }

    async fn without_what_is_lacking(self) -> Result<Self> {
        if !self.session.environment.is_local() {
            return Ok(self);
        }
        let lacking = match &self.session.lacking {
            Some(announced) => announced.clone(),
            None => capabilities::ask(&self.session).await,
        };
        let bench = self.without(&lacking)?;
        if let Some(sentence) = capabilities::sentence(&bench.left_out) {
            say(paint(WARNING, sentence));
        }
        Ok(bench)
    }

    /// The same without what local AWS lacks, and without what needs that. Where there is no table for them, lease and history
    /// are in memory.
    ///
    /// # Errors
    /// None that the blueprint meets.
    pub fn without(mut self, lacking: &Lacking) -> Result<Self> {
        let (graph, left_out) = capabilities::prune(&self.graph, lacking)?;
        self.families.retain(|kind, _| !lacking.0.contains_key(kind));
        if left_out.iter().any(|one| one.node.key.stack() == Key::DEPLOYMENTS) {
            self.deployments = Arc::new(InMemory::default());
        }
        Ok(Self { graph, left_out, ..self })
    }

    /// The blueprint and families of an environment that is open. AWS is asked whether it was bootstrapped: from then on its
    /// roles carry a permissions boundary.
    ///
    /// # Errors
    /// A package is missing, or IAM does not say whether there is a boundary.
    pub async fn of(mut session: Session, packages: &Packages) -> Result<Self> {
        let boundary = blueprint::bootstrap::boundary(&session.scope).arn();
        let roles = aws_iam::Roles::new(&session.sdk);
        // The clients of all services take some time to make, which is that of the question.
        let clients = async {
            let deployments = Arc::new(aws_dynamodb::Deployments::new(&session.sdk, &session.scope));
            (session.families(packages), deployments)
        };
        let (is_there, (families, deployments)) = futures::join!(roles.has_policy(&boundary), clients);
        session.environment.permissions_boundary = is_there?.then_some(boundary);
        let graph = blueprint::blueprint(&session.environment, &packages.hashes())?;
        Ok(Self { session, graph, families, deployments, left_out: Vec::new() })
    }

    /// Observes the environment. Changes nothing.
    ///
    /// # Errors
    /// A family cannot be observed.
    pub async fn survey(&self) -> Result<Survey> {
        Ok(engine::survey(&self.families, &self.session.scope).await?)
    }

    /// Observes the environment and plans. Changes nothing.
    ///
    /// # Errors
    /// A family cannot be observed, or the plan is refused.
    pub async fn propose(&self, mode: Mode) -> Result<Proposal> {
        Ok(engine::propose(&self.graph, &self.families, mode).await?)
    }

    /// What [`Workbench::propose`] plans.
    ///
    /// # Errors
    /// As [`Workbench::propose`].
    pub async fn plan(&self, mode: Mode) -> Result<Plan> {
        Ok(self.propose(mode).await?.plan)
    }

    /// The same as [`Workbench::propose`], with how long it takes. The history is read while the environment is observed.
    ///
    /// # Errors
    /// As [`Workbench::propose`]. Where the history cannot be read, the estimate says why.
    pub async fn propose_with_estimate(&self, mode: Mode) -> Result<Proposal> {
        let (proposal, history) =
            futures::join!(self.propose(mode), history_for_estimate(&*self.deployments));
        let mut proposal = proposal?;
        let plan = &mut proposal.plan;
        if !plan.is_converged() {
            let estimate = history.map(|history| engine::estimate(plan, &history));
            plan.estimate = Some(estimate.unwrap_or_else(|because| Estimate::Unknown { because }));
        }
        Ok(proposal)
    }

    /// The one resource of that key that is there.
    pub fn observed<'a>(&self, survey: &'a Survey, key: &Key) -> Option<&'a resource::Observed> {
        let kind = &self.graph.get(key)?.kind;
        survey.ours().find(|(of, owner, _)| *of == kind && *owner == key).map(|(_, _, observed)| observed)
    }
}

/// The history, or why there is none.
async fn history_for_estimate(store: &dyn DeploymentStore) -> Result<Vec<Deployment>, String> {
    match timeout(HISTORY, store.history(RUNS)).await {
        Ok(history) => history.map_err(|error| format!("the history could not be read, because {error}")),
        Err(_) => Err(format!("the history was not there within {} s", HISTORY.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use futures::{
        FutureExt,
        future::{BoxFuture, pending, ready},
    };
    use resource::{Class, Error, Lease, Swap};

    use super::*;

    /// A store that answers the question for its history so, or never.
    struct Answering(Option<Class>);

    impl DeploymentStore for Answering {
        fn lease(&self) -> BoxFuture<'_, resource::Result<Option<Lease>>> {
            unreachable!("a plan has no lease")
        }
        fn swap_lease<'a>(
            &'a self,
            _: Option<&'a Lease>,
            _: Option<&'a Lease>,
        ) -> BoxFuture<'a, resource::Result<Swap>> {
            unreachable!("a plan has no lease")
        }
        fn record<'a>(&'a self, _: &'a Deployment) -> BoxFuture<'a, resource::Result<()>> {
            unreachable!("a plan changes nothing")
        }
        fn history(&self, _: usize) -> BoxFuture<'_, resource::Result<Vec<Deployment>>> {
            match self.0 {
                Some(class) => {
                    ready(Err(Error::new("dynamodb:Query", "headwater-dev-deployments", class, "no"))).boxed()
                }
                None => pending().boxed(),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_history_that_cannot_be_read_keeps_no_plan_from_being_made() {
        let mut told = Vec::new();
        for store in [Answering(Some(Class::Denied)), Answering(Some(Class::RetryLater)), Answering(None)] {
            told.push(history_for_estimate(&store).await.unwrap_err());
        }
        insta::assert_snapshot!(told.join("\n"), @r"
        the history could not be read, because dynamodb:Query was denied (headwater-dev-deployments)
        the history could not be read, because dynamodb:Query was put off for now (headwater-dev-deployments)
        the history was not there within 5 s
        ");
    }
}
