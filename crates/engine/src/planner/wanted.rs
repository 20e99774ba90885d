//! What it takes to make an environment as the blueprint says.

use resource::{
    Action, AnyFamily, Effect, Families, FieldChange, Graph, Kind, Node, Observed, Owner, Reference, Step,
    diff, is_shared, resolve,
};
use serde_json::{Value, json};

use super::{
    Draft, Known, Proposed, Reason,
    duplicates::{self, Kept},
};
use crate::Survey;

pub(super) fn draft<'a>(graph: &'a Graph, survey: &'a Survey, families: &Families) -> Draft<'a> {
    let mut draft = Draft::default();
    let mut kept = duplicates::keep(graph, survey);
    for node in graph.ordered() {
        draft.consider(node, kept.remove(&node.key), survey, families);
    }
    draft.orphans(graph, survey, families);
    draft.notes.extend(graph.notes.iter().cloned());
    draft
}

impl<'a> Draft<'a> {
    fn consider(&mut self, node: &'a Node, kept: Option<Kept<'a>>, survey: &'a Survey, families: &Families) {
        let Some(family) = families.get(&node.kind) else {
            return self.reasons.push(Reason::Unknown { key: node.key.clone(), kind: node.kind.clone() });
        };
        if let Some(reason) = name_taken(node, survey) {
            return self.reasons.push(reason);
        }
        match kept {
            None => self.steps.push(create(node)),
            Some(Kept { one, duplicates }) => {
                self.compare(node, one, family.as_ref());
                for duplicate in duplicates {
                    self.duplicate(node, one, duplicate);
                }
            }
        }
    }

    fn compare(&mut self, node: &'a Node, observed: &'a Observed, family: &dyn AnyFamily) {
        let desired = family.normal(resolve(&node.spec, &mut |reference| self.resolved(reference)));
        let changes = changes(node, &desired, observed, family);
        self.known.insert(&node.key, Known { observed, renewed: &[] });
        let refused: Vec<_> = changes.iter().filter_map(|change| refused(node, change)).collect();
        if !refused.is_empty() {
            return self.reasons.extend(refused);
        }
        let reason = observed.pending.as_ref().map(|state| format!("it is still `{state}`"));
        let action = match changes.iter().any(|change| change.effect == Effect::Replace) {
            true => Action::Replace,
            false if changes.is_empty() && reason.is_none() => return self.unchanged += 1,
            false => Action::Update,
        };
        if action == Action::Replace {
            self.known.remove(&node.key);
        } else {
            self.known.insert(&node.key, Known { observed, renewed: family.renewed() });
        }
        let step = step(node, action, Some(observed.id.clone()), reason, changes);
        self.steps.push(Proposed { step, observed: Some(observed), node: Some(node) });
    }

    /// What a reference stands for, unless that is only known when a step is done.
    fn resolved(&self, reference: &Reference) -> Option<String> {
        let Known { observed, renewed } = self.known.get(&reference.key)?;
        let is_renewed = reference.output.as_deref().is_some_and(|output| renewed.contains(&output));
        if is_renewed { None } else { reference.value(observed).map(str::to_owned) }
    }

    fn duplicate(&mut self, node: &'a Node, kept: &Observed, duplicate: &'a Observed) {
        if duplicates::are_expendable(node) {
            let reason = Some(format!("duplicate of {}", kept.id));
            let step = step(node, Action::Delete, Some(duplicate.id.clone()), reason, Vec::new());
            self.steps.push(Proposed { step, observed: Some(duplicate), node: Some(node) });
        } else {
            self.notes.push(format!(
                "`{}` is there twice: {} is used, {} is left alone, because it may hold what cannot be made again; \
                 delete it yourself, or take its headwater:key tag away.",
                node.key, kept.id, duplicate.id
            ));
        }
    }

