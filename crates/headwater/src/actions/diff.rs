//! A plan as a diff, in whose colours GitHub shows it.

use resource::{Action, Effect, FieldChange, Plan, Step};
use serde_json::Value;

use crate::terminal::printable;

/// The plan as a diff: what it comes to, then each step with its fields, then the notes. Values are JSON and never cut.
/// Nothing at all where there is nothing to do.
pub fn diff(plan: &Plan) -> String {
    if plan.is_converged() {
        return String::new();
    }
    let scope = &plan.scope;
    let place = format!("  {} in account {}, {}", scope.environment, scope.account, scope.region);
    let mut lines = vec![engine::text::summary(plan), place];
    for step in &plan.steps {
        lines.push(String::new());
        lines.push(title(step));
        lines.extend(step.reason.iter().map(|reason| format!("#   {reason}")));
        lines.extend(step.changes.iter().flat_map(|change| field(step, change)));
    }
    if !plan.notes.is_empty() {
        lines.push(String::new());
        lines.extend(plan.notes.iter().map(|note| format!("# {note}")));
    }
    lines.iter().flat_map(|line| [printable(line), "\n".to_owned()]).collect()
}

/// The sign that a diff has for an action.
pub(super) fn sign(action: Action) -> char {
    match action {
        Action::Create => '+',
        Action::Update | Action::Replace => '!',
        Action::Delete => '-',
    }
}

fn title(step: &Step) -> String {
    let verb = engine::text::verb(step.action);
    let id = step.id.as_deref().map(|id| format!("  {id}")).unwrap_or_default();
    format!("{} {verb} {}  {}{id}", sign(step.action), step.key, step.kind)
}

fn field(step: &Step, change: &FieldChange) -> Vec<String> {
    let why = if change.effect == Effect::Replace { "  (replaces)" } else { "" };
    let line = |sign: char, value: &Value| format!("{sign}     {}  {value}{why}", change.field);
    let from = change.from.as_ref().filter(|_| step.action != Action::Create).map(|from| line('-', from));
    let to = change.to.as_ref().map(|to| line('+', to));
    from.into_iter().chain(to).collect()
}
