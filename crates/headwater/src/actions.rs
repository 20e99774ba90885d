//! What GitHub Actions shows of a run: groups in the log, annotations, step outputs, the job summary. Elsewhere nothing.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

mod diff;
mod summary;

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use blueprint::configuration;
use engine::Report;
use resource::{Outcome, Plan};
use uuid::Uuid;

use crate::{commands::deploy::chain, failure, terminal::say};

pub use diff::diff;
pub use summary::Check;

/// What a step's summary may hold: GitHub refuses more than 1 MiB, and then shows nothing.
const SUMMARY_BYTES: usize = 1_000_000;

/// A step of a GitHub workflow, in which this process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actions {
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
    workspace: Option<PathBuf>,
}

impl Actions {
    /// The step that this process runs in.
    pub fn here() -> Option<Self> {
        Self::of(|name| env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        (variable("GITHUB_ACTIONS")? == "true").then(|| Self {
            output: path("GITHUB_OUTPUT"),
            summary: path("GITHUB_STEP_SUMMARY"),
            workspace: path("GITHUB_WORKSPACE"),
        })
    }

    /// Tells of a plan: outputs `changes` (`true` where there is something to do) and `summary`, and a page.
    ///
    /// # Errors
    /// GitHub's files cannot be written.
    pub fn planned(&self, plan: &Plan) -> Result<()> {
        self.output("changes", if plan.is_converged() { "false" } else { "true" })?;
        self.output("summary", &engine::text::summary(plan))?;
        self.page(&summary::plan(plan))
    }

    /// Tells of drift: output `drift`, a warning where there is some, and a page.
    ///
    /// # Errors
    /// GitHub's files cannot be written.
    pub fn looked(&self, plan: &Plan) -> Result<()> {
        self.output("drift", if plan.is_converged() { "false" } else { "true" })?;
        warning(plan).into_iter().for_each(say);
        self.page(&summary::drift(plan))
    }

    /// Tells of a run that changed an environment: output `outcome`, an error for each step that failed, and a page.
    ///
    /// # Errors
    /// GitHub's files cannot be written.
    pub fn deployed(&self, environment: &str, report: &Report, took: Duration) -> Result<()> {
        for (step, error) in report.failures() {
            say(command("error", &[("title", step.key.as_str())], &chain(error)));
        }
        if let Some(lost) = &report.lost {
            say(command("error", &[("title", "The lease")], &lost.to_string()));
        }
        self.output("outcome", outcome(report.outcome))?;
        self.page(&summary::deploy(environment, report, took))
    }

    /// Tells of a deploy that had nothing to do.
    ///
    /// # Errors
    /// GitHub's files cannot be written.
    pub fn converged(&self, plan: &Plan) -> Result<()> {
        self.output("outcome", outcome(Outcome::Succeeded))?;
        self.page(&summary::plan(plan))
    }

    /// Tells of the checks of `test-local`: an error for each that is not true, and a page.
    ///
    /// # Errors
    /// GitHub's files cannot be written.
    pub fn checked(&self, title: &str, checks: &[Check], notes: &[String]) -> Result<()> {
        for check in checks.iter().filter(|check| check.outcome == "false") {
            say(command("error", &[("title", &check.check)], &check.detail));
        }
        self.page(&summary::checks(title, checks, notes))
    }

    /// Hands a value to the steps after this one.
    ///
    /// # Errors
    /// GitHub's file cannot be written.
    pub fn output(&self, name: &str, value: &str) -> Result<()> {
        // Nobody can write the line that ends a value without knowing it beforehand.
        let delimiter = format!("end_{}", Uuid::new_v4().simple());
        append(self.output.as_deref(), &assignment(name, value, &delimiter))
    }

    /// Adds to the job's summary.
    fn page(&self, markdown: &str) -> Result<()> {
        append(self.summary.as_deref(), summary::within(SUMMARY_BYTES, markdown).as_ref())
    }

    /// An error as annotations: each mistake in the configuration at its line, anything else as one.
    pub fn annotations(&self, error: &anyhow::Error) -> Vec<String> {
        let Some(configuration::Error::Invalid(invalid)) = error.downcast_ref() else {
            let text = anstream::adapter::strip_str(&failure::render(error)).to_string();
            let text = text.trim_start_matches("error: ");
            return vec![command("error", &[("title", "Headwater")], text)];
        };
        // A path is that of a file in the repository, from its root.
        let root = self.workspace.as_deref().unwrap_or(Path::new(""));
        let path = invalid.path();
        let file = path.strip_prefix(root).unwrap_or(path).display().to_string();
        let annotation = |problem: &configuration::Problem| {
            let (line, column) = problem.position().unwrap_or((1, 1));
            let (line, column) = (line.to_string(), column.to_string());
            let place = [("file", file.as_str()), ("line", &line), ("col", &column), ("title", "Headwater")];
            let help = problem.help().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
            command("error", &place, &format!("{}{help}", problem.message()))
        };
        invalid.problems().iter().map(annotation).collect()
    }
}

/// A part of the log that is folded, whose lines are text and no commands whatever they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The lines before it.
    pub begin: String,
    /// The lines after it.
    pub end: String,
}

impl Fold {
    /// One with that title, in GitHub Actions alone.
    pub fn here(title: &str) -> Option<Self> {
        Actions::here().map(|_| Self::new(title, &Uuid::new_v4().simple().to_string()))
    }

    /// `token` is what nobody can know who writes the text.
    fn new(title: &str, token: &str) -> Self {
        let group = command("group", &[], title);
        Self {
            begin: format!("{group}\n{}", command("stop-commands", &[], token)),
            end: format!("::{token}::\n{}", command("endgroup", &[], "")),
        }
    }
}

/// A plan for people to read; in GitHub Actions folded under its summary.
pub fn folded(plan: &Plan) -> String {
    let text = engine::text::render(plan);
    match Fold::here(&engine::text::summary(plan)) {
        Some(Fold { begin, end }) => format!("{begin}\n{}\n{end}\n", text.trim_end_matches('\n')),
        None => text,
    }
}

fn warning(plan: &Plan) -> Option<String> {
    let keys: Vec<_> = plan.steps.iter().map(|step| step.key.as_str()).collect();
    let text = format!("{}\n{}", engine::text::summary(plan), keys.join("\n"));
    let title = format!("Drift in {}", plan.scope.environment);
    (!keys.is_empty()).then(|| command("warning", &[("title", &title)], &text))
}

/// A workflow command. The escapes are those of GitHub's own toolkit.
fn command(name: &str, properties: &[(&str, &str)], data: &str) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let mut line = format!("::{name}");
    for (index, (property, value)) in properties.iter().enumerate() {
        let value = escaped(value).replace(':', "%3A").replace(',', "%2C");
        // A `String` takes all that is written to it.
        let _ = write!(line, "{}{property}={value}", if index == 0 { ' ' } else { ',' });
    }
    format!("{line}::{}", escaped(data))
}

fn assignment(name: &str, value: &str, delimiter: &str) -> String {
    format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
}

fn append(file: Option<&Path>, text: &str) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let write = || -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
    };
    write().with_context(|| format!("cannot write {}, which GitHub Actions reads", file.display()))
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Running => "running",
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests;
