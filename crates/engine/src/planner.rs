//! The planner: what it takes to make what is there into what is wanted. Pure and synchronous.

mod destroy;
pub(crate) mod duplicates;
mod order;
mod reference;
mod refusal;
mod wanted;

use std::collections::BTreeMap;

use resource::{Families, Graph, Key, Node, Observed, PLAN_VERSION, Plan, Step};

use crate::Survey;
pub use refusal::{Reason, Refusal};

/// What a run is to do with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Make it as the blueprint says.
    Deploy,
    /// Delete what it has.
    Destroy {
        /// The retained resources as well.
        include_stateful: bool,
    },
}

/// Plans a run.
///
/// # Guarantees
/// The same arguments give the same plan. Each step comes after all that it waits for. Applied in full, the plan
/// leads to one without steps.
///
/// # Errors
/// [`Refusal`], with every reason at once.
pub fn plan(graph: &Graph, observed: &Survey, families: &Families, mode: Mode) -> Result<Plan, Refusal> {
    let mut draft = match mode {
        Mode::Deploy => wanted::draft(graph, observed, families),
        Mode::Destroy { include_stateful } => destroy::draft(graph, observed, families, include_stateful),
    };
    let blueprint = graph.hash().unwrap_or_else(|error| {
        draft.reasons.push(Reason::Unreadable { error: error.to_string() });
        String::new()
    });
    if !draft.reasons.is_empty() {
        return Err(Refusal { environment: graph.scope.environment.clone(), reasons: draft.reasons });
    }
    draft.notes.sort();
    Ok(Plan {
        version: PLAN_VERSION,
        scope: graph.scope.clone(),
        blueprint,
        packages: graph.packages.clone(),
        steps: order::arrange(graph, families, draft.steps),
        unchanged: draft.unchanged,
        notes: draft.notes,
        estimate: None,
    })
}

/// A plan in the making.
#[derive(Default)]
struct Draft<'a> {
    steps: Vec<Proposed<'a>>,
    unchanged: usize,
    notes: Vec<String>,
    reasons: Vec<Reason>,
    /// What is there and stays, so that references to it can be resolved; what its step changes of it is not known.
    known: BTreeMap<&'a Key, Known<'a>>,
}

/// A resource that stays.
struct Known<'a> {
    observed: &'a Observed,
    /// The outputs that are other ones after its step.
    renewed: &'static [&'static str],
}

/// A step without its place.
struct Proposed<'a> {
    step: Step,
    /// What it changes or deletes; a create has none.
    observed: Option<&'a Observed>,
    /// The node that it is done for; an orphan has none.
    node: Option<&'a Node>,
}
