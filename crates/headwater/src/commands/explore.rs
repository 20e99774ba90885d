//! `explore`: the explorer of an environment, until Ctrl-C.

use std::io::Write;

use anyhow::Result;
use aws_dynamodb::Tables;
use resource::Family;
use serde_json::json;

use crate::{
    cli,
    commands::{Exit, Run},
    explorer::{Explorer, Options},
    session::Session,
    terminal::{self, FAINT, STRONG, paint},
};

/// Runs `explore`.
///
/// # Errors
/// Nothing leads to the environment, or the port is taken.
pub async fn run(args: &cli::Explore, run: &Run) -> Result<Exit> {
    let session = run.until_stopped(Session::open(&run.target)).await?;
    session.needs(&Tables::KIND)?;
    let options = Options { port: args.port, read_only: args.read_only };
    let environment = session.scope.environment.clone();
    let explorer = Explorer::bind(session, options).await?;
    let mut out = terminal::out();
    if run.json {
        writeln!(out, "{}", json!({"url": explorer.url()}))?;
    } else {
        writeln!(
            out,
            "The explorer of {} is at\n\n  {}\n",
            paint(STRONG, environment),
            paint(STRONG, explorer.url())
        )?;
        writeln!(
            out,
            "{}",
            paint(FAINT, "Who has this address sees the environment's events. Ctrl-C ends it.")
        )?;
    }
    out.flush()?;
    drop(out);
    explorer.serve(run.stop.clone()).await?;
    Ok(Exit::Done)
}
