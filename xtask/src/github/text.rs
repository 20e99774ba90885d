//! The text of a comment or an issue. What comes from a job stands in it as text.

use std::fmt::Write;

/// What GitHub takes as the body of a comment or an issue is 65,536 characters; bytes are never fewer.
const BODY_BYTES: usize = 65_536;

/// The issue's title.
pub(super) const ISSUE: &str = "AWS differs from the code";

/// What is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// What a pull request would change.
    Plan,
    /// How AWS differs from the code.
    Drift,
}

/// What is known of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) environment: String,
    pub(super) found: Found,
}

/// What a job left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: it failed.
    Missing,
    /// That nothing differs.
    Nothing,
    /// What differs.
    Text(String),
}

impl Found {
    /// The text of a file, without what could drive a terminal.
    pub(super) fn of(text: &str) -> Self {
        let shown: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        if shown.trim().is_empty() { Self::Nothing } else { Self::Text(shown) }
    }
}

impl Subject {
    /// What the text begins with: nobody sees it, and it tells ours from others.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Plan => "<!-- headwater: plan -->",
            Self::Drift => "<!-- headwater: drift -->",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Plan => "## What this would change in AWS\n",
            Self::Drift => {
                "A deploy would set this back, be it by the workflow `deploy` or by `cargo xtask deploy`. Where AWS is right, \
                 change the code. This issue is kept up to date, and closed once nothing differs any more.\n"
            }
        }
    }

    fn nothing(self) -> &'static str {
        match self {
            Self::Plan => "Nothing.",
            Self::Drift => "As the code says.",
        }
    }
}

/// The whole text, within GitHub's limit: each environment has the same share of it.
pub(super) fn body(subject: Subject, parts: &[Part], run: &str) -> String {
    let end = format!("\n[The run]({run}) has it in full.\n");
    let mut body = format!("{}\n{}", subject.mark(), subject.heading());
    // What stands around a part, with its name, is less than this.
    let around = parts.len() * 800;
    let share = BODY_BYTES.saturating_sub(body.len() + end.len() + around) / parts.len().max(1);
    for Part { environment, found } in parts {
        let text = match found {
            Found::Missing => "Nobody knows: look at the run.\n".to_owned(),
            Found::Nothing => format!("{}\n", subject.nothing()),
            Found::Text(text) => details(text, share),
        };
        // A `String` takes all that is written to it.
        let _ = write!(body, "\n### {environment}\n\n{text}");
    }
    body + &end
}

/// The first line for all, the rest for those who want it.
fn details(text: &str, bytes: usize) -> String {
    let first: String =
        text.lines().next().unwrap_or_default().chars().filter(|c| *c != '`').take(150).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    // Only a longer fence than any in the text ends the block. One that leaves no room for the text is none of ours.
    let fence = "`".repeat(longest.max(2) + 1);
    let Some(room) = bytes.checked_sub(2 * fence.len()) else {
        return "It has no room here.\n".to_owned();
    };
    let (shown, cut) = within(text.trim_end(), room);
    let note = if cut { "\nThe rest is cut: a comment has no room for it.\n" } else { "" };
    format!(
        "`{}`\n\n<details><summary>Every field</summary>\n\n{fence}diff\n{shown}\n{fence}\n{note}\n</details>\n",
        first.trim()
    )
}

/// The lines that have room, and whether there are more.
fn within(text: &str, bytes: usize) -> (&str, bool) {
    if text.len() <= bytes {
        return (text, false);
    }
    let start = &text[..text.floor_char_boundary(bytes)];
    (start.rfind('\n').map_or(start, |end| &start[..end]), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "https://github.com/owner/name/actions/runs/1";

    fn part(environment: &str, found: Found) -> Part {
        Part { environment: environment.to_owned(), found }
    }

    #[test]
    fn each_environment_has_its_part() {
        let changes = "Plan: 0 to create, 1 to update\n\n! update stateful/queue\n-     seconds  77\n+     seconds  180\n";
        let parts =
            [part("dev", Found::of(changes)), part("stage", Found::of("\n")), part("prod", Found::Missing)];
        let both = [Subject::Plan, Subject::Drift].map(|subject| body(subject, &parts, RUN));
        insta::assert_snapshot!(both.join("\n=====\n"));
    }

    #[test]
    fn hostile_text_stays_text() {
        let hostile = "`</code>` @everyone\u{1b}[2J\n```\n</details>\n<!-- headwater: plan -->\n````` [x](javascript:1)\n";
        insta::assert_snapshot!(body(Subject::Plan, &[part("dev", Found::of(hostile))], RUN));
    }

    #[test]
    fn the_longest_texts_have_room_and_say_that_they_were_cut() {
        let long = "+ ü line\n".repeat(30_000);
        let fences = "`".repeat(70_000);
        let names: Vec<String> = (0..20).map(|index| format!("{index}{}", "n".repeat(38))).collect();
        let texts = [long.as_str(), fences.as_str(), "short"];
        let parts: Vec<_> =
            names.iter().zip(texts.iter().cycle()).map(|(name, text)| part(name, Found::of(text))).collect();
        let body = body(Subject::Plan, &parts, RUN);
        assert!(body.len() <= BODY_BYTES, "{}", body.len());
        assert_eq!(body.matches("The rest is cut").count(), 7);
        assert!(names.iter().all(|name| body.contains(name)) && body.ends_with("in full.\n"));
    }
}
