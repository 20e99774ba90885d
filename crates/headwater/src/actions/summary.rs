//! The pages of the job summary, in Markdown. Text from elsewhere is escaped or stands in a code block.

use std::{borrow::Cow, fmt::Write, time::Duration};

use engine::{
    Report, StepResult,
    text::{self, is_deceptive},
};
use resource::{Outcome, Plan, Step};
use serde::Deserialize;

use super::{diff, diff::sign, outcome};
use crate::{
    commands::deploy::chain,
    terminal::{counted, duration},
};

/// Details longer than this, in bytes, are cut: a summary holds several pages.
const DETAILS_BYTES: usize = 400_000;

/// What marks a place where something was cut.
const CUT: &str = "… (cut: the log has the rest)";

/// A check of `test-local`, as its report has it in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Check {
    /// What is to be true.
    pub check: String,
    /// Whether it is, or why nobody knows: `true`, `false`, `left out`, `not begun`.
    pub outcome: String,
    /// What was seen.
    #[serde(default)]
    pub detail: String,
    /// How long it took.
    #[serde(default)]
    pub millis: u64,
}

/// What a plan would do.
pub(super) fn plan(plan: &Plan) -> String {
    page(&format!("Plan for {}", escape(&plan.scope.environment)), plan)
}

/// How AWS differs from the code.
pub(super) fn drift(plan: &Plan) -> String {
    page(&format!("Drift in {}", escape(&plan.scope.environment)), plan)
}

/// What a run did.
pub(super) fn deploy(environment: &str, report: &Report, took: Duration) -> String {
    let total = counted(report.steps.len() as u64, "step");
    // What is not done is what people look for.
    let (done, others): (Vec<_>, Vec<_>) =
        report.steps.iter().partition(|step| matches!(step.result, StepResult::Done));
    let mut page = heading(&format!("Deploy of {}: {}", escape(environment), outcome(report.outcome)));
    paragraph(&mut page, &format!("**{} of {total}** in {}", done.len(), duration(took)));
    if let Some(lost) = &report.lost {
        paragraph(&mut page, &escape(&lost.to_string()));
    }
    let rows = others.into_iter().chain(done).map(|step| {
        let (mark, why) = match &step.result {
            StepResult::Done => ("✓", String::new()),
            StepResult::Failed(error) => ("✗", chain(error)),
            StepResult::Skipped(reason) => ("○", format!("not begun: {reason}")),
        };
        let Step { action, key, kind, .. } = &step.step;
        let took =
            if matches!(step.result, StepResult::Skipped(_)) { String::new() } else { duration(step.took) };
        [mark.to_owned(), format!("{} {key}", text::verb(*action)), kind.to_string(), took, why]
    });
    let table = table(["", "Step", "Kind", "Took", ""], rows);
    if report.outcome == Outcome::Succeeded {
        details(&mut page, "Each step", &table);
    } else {
        paragraph(&mut page, &table);
        paragraph(&mut page, "Run it again: it goes on where this run stopped.");
    }
    page
}

/// The checks of `test-local`.
pub(super) fn checks(title: &str, checks: &[Check], notes: &[String]) -> String {
    let good = checks.iter().filter(|check| check.outcome == "true").count();
    let took = Duration::from_millis(checks.iter().map(|check| check.millis).sum());
    let mut page = heading(&escape(title));
    let left_out = checks.iter().filter(|check| check.outcome == "left out").count();
    let possible = if left_out > 0 { " possible" } else { "" };
    let verdict = format!("{good} of {}{possible} checks are true", checks.len() - left_out);
    paragraph(&mut page, &format!("**{verdict}** in {}", duration(took)));
    let rows = checks.iter().map(|check| {
        let took = duration(Duration::from_millis(check.millis));
        let (mark, took) = match check.outcome.as_str() {
            "true" => ("✓", took),
            "false" => ("✗", took),
            untried => ("○", untried.to_owned()),
        };
        [mark.to_owned(), check.check.clone(), took, check.detail.clone()]
    });
    paragraph(&mut page, &table(["", "Check", "Took", ""], rows));
    list(&mut page, notes);
    page
}

/// The text, cut where it is longer than that.
pub(super) fn within(bytes: usize, text: &str) -> Cow<'_, str> {
    if text.len() <= bytes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}\n{CUT}\n", &text[..text.floor_char_boundary(bytes - CUT.len() - 2)]))
}

fn page(title: &str, plan: &Plan) -> String {
    let mut page = heading(title);
    if plan.is_converged() {
        let all = counted(plan.unchanged as u64, "resource");
        paragraph(&mut page, &format!("Nothing to do: {all} as they should be."));
    } else {
        paragraph(&mut page, &format!("**{}**", text::summary(plan)));
        text::estimate(plan).iter().for_each(|estimate| paragraph(&mut page, &escape(estimate)));
        let rows = plan.steps.iter().map(|step| {
            let fields: Vec<_> = step.changes.iter().map(|change| change.field.as_str()).collect();
            // All that is set of a new one is in the details.
            let what = if sign(step.action) == '!' { fields.join(", ") } else { String::new() };
            let why = step.reason.clone().unwrap_or_default();
            let what = [what, why].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
            [text::symbol(step.action).0.to_string(), step.key.to_string(), step.kind.to_string(), what]
        });
        paragraph(&mut page, &table(["", "Resource", "Kind", "Fields"], rows));
        details(&mut page, "Every field", &block("diff", &within(DETAILS_BYTES, &diff(plan))));
    }
    list(&mut page, &plan.notes);
    page
}

fn heading(title: &str) -> String {
    format!("## {title}\n\n")
}

fn paragraph(page: &mut String, markdown: &str) {
    page.push_str(markdown.trim_end());
    page.push_str("\n\n");
}

fn list(page: &mut String, items: &[String]) {
    if !items.is_empty() {
        paragraph(page, &items.iter().map(|item| format!("- {}\n", escape(item))).collect::<String>());
    }
}

fn details(page: &mut String, title: &str, markdown: &str) {
    let markdown = markdown.trim_end();
    paragraph(page, &format!("<details><summary>{title}</summary>\n\n{markdown}\n\n</details>"));
}

fn table<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}\n", titles.join(" | "), "---|".repeat(N));
    for row in rows {
        // A `String` takes all that is written to it.
        let _ = writeln!(table, "| {} |", row.map(|cell| escape(&cell)).join(" | "));
    }
    table
}

/// A code block that no text in it can end.
fn block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// Text that Markdown shows as it is, in one line and also in a table's cell.
/// Source: <https://spec.commonmark.org/0.31.2/#backslash-escapes>.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("<br>"),
            c if is_deceptive(c) => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A mention tells somebody.
            '@' => escaped.push_str("&#64;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_is_text_in_markdown() {
        assert_eq!(
            escape("a|b <img src=x> `c`\n@ann **d**\u{1b}"),
            r"a\|b \<img src=x\> \`c\`<br>&#64;ann \*\*d\*\* "
        );
    }

    #[test]
    fn a_code_block_ends_where_we_end_it() {
        assert_eq!(block("diff", "a ```` b\n```"), "`````diff\na ```` b\n```\n`````\n");
        assert_eq!(block("diff", "plain\n"), "```diff\nplain\n```\n");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(within(100, "short"), "short");
        let cut = within(60, &"ü".repeat(60)).into_owned();
        assert!(cut.len() <= 60 && cut.ends_with(&format!("ü\n{CUT}\n")), "{cut}");
    }
}
