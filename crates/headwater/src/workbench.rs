//! An environment with its blueprint: what planning and applying begin with.

use std::sync::Arc;

use anyhow::Result;
use engine::{InMemory, Mode, Survey};
use resource::{DeploymentStore, Families, Graph, Key, Plan};

use crate::{
    capabilities::{self, Lacking, LeftOut},
    cli::Target,
    packages::Packages,
    session::Session,
    terminal::{WARNING, paint, say},
};

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
        let is_there = aws_iam::Roles::new(&session.sdk).has_policy(&boundary).await?;
        session.environment.permissions_boundary = is_there.then_some(boundary);
        let graph = blueprint::blueprint(&session.environment, &packages.hashes())?;
        let families = session.families(packages);
        let deployments = Arc::new(aws_dynamodb::Deployments::new(&session.sdk, &session.scope));
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
    pub async fn plan(&self, mode: Mode) -> Result<Plan> {
        Ok(engine::plan(&self.graph, &self.survey().await?, &self.families, mode)?)
    }

    /// The one resource of that key that is there.
    pub fn observed<'a>(&self, survey: &'a Survey, key: &Key) -> Option<&'a resource::Observed> {
        let kind = &self.graph.get(key)?.kind;
        survey.ours().find(|(of, owner, _)| *of == kind && *owner == key).map(|(_, _, observed)| observed)
    }
}
