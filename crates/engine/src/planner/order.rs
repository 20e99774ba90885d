//! In what order a plan's steps are done.

use std::collections::{BTreeMap, BTreeSet};

use resource::{Action, Families, Graph, Key, Step};

use super::{Proposed, reference::refers};

/// The steps, each after all that it waits for; where nothing waits, as they were proposed.
pub(super) fn arrange(graph: &Graph, families: &Families, proposed: Vec<Proposed<'_>>) -> Vec<Step> {
    let mut order = Order { after: vec![BTreeSet::new(); proposed.len()] };
    // What the blueprint says comes first. What is only probable (a kind may refer to another) never
    // overrules it, and of two resources that name each other, one has to go first.
    order.makes_after_dependencies(graph, &proposed);
    order.deletes_before_dependencies(graph, &proposed);
    order.deployments_first_and_last(&proposed);
    order.deletes_after(&proposed, |referring, to| match (referring.observed, to.observed) {
        (Some(referring), Some(to)) => refers(referring, to),
        _ => false,
    });
    order.deletes_after(&proposed, |referring, to| {
        // What the blueprint has both of, it knows the references between.
        let is_known = referring.node.is_some() && to.node.is_some();
        let (from, to) = (&referring.step.kind, &to.step.kind);
        !is_known && from != to && families.get(from).is_some_and(|family| family.refers_to().contains(to))
    });
    order.sort(proposed)
}

/// Which steps wait for which, by their places among the proposed. There is never a circle.
struct Order {
    after: Vec<BTreeSet<usize>>,
}

impl Order {
    /// `step` waits for `other`, unless `other` waits for it already.
    fn wait(&mut self, step: usize, other: usize) {
        if step != other && !self.waits(other, step) {
            self.after[step].insert(other);
        }
    }

    fn waits(&self, step: usize, other: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut reached = vec![step];
        while let Some(next) = reached.pop() {
            if self.after[next].contains(&other) {
                return true;
            }
            reached.extend(self.after[next].iter().filter(|place| seen.insert(**place)));
        }
        false
    }

    fn makes_after_dependencies(&mut self, graph: &Graph, proposed: &[Proposed<'_>]) {
        let made: BTreeMap<&Key, usize> = places(proposed, |step| step.action != Action::Delete).collect();
        for (key, &place) in &made {
            for dependency in nearest(graph, key, |key| made.contains_key(key)) {
                self.wait(place, made[dependency]);
            }
        }
    }

    fn deletes_before_dependencies(&mut self, graph: &Graph, proposed: &[Proposed<'_>]) {
        let of_nodes = |wanted: fn(Action) -> bool| {
            let mut steps: BTreeMap<&Key, Vec<usize>> = BTreeMap::new();
            for (place, one) in proposed.iter().enumerate() {
                if wanted(one.step.action)
                    && let Some(node) = one.node
                {
                    steps.entry(&node.key).or_default().push(place);
                }
            }
            steps
        };
        let deleted = of_nodes(|action| action == Action::Delete);
        let changed = of_nodes(|action| action != Action::Create);
        for (key, dependents) in &changed {
            for dependency in nearest(graph, key, |key| deleted.contains_key(key)) {
                for &place in &deleted[dependency] {
                    dependents.iter().for_each(|&dependent| self.wait(place, dependent));
                }
            }
        }
    }

    /// The table with the lease and the history is made before all else and deleted after it.
    fn deployments_first_and_last(&mut self, proposed: &[Proposed<'_>]) {
        for (place, one) in proposed.iter().enumerate().filter(|(_, one)| is_deployments(&one.step)) {
            for other in (0..proposed.len()).filter(|other| !is_deployments(&proposed[*other].step)) {
                match one.step.action {
                    Action::Delete => self.wait(place, other),
                    Action::Create | Action::Update | Action::Replace => self.wait(other, place),
                }
            }
        }
    }

    /// What goes away waits for the deletes and changes of what `refers` to it; a replacement, whose dependents
    /// are changed after it, for the deletes alone.
    fn deletes_after(
        &mut self,
        proposed: &[Proposed<'_>],
        refers: impl Fn(&Proposed<'_>, &Proposed<'_>) -> bool,
    ) {
        for (place, gone) in proposed.iter().enumerate() {
            for (other, referring) in proposed.iter().enumerate() {
                let waits = match (gone.step.action, referring.step.action) {
                    (Action::Delete, action) => action != Action::Create,
                    (Action::Replace, action) => action == Action::Delete,
                    (Action::Create | Action::Update, _) => false,
                };
                if waits && refers(referring, gone) {
                    self.wait(place, other);
                }
            }
        }
    }

    fn sort(self, proposed: Vec<Proposed<'_>>) -> Vec<Step> {
        let mut places = BTreeMap::new();
        let mut sorted = Vec::with_capacity(proposed.len());
        let mut left: BTreeMap<usize, Step> = proposed.into_iter().map(|one| one.step).enumerate().collect();
        while let Some(next) =
            left.keys().copied().find(|step| self.after[*step].iter().all(|other| places.contains_key(other)))
            && let Some(mut step) = left.remove(&next)
        {
            step.after = self.after[next].iter().map(|other| places[other]).collect();
            step.after.sort_unstable();
            places.insert(next, sorted.len());
            sorted.push(step);
        }
        sorted
    }
}

/// Whether the step is one of the table with the lease and the history.
fn is_deployments(step: &Step) -> bool {
    step.key.stack() == Key::DEPLOYMENTS
}

fn places<'a>(
    proposed: &'a [Proposed<'_>],
    wanted: impl Fn(&Step) -> bool,
) -> impl Iterator<Item = (&'a Key, usize)> {
    proposed
        .iter()
        .enumerate()
        .filter(move |(_, one)| one.node.is_some() && wanted(&one.step))
        .map(|(place, one)| (&one.step.key, place))
}

/// The nearest nodes that `key` depends on, directly or through nodes that are not `wanted`, and that are.
fn nearest<'a>(graph: &'a Graph, key: &Key, wanted: impl Fn(&Key) -> bool) -> BTreeSet<&'a Key> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut reached: Vec<&Key> = graph.get(key).into_iter().flat_map(|node| &node.depends_on).collect();
    while let Some(dependency) = reached.pop() {
        if !seen.insert(dependency) {
            continue;
        }
        if wanted(dependency) {
            found.insert(dependency);
        } else {
            reached.extend(graph.get(dependency).into_iter().flat_map(|node| &node.depends_on));
        }
    }
    found
}
