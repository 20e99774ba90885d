//! The commands, one module each, and what they share.

pub mod adopt;
pub mod deploy;
pub mod drift;
pub mod history;
pub mod plan;
pub mod query;
pub mod redrive;
pub mod send;
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
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Differs => 2,
            Exit::Interrupted => 130,
        })
    }
}

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
    /// Asks for a yes.
    ///
    /// # Errors
    /// Nobody can be asked: then the option that says yes beforehand is named.
    pub fn confirm(&self, question: &str) -> Result<bool> {
        if !terminal::is_interactive() {
            bail!(
                "there is no terminal on which to ask \"{question}\"; pass `--yes` to answer it beforehand"
            );
        }
        let answer = terminal::ask(&format!("{question} [y/N]"))?;
        Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
    }
}

/// Runs the command.
///
/// # Errors
/// The command's own.
pub async fn dispatch(cli: Cli, stop: CancellationToken) -> Result<Exit> {
    let run = Run { target: cli.target, json: cli.json, stop };
    match cli.command {
        Command::TestLocal(args) => test_local::run(&args, &run).await,
        Command::Up(args) => up::run(&args, &run).await,
        Command::Send(args) => send::run(&args, &run).await,
        Command::Query(args) => query::run(&args, &run).await,
        Command::Tail(args) => tail::run(&args, &run).await,
        Command::Redrive(args) => redrive::run(&args, &run).await,
        Command::Plan(args) => plan::run(&args, &run).await,
        Command::Deploy(args) => deploy::run(&args, &run).await,
        Command::Destroy(args) => deploy::destroy(&args, &run).await,
        Command::Drift => drift::run(&run).await,
        Command::Status => status::run(&run).await,
        Command::Adopt(args) => adopt::run(&args, &run).await,
        Command::History(args) => history::run(&args, &run).await,
        Command::Settings => settings::run(),
    }
}
