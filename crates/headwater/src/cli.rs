//! The command line: every command, option and their help.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use crate::commands::query;

/// The configuration file, unless another is named.
pub const CONFIGURATION: &str = "headwater.toml";

/// Event sourcing on AWS: provision it, feed it, read it.
///
/// Exit codes: 0 done, 1 failed, 2 `drift` or `plan --detailed-exit-code` found a difference, 64 wrong usage,
/// 130 interrupted, 141 the reader of the output went away before the end.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// Which environment, and how it is reached.
    #[command(flatten)]
    pub target: Target,
    /// Print JSON for machines instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which environment, and how it is reached.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// The environment of headwater.toml.
    #[arg(long, global = true, value_name = "NAME", default_value = "local", env = "HEADWATER_ENV")]
    pub env: String,
    /// Another AWS-compatible endpoint, in place of AWS or of the local one that `up` started.
    #[arg(long, global = true, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    pub endpoint_url: Option<String>,
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = CONFIGURATION,
        env = "HEADWATER_CONFIG"
    )]
    pub config: PathBuf,
    /// Where EventStoreDB is for the functions (host:port), with an endpoint that `up` did not announce.
    #[arg(long, global = true, value_name = "ADDRESS", env = "HEADWATER_EVENTSTORE", hide = true)]
    pub eventstore: Option<String>,
    /// The image of EventStoreDB on local AWS, and of the containers beside it.
    #[arg(long, global = true, value_name = "IMAGE", env = "HEADWATER_EVENTSTORE_IMAGE", hide = true)]
    pub eventstore_image: Option<String>,
    /// Where `cargo xtask package` put the functions' zips.
    #[arg(long, global = true, value_name = "DIR", env = "HEADWATER_PACKAGES", hide = true)]
    pub packages: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start local AWS, deploy to it, prove the whole pipeline, print a report, end it.
    TestLocal(Backend),
    /// Start local AWS, deploy to it, print how to use it, keep it up until Ctrl-C.
    Up(Backend),
    /// Start local AWS with the gateway and two services, let one of them fail for a while, show that the journal names it.
    Demo(Demo),
    /// Send events to the queue: a file, standard input, or generated load.
    Send(Send),
    /// Read events from the journal by request, type or source.
    Query(Query),
    /// Draw a request as a timeline: its calls, what failed and because of what, what never answered.
    Flow(Flow),
    /// Show which service is at fault: the calls, failures and latencies of each.
    Services(Services),
    /// Print new events as they land in the journal.
    Tail(Tail),
    /// Serve a page on this machine that shows requests, services and dead letters, until Ctrl-C.
    Explore(Explore),
    /// List the dead-letter queue with reasons, then move its messages back to the queue.
    Redrive(Redrive),
    /// Relay the journal to EventStoreDB again: what it has not, it gets, in order and once.
    Replay(Replay),
    /// Show what a deploy would do.
    Plan(Plan),
    /// Make the environment as the blueprint says.
    Deploy(Deploy),
    /// Delete the environment's stateless resources; with --include-stateful, all of them.
    Destroy(Destroy),
    /// Tell how AWS differs from the code. Exit code 2 if it does.
    Drift(Drift),
    /// Show the environment's outputs, the health of each part, and who is changing it.
    Status,
    /// Let GitHub Actions plan and deploy an environment: makes its roles, policies and boundary.
    Bootstrap(Bootstrap),
    /// Print what a bootstrap grants: the trust of both roles, their policies, the boundary. Asks nobody.
    Policy(Policy),
    /// Take over a resource that exists already, after showing what would change.
    Adopt(Adopt),
    /// List past deployments and what each did.
    History(History),
    /// List the environments that live in AWS, with the roles of their workflows.
    Environments(Environments),
    /// Print every setting of headwater.toml with its default, range and unit.
    Settings,
}

/// Where local AWS comes from.
#[derive(Clone, Debug, Args)]
pub struct Backend {
    /// What runs as local AWS.
    #[arg(long, value_enum, default_value_t = BackendKind::Embedded)]
    pub backend: BackendKind,
    /// The port on 127.0.0.1 to listen on; a free one unless given.
    #[arg(long)]
    pub port: Option<u16>,
}

/// What runs as local AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// MiniStack in a private Python environment; needs python3 3.10 or newer.
    Embedded,
    /// LocalStack and EventStoreDB in containers; needs Docker.
    #[value(name = "localstack")]
    LocalStack,
    /// Whatever answers at --endpoint-url on this host.
    Endpoint,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where local AWS comes from.
    #[command(flatten)]
    pub backend: Backend,
    /// How many requests to send to the gateway.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(30..=100_000))]
    pub requests: u64,
    /// At most this many requests a second.
    #[arg(long, value_name = "R", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rate: u32,
    /// Another seed lets other requests fail.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// End after the report: with 0 only if the journal named the service that failed, and no other.
    #[arg(long)]
    pub exit: bool,
}

