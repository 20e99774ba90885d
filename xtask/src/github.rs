//! `github`: what the workflows tell people on GitHub, through its own command `gh`.
//!
//! What a plan or drift wrote comes from the code of a pull request, with whatever that puts into it: here it is text of a
//! bounded size and nothing else.

mod text;

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::failure::Failure;
use text::{Found, Part, Subject};

/// What of a file is read; more than a comment holds.
const FILE_BYTES: u64 = 256 * 1024;

/// Whose comments and issues are ours: what `GITHUB_TOKEN` writes is this user's.
const OURS: &str = "github-actions[bot]";

/// What to tell.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say in one comment of the pull request what it would change.
    Comment {
        #[command(flatten)]
        parts: Parts,
        /// The pull request; that of the workflow's event unless given.
        #[arg(long, value_name = "N")]
        pull_request: Option<u64>,
    },
    /// Open, update or close the one issue that tells of drift.
    Issue {
        #[command(flatten)]
        parts: Parts,
    },
    /// Show a file in the job's summary.
    Summary {
        /// The file, in Markdown.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

/// What the jobs of the environments left.
#[derive(Debug, clap::Args)]
pub(crate) struct Parts {
    /// The directory with a file NAME.diff for each environment that was looked at, empty where nothing differs.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The environments that were to be looked at, as `environments --json` lists them.
    #[arg(long, value_name = "JSON", env = "HEADWATER_MATRIX", hide_env_values = true)]
    environments: String,
}

/// Tells it.
pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Summary { file } => summarise(file),
        Command::Comment { parts, pull_request } => {
            let number = pull_request.map_or_else(number_of_event, Ok)?;
            Gh::of_environment()?.comment(number, &parts.read()?)
        }
        Command::Issue { parts } => Gh::of_environment()?.issue(&parts.read()?),
    }
}

fn summarise(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    print!("{text}");
    let Some(summary) = env::var_os("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let open = || OpenOptions::new().create(true).append(true).open(&summary);
    open()
        .and_then(|mut summary| summary.write_all(text.as_bytes()))
        .context("could not write the job's summary")
}

/// The pull request that the workflow's event is about.
/// Source: <https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request>.
fn number_of_event() -> Result<u64> {
    let read = || -> Result<Option<u64>> {
        let Some(file) = env::var_os("GITHUB_EVENT_PATH") else { return Ok(None) };
        let event: Value = serde_json::from_slice(&fs::read(file)?)?;
        Ok(event["pull_request"]["number"].as_u64())
    };
    let help = "run it in a workflow on `pull_request`, or name the pull request with --pull-request";
    read()?.ok_or_else(|| Failure::new("this is no event of a pull request", help).into())
}

impl Parts {
    fn read(&self) -> Result<Vec<Part>> {
        let listed: Vec<Value> =
            serde_json::from_str(&self.environments).context("--environments is no list in JSON")?;
        listed.iter().map(|listed| self.part(listed["name"].as_str().unwrap_or_default())).collect()
    }

    fn part(&self, environment: &str) -> Result<Part> {
        // The name becomes a path and a heading.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ensure!(
            !environment.is_empty() && environment.len() <= 40 && environment.bytes().all(plain),
            "`{}` is no environment's name",
            environment.escape_default()
        );
        let file = self.from.join(format!("{environment}.diff"));
        let is_file = fs::symlink_metadata(&file).is_ok_and(|metadata| metadata.is_file());
        let found = if is_file { Found::of(&read(&file)?) } else { Found::Missing };
        Ok(Part { environment: environment.to_owned(), found })
    }
}

fn read(file: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes))
        .with_context(|| format!("could not read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// GitHub's REST API for one repository.
/// Source: <https://docs.github.com/en/rest/issues>; to it a pull request is an issue.
struct Gh {
    shell: Shell,
    repository: String,
    /// The workflow's run, for those who want to know more.
    run: String,
}

impl Gh {
    fn of_environment() -> Result<Self> {
        let variable = |name: &str| {
            let help = "run it in a workflow of GitHub Actions, which sets it";
            env::var(name).map_err(|_| Failure::new(format!("{name} is not set"), help))
        };
        let repository = variable("GITHUB_REPOSITORY")?;
        let run = format!(
            "{}/{repository}/actions/runs/{}",
            variable("GITHUB_SERVER_URL")?,
            variable("GITHUB_RUN_ID")?
        );
        let shell = Shell::new().context("could not find the current directory")?;
        Ok(Self { shell, repository, run })
    }

    /// One comment: it is written once and changed after that.
    fn comment(&self, number: u64, parts: &[Part]) -> Result<()> {
        let body = json!({"body": text::body(Subject::Plan, parts, &self.run)});
        match self.ours(&format!("issues/{number}/comments"), Subject::Plan)? {
            Some(id) => self.send("PATCH", &format!("issues/comments/{id}"), &body),
            None => self.send("POST", &format!("issues/{number}/comments"), &body),
        }
    }

    /// One issue: it is open as long as there is drift. Where an environment was not looked at, it is not closed.
    fn issue(&self, parts: &[Part]) -> Result<()> {
        let open = self.ours("issues?state=open&sort=created&direction=desc", Subject::Drift)?;
        let body = text::body(Subject::Drift, parts, &self.run);
        let differs = parts.iter().any(|part| matches!(part.found, Found::Text(_)));
        let known = parts.iter().all(|part| part.found != Found::Missing);
        match open {
            Some(number) if differs => {
                self.send("PATCH", &format!("issues/{number}"), &json!({"body": body}))
            }
            None if differs => self.send("POST", "issues", &json!({"title": text::ISSUE, "body": body})),
            Some(number) if known => {
                let why = format!("AWS is as the code says: {}", self.run);
                self.send("POST", &format!("issues/{number}/comments"), &json!({"body": why}))?;
                self.send("PATCH", &format!("issues/{number}"), &json!({"state": "closed"}))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What we wrote before, by the mark that its text begins with: a comment's id, an issue's number.
    fn ours(&self, path: &str, subject: Subject) -> Result<Option<u64>> {
        let path = format!("repos/{}/{path}", self.repository);
        let shell = &self.shell;
        let answer = cmd!(shell, "gh api --paginate --method GET {path}").quiet().read().map_err(failed)?;
        // Each page is an array; `gh` writes them one behind the other.
        let pages = serde_json::Deserializer::from_str(&answer).into_iter::<Vec<Value>>();
        for page in pages {
            let page = page.context("GitHub answered something else than lists")?;
            let found = page.iter().find(|one| {
                let begins = one["body"].as_str().is_some_and(|body| body.starts_with(subject.mark()));
                one["user"]["login"] == OURS && begins && one["pull_request"].is_null()
            });
            if let Some(found) = found {
                let id = if subject == Subject::Drift { "number" } else { "id" };
                return Ok(Some(found[id].as_u64().context("GitHub answered without a number")?));
            }
        }
        Ok(None)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<()> {
        let path = format!("repos/{}/{path}", self.repository);
        let shell = &self.shell;
        // Its answer repeats the body; nobody wants to read it here.
        cmd!(shell, "gh api --method {method} --silent --input - {path}")
            .stdin(body.to_string())
            .quiet()
            .run()
            .map_err(failed)?;
        println!("{method} {path}");
        Ok(())
    }
}

fn failed(error: xshell::Error) -> Failure {
    let help = "GitHub's command `gh` has to be installed, as it is on GitHub's own runners, with a token in GH_TOKEN that \
                may write issues or pull requests; what it said is printed above";
    Failure::new(error.to_string(), help)
}

#[cfg(test)]
mod tests;
