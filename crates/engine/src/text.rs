//! A plan for people: pure text, with the escape codes of its colours. Whoever prints it strips them where no terminal is.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use resource::{Action, Effect, FieldChange, Plan, Step};
use serde_json::Value;

/// Values longer than this, in characters, stand on lines of their own.
const SHORT: usize = 48;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The plan as text: its steps by stack, its notes and a line that sums it up. Values are JSON, so that no text of AWS
/// can write anything else to a terminal, and never cut.
pub fn render(plan: &Plan) -> String {
    let mut text = String::new();
    // A `String` takes all that is written to it.
    let _ = write_plan(&mut text, plan);
    text
}

/// What an action does, as a verb: `create`, `update`, `replace`, `delete`.
pub fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
    }
}

/// An action's symbol and colour.
pub fn symbol(action: Action) -> (char, Style) {
    let (symbol, colour) = match action {
        Action::Create => ('+', AnsiColor::Green),
        Action::Update => ('~', AnsiColor::Yellow),
        Action::Replace => ('±', AnsiColor::Magenta),
        Action::Delete => ('-', AnsiColor::Red),
    };
    (symbol, colour.on_default())
}

/// What a plan comes to, in one line.
pub fn summary(plan: &Plan) -> String {
    let actions = [Action::Create, Action::Update, Action::Replace, Action::Delete];
    let counts: Vec<_> =
        actions.iter().map(|action| format!("{} to {}", plan.count(*action), verb(*action))).collect();
    format!("Plan: {}, {} unchanged", counts.join(", "), plan.unchanged)
}

fn write_plan(out: &mut String, plan: &Plan) -> fmt::Result {
    let scope = &plan.scope;
    writeln!(out, "{BOLD}{}{BOLD:#} in account {}, {}", scope.environment, scope.account, scope.region)?;
    for (stack, steps) in stacks(plan) {
        writeln!(out, "\n{BOLD}{stack}{BOLD:#}")?;
        let widest = |part: fn(&Step) -> usize| steps.iter().map(|step| part(step)).max().unwrap_or_default();
        let widths =
            (widest(|step| name(step).chars().count()), widest(|step| step.kind.as_str().chars().count()));
        steps.iter().try_for_each(|step| write_step(out, step, widths))?;
    }
    if !plan.notes.is_empty() {
        writeln!(out, "\n{BOLD}Notes{BOLD:#}")?;
        plan.notes.iter().try_for_each(|note| writeln!(out, "  {}", safe(note)))?;
    }
    writeln!(out, "\n{BOLD}{}{BOLD:#}", summary(plan))
}

/// The steps by stack, the stacks in the order of their first steps.
fn stacks(plan: &Plan) -> Vec<(&str, Vec<&Step>)> {
    let mut stacks: Vec<(&str, Vec<&Step>)> = Vec::new();
    for step in &plan.steps {
        match stacks.iter_mut().find(|(stack, _)| *stack == step.key.stack()) {
            Some((_, steps)) => steps.push(step),
            None => stacks.push((step.key.stack(), vec![step])),
        }
    }
    stacks
}

fn name(step: &Step) -> &str {
    step.key.as_str().split_once('/').map_or("", |(_, name)| name)
}

fn write_step(out: &mut String, step: &Step, (names, kinds): (usize, usize)) -> fmt::Result {
    let (symbol, style) = symbol(step.action);
    let id = safe(step.id.as_deref().unwrap_or_default());
    let line = format!("{:names$}  {:kinds$}  {id}", name(step), step.kind);
    writeln!(out, "  {style}{symbol}{style:#} {}", line.trim_end())?;
    if let Some(reason) = &step.reason {
        writeln!(out, "      {DIM}{}{DIM:#}", safe(reason))?;
    }
    let fields = step.changes.iter().map(|change| change.field.chars().count()).max().unwrap_or_default();
    step.changes.iter().try_for_each(|change| write_change(out, step, change, fields))
}

fn write_change(out: &mut String, step: &Step, change: &FieldChange, fields: usize) -> fmt::Result {
    let (from, to) = (value(&change.from), value(&change.to));
    let field = safe(&change.field);
    let why = if change.effect == Effect::Replace { "  (replaces)" } else { "" };
    if step.action == Action::Create {
        writeln!(out, "      {field:fields$}  {to}")
    } else if from.chars().count().max(to.chars().count()) <= SHORT {
        writeln!(out, "      {field:fields$}  {from} → {to}{why}")
    } else {
        writeln!(out, "      {field}{why}\n        {DIM}from{DIM:#}  {from}\n        {DIM}to{DIM:#}    {to}")
    }
}

fn value(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), |value| safe(&value.to_string()))
}

/// The text without control characters, which JSON leaves in for those above ASCII.
fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