/// Arguments of `send`.
#[derive(Debug, Args)]
pub struct Send {
    /// A file with one event (ours or a CloudEvent), or with one a line (JSON Lines); `-` or nothing reads standard input.
    pub file: Option<PathBuf>,
    /// Generate this many events instead of reading any.
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub count: Option<u64>,
    /// Send at most this many events a second.
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: Option<u32>,
    /// Send what fails validation too, to see it arrive in the dead-letter queue.
    #[arg(long, conflicts_with = "count")]
    pub unchecked: bool,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("by").required(true).args(["request", "type", "source"])))]
pub struct Query {
    /// All events of this request.
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// Events of this type.
    #[arg(long, value_name = "TYPE")]
    pub r#type: Option<String>,
    /// Events from this source.
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only events at or after this time (RFC 3339, or an age such as 15m, 2h, 1d).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before this time (RFC 3339, or an age such as 15m, 2h, 1d).
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// At most this many events.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// The newest first.
    #[arg(long)]
    pub newest: bool,
    /// Print CloudEvents 1.0 in JSON, one a line, instead of text or our own JSON.
    #[arg(long)]
    pub cloudevents: bool,
}

/// Arguments of `flow`.
#[derive(Debug, Args)]
pub struct Flow {
    /// The request.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub request: String,
    /// Read at most this many of its events, the oldest first.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
}

/// Arguments of `services`.
#[derive(Debug, Args)]
pub struct Services {
    /// The calls that began at or after this time (RFC 3339, or an age such as 15m, 2h, 1d).
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub since: String,
    /// The calls that began before this time (RFC 3339, or an age such as 15m, 2h, 1d); now, unless given.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only the calls that this source makes. What lies below them is not read.
    #[arg(long, value_name = "SOURCE", value_parser = NonEmptyStringValueParser::new())]
    pub source: Option<String>,
    /// How long a call may be without an answer before it counts as unanswered.
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = query::patience)]
    pub patience: Duration,
    /// Read at most this many events of the window and the one before, the newest of each first.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(2..))]
    pub limit: u64,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// End after this many events.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Only events of this type.
    #[arg(long, value_name = "TYPE")]
    pub r#type: Option<String>,
    /// Only events from this source.
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Print CloudEvents 1.0 in JSON, one a line, instead of text or our own JSON.
    #[arg(long)]
    pub cloudevents: bool,
}

/// Arguments of `explore`.
#[derive(Debug, Args)]
pub struct Explore {
    /// The port on 127.0.0.1 to listen on; a free one unless given.
    #[arg(long)]
    pub port: Option<u16>,
    /// Show only: the page cannot move dead letters, nor can who asks this server by other means.
    #[arg(long)]
    pub read_only: bool,
}

/// Arguments of `redrive`.
#[derive(Debug, Args)]
pub struct Redrive {
    /// List what is there and move nothing.
    #[arg(long)]
    pub list: bool,
    /// Move without asking.
    #[arg(long, conflicts_with = "list")]
    pub yes: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Only events at or after this time (RFC 3339, or an age such as 15m, 2h, 1d).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before this time (RFC 3339, or an age such as 15m, 2h, 1d).
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Write the plan to this file, for `deploy --plan`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the plan to this file as a diff; an empty one where there is nothing to do.
    #[arg(long, value_name = "FILE")]
    pub diff: Option<PathBuf>,
    /// Show what a destroy would do instead.
    #[arg(long, conflicts_with = "out")]
    pub destroy: bool,
    /// With --destroy: the retained resources too.
    #[arg(long, requires = "destroy")]
    pub include_stateful: bool,
    /// Exit with 2 when there is something to do.
    #[arg(long)]
    pub detailed_exit_code: bool,
}

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub struct Drift {
    /// Write the drift to this file as a diff; an empty one where there is none.
    #[arg(long, value_name = "FILE")]
    pub diff: Option<PathBuf>,
}

