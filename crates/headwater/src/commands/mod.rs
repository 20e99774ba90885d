//! The commands, one module each, and what they share.

pub mod adopt;
pub mod bootstrap;
pub mod demo;
pub mod deploy;
pub mod drift;
pub mod environments;
pub mod explore;
pub mod flow;
pub mod history;
pub mod plan;
pub mod policy;
pub mod query;
pub mod redrive;
pub mod replay;
pub mod send;
pub mod services;
pub mod settings;
pub mod status;
pub mod tail;
pub mod test_local;
pub mod up;

use std::process::ExitCode;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Cli, Command, Target},
    terminal,
};

/// How a command ended, apart from errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is as asked.
    Done,
    /// It is not; what is wrong has been printed.
    Failed,
    /// AWS differs from the code.
    Differs,
    /// It was told to stop.
    Interrupted,
    /// Whoever read the output has gone away, so the command ended where it was.
    Unread,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Differs => 2,
            Exit::Interrupted => 130,
            // What a shell shows for a program that SIGPIPE ended.
            Exit::Unread => 141,
        })
    }
}

/// A command that was told to stop before it was done.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// What every command is given.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which environment.
    pub target: Target,
    /// Whether machines read the output.
    pub json: bool,
    /// Cancelled by the first SIGINT or SIGTERM.
    pub stop: CancellationToken,
}

impl Run {
    /// Asks for a yes. With `--json` nobody is asked, because nobody was shown what the question is about.
    ///
    /// # Errors
    /// [`Interrupted`]; or nobody can be asked, and then the option that says yes beforehand is named.
    pub async fn confirm(&self, question: &str) -> Result<bool> {
        if self.json || !terminal::is_interactive() {
            let why = if self.json {
                "with --json nobody is asked"
            } else {
                "there is no terminal on which to ask"
            };
            bail!("{why} \"{question}\"; pass `--yes` to answer it beforehand");
        }
        let question = format!("{question} [y/N]");
        let answer = self.until_stopped(async { Ok(terminal::ask(&question).await?) }).await?;
        Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
    }

    /// Does `work` until the run is told to stop; then `work` is dropped where it is.
    ///
    /// # Errors
    /// [`Interrupted`], or `work`'s own.
    pub async fn until_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => bail!(Interrupted),
            done = work => done,
        }
    }
}

/// Runs the command.
///
/// # Guarantees
/// Once `stop` is cancelled, what changes an environment ends the steps in flight and begins no other; a command that
/// leaves nothing half done is dropped where it is.
///
/// # Errors
/// The command's own, and [`Interrupted`].
pub async fn dispatch(cli: Cli, stop: CancellationToken) -> Result<Exit> {
    let run = Run { target: cli.target, json: cli.json, stop };
    match cli.command {
        Command::TestLocal(args) => test_local::run(&args, &run).await,
        Command::Up(args) => up::run(&args, &run).await,
        Command::Demo(args) => demo::run(&args, &run).await,
        Command::Send(args) => send::run(&args, &run).await,
        Command::Query(args) => run.until_stopped(query::run(&args, &run)).await,
        Command::Flow(args) => run.until_stopped(flow::run(&args, &run)).await,
        Command::Services(args) => run.until_stopped(services::run(&args, &run)).await,
        Command::Tail(args) => run.until_stopped(tail::run(&args, &run)).await,
        Command::Explore(args) => explore::run(&args, &run).await,
        Command::Redrive(args) => run.until_stopped(redrive::run(&args, &run)).await,
        Command::Replay(args) => run.until_stopped(replay::run(&args, &run)).await,
        Command::Plan(args) => run.until_stopped(plan::run(&args, &run)).await,
        Command::Deploy(args) => deploy::run(&args, &run).await,
        Command::Destroy(args) => deploy::destroy(&args, &run).await,
        Command::Drift(args) => run.until_stopped(drift::run(&args, &run)).await,
        Command::Status => run.until_stopped(status::run(&run)).await,
        Command::Bootstrap(args) => bootstrap::run(&args, &run).await,
        Command::Policy(args) => policy::run(&args, &run),
        Command::Adopt(args) => run.until_stopped(adopt::run(&args, &run)).await,
        Command::History(args) => run.until_stopped(history::run(&args, &run)).await,
        Command::Environments(args) => environments::run(&args, &run),
        Command::Settings => settings::run(&run),
    }
}
