//! What a run is to do, before and after people agreed to it.

use resource::{Families, Graph, Plan};

use crate::{Mode, RunError, Survey, plan, survey};

/// A plan, and what it was made from.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What the run is to do.
    pub mode: Mode,
    /// What that takes.
    pub plan: Plan,
    /// What was there.
    pub survey: Survey,
}

/// What was agreed to.
#[derive(Clone, Debug)]
pub enum Approved {
    /// What this process has proposed.
    Proposed(Proposal),
    /// The plan of a deploy, of which nothing but itself is left.
    Saved(Plan),
}

impl Approved {
    /// The plan that was agreed to.
    pub fn plan(&self) -> &Plan {
        match self {
            Self::Proposed(proposal) => &proposal.plan,
            Self::Saved(plan) => plan,
        }
    }
}

/// Observes an environment and plans, without any change.
///
/// # Errors
/// [`RunError::Survey`] and [`RunError::Refused`].
pub async fn propose(graph: &Graph, families: &Families, mode: Mode) -> Result<Proposal, RunError> {
    let survey = survey(families, &graph.scope).await?;
    Ok(Proposal { mode, plan: plan(graph, &survey, families, mode)?, survey })
}
