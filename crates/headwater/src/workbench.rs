//! An environment with its blueprint: what planning and applying begin with.

use anyhow::Result;
use engine::{Mode, Survey};
use resource::{Families, Graph, Key, Plan};

use crate::{cli::Target, packages::Packages, session::Session};

/// An environment, the blueprint for it, and the families that make it so.
pub struct Workbench {
    /// The environment.
    pub session: Session,
    /// What it should have.
    pub graph: Graph,
    /// How that is had.
    pub families: Families,
}

impl Workbench {
    /// Opens the environment and makes its blueprint from the packages.
    ///
    /// # Errors
    /// As [`Session::open`], or a package is missing.
    pub async fn open(target: &Target) -> Result<Self> {
        let session = Session::open(target).await?;
        Self::of(session, &Packages::load(target.packages.as_deref())?)
    }

    /// The same without the packages: for what makes and changes no function.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_unpackaged(target: &Target) -> Result<Self> {
        Self::of(Session::open(target).await?, &Packages::not_built())
    }

    /// The blueprint and families of an environment that is open.
    ///
    /// # Errors
    /// A package is missing.
    pub fn of(session: Session, packages: &Packages) -> Result<Self> {
        let graph = blueprint::blueprint(&session.environment, &packages.hashes())?;
        let families = session.families(packages);
        Ok(Self { session, graph, families })
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

    /// The lease and history of the environment.
    pub fn deployments(&self) -> aws_dynamodb::Deployments {
        aws_dynamodb::Deployments::new(&self.session.sdk, &self.session.scope)
    }

    /// The one resource of that key that is there.
    pub fn observed<'a>(&self, survey: &'a Survey, key: &Key) -> Option<&'a resource::Observed> {
        let kind = &self.graph.get(key)?.kind;
        survey.ours().find(|(of, owner, _)| *of == kind && *owner == key).map(|(_, _, observed)| observed)
    }
}