    /// What is ours and in no node: deleted, unless it is stateful.
    fn orphans(&mut self, graph: &Graph, survey: &'a Survey, families: &Families) {
        for (kind, key, observed) in survey.ours() {
            if is_shared(families, kind) || graph.get(key).is_some_and(|node| node.kind == *kind) {
                continue;
            }
            if key.is_stateful() {
                self.notes.push(format!(
                    "`{key}` ({}) is no longer in the blueprint; it is stateful, so a deploy keeps it.",
                    observed.id
                ));
            } else {
                self.steps.push(Proposed {
                    step: orphan(kind, key, observed),
                    observed: Some(observed),
                    node: None,
                });
            }
        }
    }
}

/// The step that deletes what the blueprint does not name.
pub(super) fn orphan(kind: &Kind, key: &resource::Key, observed: &Observed) -> Step {
    Step {
        key: key.clone(),
        kind: kind.clone(),
        action: Action::Delete,
        id: Some(observed.id.clone()),
        reason: Some("no longer in the blueprint".to_owned()),
        changes: Vec::new(),
        after: Vec::new(),
    }
}

/// A step for a node.
pub(super) fn step(
    node: &Node,
    action: Action,
    id: Option<String>,
    reason: Option<String>,
    changes: Vec<FieldChange>,
) -> Step {
    Step { key: node.key.clone(), kind: node.kind.clone(), action, id, reason, changes, after: Vec::new() }
}

fn create(node: &Node) -> Proposed<'_> {
    let changes = diff(&json!({}), &node.spec, |_, _, _| Effect::Update);
    let step = step(node, Action::Create, node.name.clone(), None, changes);
    Proposed { step, observed: None, node: Some(node) }
}

/// A resource that has the node's physical name without being the node's.
fn name_taken(node: &Node, survey: &Survey) -> Option<Reason> {
    let name = node.name.as_ref()?;
    let stranger = survey.of(&node.kind).iter().find(|observed| {
        observed.name.as_ref() == Some(name) && observed.owner != Owner::Us(node.key.clone())
    })?;
    let owner = match &stranger.owner {
        Owner::Us(key) => format!("as this environment's `{key}`"),
        Owner::Other(owner) => owner.clone(),
    };
    let (key, kind) = (node.key.clone(), node.kind.clone());
    Some(Reason::Taken { key, kind, id: stranger.id.clone(), name: name.clone(), owner })
}

/// The fields that differ. A physical name is one of them: nothing in AWS is renamed in place.
///
/// What a field is changed to is told as the blueprint says it, with its references: so a plan reads the same before
/// and after what it refers to was made.
fn changes(node: &Node, desired: &Value, observed: &Observed, family: &dyn AnyFamily) -> Vec<FieldChange> {
    let mut changes =
        diff(&observed.spec, desired, |field, observed, desired| family.effect(field, observed, desired));
    for change in &mut changes {
        change.to = member(&node.spec, &change.field).cloned();
    }
    if let (Some(from), Some(to)) = (&observed.name, &node.name)
        && from != to
    {
        let side = |name: &String| Some(Value::from(name.as_str()));
        let field = "name".to_owned();
        changes.insert(0, FieldChange { field, from: side(from), to: side(to), effect: Effect::Replace });
    }
    changes
}

fn refused(node: &Node, change: &FieldChange) -> Option<Reason> {
    let (key, changed) = (node.key.clone(), change.clone());
    match &change.effect {
        Effect::Refuse(reason) => Some(Reason::Forbidden { key, change: changed, reason: reason.clone() }),
        Effect::Replace if node.retained => Some(Reason::Irreplaceable { key, change: changed }),
        Effect::Replace | Effect::Update => None,
    }
}

/// The field of that path, unless it is absent or null.
fn member<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = spec;
    let mut rest = path;
    while !rest.is_empty() {
        let members = value.as_object()?;
        // A member's own name may have dots in it.
        let found = members.iter().find_map(|(name, value)| {
            let after = rest.strip_prefix(name.as_str())?;
            after.strip_prefix('.').or_else(|| after.is_empty().then_some(after)).map(|after| (value, after))
        });
        (value, rest) = found?;
    }
    Some(value).filter(|value| !value.is_null())
}
