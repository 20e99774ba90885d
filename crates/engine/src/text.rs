//! A plan for people: pure text, with the escape codes of its colours. Whoever prints it strips them where no terminal is.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use resource::{Action, Effect, Estimate, FieldChange, Plan, Step};
use serde_json::Value;

/// Values longer than this, in characters, stand on lines of their own.
const SHORT: usize = 48;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The plan as text: its steps by stack, its notes, a line that sums it up, and how long it takes. Values are JSON, so that
/// no text of AWS can write anything else to a terminal, and never cut.
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

/// How long a plan takes, in two sentences: the time with the longest step in it, and what that is known from. Nothing
/// where nobody estimated it.
pub fn estimate(plan: &Plan) -> Option<String> {
    let (millis, longest, unmeasured, runs) = match plan.estimate.as_ref()? {
        Estimate::Known { millis, longest, unmeasured, runs } => (millis, longest, unmeasured, runs),
        Estimate::Unknown { because } => {
            return Some(format!("How long it takes is not known: {}.", safe(because)));
        }
    };
    let mut text = format!("Takes about {}", about(*millis));
    if let Some(step) = longest.iter().max_by_key(|step| step.millis) {
        text.push_str(&format!(", {} of it {}", about(step.millis.unwrap_or_default()), step.key));
    }
    text.push_str(&format!(". From the times of {runs} run{}", if *runs == 1 { "" } else { "s" }));
    if *unmeasured > 0 {
        let were = if *unmeasured == 1 { "was" } else { "were" };
        text.push_str(&format!("; {unmeasured} of {} steps {were} never measured", plan.steps.len()));
    }
    text.push('.');
    Some(text)
}

/// A time span as people say it, no finer than it can be foretold: `340 ms`, `4.2 s`, `25 s`, `3 min 20 s`, `2 h 5 min`.
fn about(millis: u64) -> String {
    let (seconds, minutes) = ((millis + 500) / 1_000, (millis + 30_000) / 60_000);
    match seconds {
        _ if millis < 1_000 => format!("{millis} ms"),
        0..10 => format!("{:.1} s", millis as f64 / 1_000.0),
        10..60 => format!("{seconds} s"),
        60..3_600 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
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
    writeln!(out, "\n{BOLD}{}{BOLD:#}", summary(plan))?;
    estimate(plan).iter().try_for_each(|estimate| writeln!(out, "{estimate}"))
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

/// The text without what [deceives](is_deceptive), which JSON leaves in where it is above ASCII.
fn safe(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character shows nothing and changes how others show: it could drive a terminal, hide text or reorder it. Control
/// characters, and of Unicode's format characters (category Cf) and separators (Zl, Zp) those that no script needs to be read.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}
