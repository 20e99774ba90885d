//! What it takes to delete an environment.

use resource::{Action, Families, Graph, Node, Observed, is_shared};

use super::{Draft, Proposed, wanted};
use crate::Survey;

/// Everything of ours is deleted, from the last node of the blueprint to the first; what is retained only on demand, and
/// what others share never.
pub(super) fn draft<'a>(
    graph: &'a Graph,
    survey: &'a Survey,
    families: &Families,
    include_stateful: bool,
) -> Draft<'a> {
    let mut draft = Draft::default();
    for node in graph.ordered().into_iter().rev().filter(|node| !is_shared(families, &node.kind)) {
        for observed in survey.keyed(&node.kind, &node.key) {
            if node.retained && !include_stateful {
                draft.retain(&node.key, observed);
            } else {
                draft.delete(node, observed);
            }
        }
    }
    for (kind, key, observed) in survey.ours() {
        if is_shared(families, kind) || graph.get(key).is_some_and(|node| node.kind == *kind) {
            continue;
        }
        if key.is_stateful() && !include_stateful {
            draft.retain(key, observed);
        } else {
            let step = wanted::orphan(kind, key, observed);
            draft.steps.push(Proposed { step, observed: Some(observed), node: None });
        }
    }
    draft
}

impl<'a> Draft<'a> {
    fn delete(&mut self, node: &'a Node, observed: &'a Observed) {
        let step = wanted::step(node, Action::Delete, Some(observed.id.clone()), None, Vec::new());
        self.steps.push(Proposed { step, observed: Some(observed), node: Some(node) });
    }

    fn retain(&mut self, key: &resource::Key, observed: &Observed) {
        self.unchanged += 1;
        self.notes.push(format!("`{key}` ({}) is retained; --include-stateful deletes it.", observed.id));
    }
}