/// Arguments of `environments`.
#[derive(Debug, Args)]
pub struct Environments {
    /// Only these, apart by spaces; all of them where none is named.
    #[arg(long, value_name = "NAMES", env = "HEADWATER_ENVIRONMENTS")]
    pub only: Vec<String>,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub struct Deploy {
    /// Apply this saved plan and nothing beyond it.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Apply without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `destroy`.
#[derive(Debug, Args)]
pub struct Destroy {
    /// Delete the retained resources too: the journal, the queues and all that they hold.
    #[arg(long)]
    pub include_stateful: bool,
    /// Destroy without asking; with --include-stateful, --confirm is needed besides.
    #[arg(long)]
    pub yes: bool,
    /// The environment's name once more, for --include-stateful where nobody can be asked.
    #[arg(long, value_name = "NAME", requires = "include_stateful")]
    pub confirm: Option<String>,
}

/// Arguments of `bootstrap`.
#[derive(Debug, Args)]
pub struct Bootstrap {
    /// The repository on GitHub whose workflows may plan and deploy.
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: OwnerAndName,
    /// Its main branch: what is pushed there may be planned and deployed.
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = branch)]
    pub branch: String,
    /// The owner's id, where GitHub is not to be asked for it.
    #[arg(long, value_name = "N", requires = "repository_id")]
    pub owner_id: Option<u64>,
    /// The repository's id, where GitHub is not to be asked for it.
    #[arg(long, value_name = "N", requires = "owner_id")]
    pub repository_id: Option<u64>,
    /// Delete it all instead, but for the provider, which others use. Destroy the environment first.
    #[arg(long)]
    pub destroy: bool,
    /// Apply without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub struct Policy {
    /// The repository on GitHub whose workflows may plan and deploy; a placeholder where none is named.
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: Option<OwnerAndName>,
    /// Its main branch.
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = branch)]
    pub branch: String,
    /// The owner's id; a placeholder without.
    #[arg(long, value_name = "N")]
    pub owner_id: Option<u64>,
    /// The repository's id; a placeholder without.
    #[arg(long, value_name = "N")]
    pub repository_id: Option<u64>,
}

/// A repository as it is named on GitHub: `octo-org/events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerAndName {
    /// The user or organisation.
    pub owner: String,
    /// The repository's name there.
    pub name: String,
}

impl FromStr for OwnerAndName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_part = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err("a repository is named like `octo-org/events`".to_owned()),
        }
    }
}

/// A branch by its name. The roles trust it to the letter: a pattern would match no token.
///
/// Source: <https://git-scm.com/docs/git-check-ref-format>
fn branch(text: &str) -> Result<String, String> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    if text.is_empty() || text.starts_with("refs/") || text.contains(is_odd) {
        return Err("a branch is named like `main`, without `refs/heads/` and without patterns".to_owned());
    }
    Ok(text.to_owned())
}

impl fmt::Display for OwnerAndName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Arguments of `adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    /// Which resource of the blueprint is which in AWS: stateful/queue=headwater-dev-event-queue.
    #[arg(required = true, value_name = "KEY=ID")]
    pub resources: Vec<String>,
    /// Adopt without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct History {
    /// At most this many runs.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_query_asks_by_one_thing_and_narrows_it_by_any() {
        let parse =
            |words: &str| Cli::try_parse_from(words.split(' ')).map(drop).map_err(|error| error.kind());
        let narrowed =
            "headwater query --type T --since 1h --until 5m --limit 2 --newest --cloudevents --json";
        assert_eq!(parse(narrowed), Ok(()));
        assert_eq!(parse("headwater query --limit 2"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(parse("headwater query --type T --source S"), Err(ErrorKind::ArgumentConflict));
    }

    #[test]
    fn a_repository_has_an_owner_and_its_ids_are_given_both_or_not() {
        let parse = |words: &str| {
            let words = format!("headwater bootstrap {words}");
            Cli::try_parse_from(words.split(' ')).map(drop).map_err(|error| error.kind())
        };
        assert_eq!(parse("--repo octo-org/events.rs"), Ok(()));
        assert_eq!(parse("--repo a/b --owner-id 1 --repository-id 2 --branch trunk --yes"), Ok(()));
        assert_eq!(parse("--repo a/b --owner-id 1"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(parse("--repo a/b --branch release/2.x"), Ok(()));
        for odd in ["refs/heads/main", "*", "release/*", "a:b"] {
            let words = format!("--repo a/b --branch {odd}");
            assert_eq!(parse(&words), Err(ErrorKind::ValueValidation), "{odd}");
        }
        for odd in ["events", "https://github.com/octo-org/events", "a/b/c", "a/", "a/b:ref"] {
            assert_eq!(parse(&format!("--repo {odd}")), Err(ErrorKind::ValueValidation), "{odd}");
        }
    }

    #[test]
    fn the_help_lists_every_command() {
        let help = Cli::command().term_width(110).render_long_help().to_string();
        insta::assert_snapshot!(help);
    }
}
