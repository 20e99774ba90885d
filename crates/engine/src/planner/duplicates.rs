//! Which of several resources with one key is kept.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use resource::{Graph, Key, Kind, Node, Observed, Owner};

use super::reference::refers;
use crate::Survey;

/// The one of a node that is kept, and its duplicates.
pub(crate) struct Kept<'a> {
    pub(crate) one: &'a Observed,
    pub(crate) duplicates: Vec<&'a Observed>,
}

/// What is kept of each node that is there.
///
/// One choice follows another: what refers to a duplicate goes with it, so that of two networks one is kept whole and no part of the
/// other. Else kept is what more depends on, by keys, directly or through others; else the older; else the first by id.
pub(crate) fn keep<'a>(graph: &'a Graph, survey: &'a Survey) -> BTreeMap<&'a Key, Kept<'a>> {
    let mut kept = BTreeMap::new();
    let mut going: Vec<&Observed> = Vec::new();
    // What a node refers to comes before it.
    for node in graph.ordered() {
        let mut candidates: Vec<_> = survey.keyed(&node.kind, &node.key).collect();
        if candidates.len() > 1 {
            candidates.sort_by_cached_key(|one| {
                let goes = going.iter().any(|other| refers(one, other));
                let needed = dependents(survey, (&node.kind, one)).len();
                let age = (one.created.is_none(), one.created.clone());
                (goes, Reverse(needed), age, one.id.clone())
            });
        }
        let mut candidates = candidates.into_iter();
        if let Some(one) = candidates.next() {
            let duplicates: Vec<_> = candidates.collect();
            going.extend(&duplicates);
            kept.insert(&node.key, Kept { one, duplicates });
        }
    }
    kept
}

/// Who depends on it, directly or through others, by key; those of its own key do not count.
fn dependents<'a>(survey: &'a Survey, of: (&'a Kind, &'a Observed)) -> BTreeSet<(&'a Kind, &'a str)> {
    let mut seen = vec![of];
    let mut next = 0;
    while let Some(&(_, to)) = seen.get(next) {
        next += 1;
        let new: Vec<_> = survey
            .resources()
            .filter(|(kind, other)| refers(other, to) && !is_seen(&seen, kind, other))
            .collect();
        seen.extend(new);
    }
    let keys = seen.into_iter().map(|(kind, observed)| (kind, key(observed)));
    keys.filter(|one| *one != (of.0, key(of.1))).collect()
}

fn is_seen(seen: &[(&Kind, &Observed)], kind: &Kind, other: &Observed) -> bool {
    seen.iter().any(|(of, one)| *of == kind && one.id == other.id)
}

/// Its key, or what AWS calls it where it is not ours.
fn key(observed: &Observed) -> &str {
    match &observed.owner {
        Owner::Us(key) => key.as_str(),
        Owner::Other(_) => &observed.id,
    }
}

/// Whether a deploy may delete duplicates of the node.
///
/// Where AWS makes the id, a lost reply makes a second resource, and it is empty. A name allows only one, so a second
/// one with a retained node's key was tagged by someone: what it holds is not ours to judge.
pub(super) fn are_expendable(node: &Node) -> bool {
    !node.retained || node.name.is_none()
}
