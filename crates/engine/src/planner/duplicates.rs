//! Which of several resources with one key is kept.

use std::cmp::Reverse;

use resource::{Node, Observed};

use super::reference::refers;
use crate::Survey;

/// The one that is kept, and the others: kept is what others depend on, else the older, else the first by id.
pub(crate) fn keep_one<'a>(survey: &'a Survey, node: &'a Node) -> Option<(&'a Observed, Vec<&'a Observed>)> {
    let mut candidates: Vec<_> = survey.keyed(&node.kind, &node.key).collect();
    if candidates.len() > 1 {
        let is_candidate = |id: &str| candidates.iter().any(|candidate| candidate.id == id);
        let others: Vec<_> = survey
            .resources()
            .filter(|(kind, other)| **kind != node.kind || !is_candidate(&other.id))
            .map(|(_, other)| other)
            .collect();
        let needed = |candidate: &Observed| others.iter().any(|other| refers(other, candidate));
        let age = |candidate: &Observed| (candidate.created.is_none(), candidate.created.clone());
        candidates.sort_by_cached_key(|one| (Reverse(needed(one)), age(one), one.id.clone()));
    }
    let mut candidates = candidates.into_iter();
    let kept = candidates.next()?;
    Some((kept, candidates.collect()))
}

/// Whether a deploy may delete duplicates of the node.
///
/// Where AWS makes the id, a lost reply makes a second resource, and it is empty. A name allows only one, so a second
/// one with a retained node's key was tagged by someone: what it holds is not ours to judge.
pub(super) fn are_expendable(node: &Node) -> bool {
    !node.retained || node.name.is_none()
}
