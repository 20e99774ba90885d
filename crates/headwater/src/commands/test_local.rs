//! `test-local`: the whole pipeline on local AWS, proven check by check.

mod checks;
mod report;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{
    cli,
    commands::{Exit, Interrupted, Run},
    local::Local,
};
use checks::Proof;
use report::Report;

/// Runs `test-local`.
///
/// # Errors
/// Local AWS cannot be started at all. A check that is not true is in the report, and the exit code tells.
pub async fn run(args: &cli::Backend, run: &Run) -> Result<Exit> {
    let begun = Instant::now();
    let local = Local::start(args, run).await?;
    let mut report = Report::new(run.json, &local, begun)?;
    let stop = run.stop.clone();
    let mut proof = Proof::new(local, run);
    let proven = tokio::select! {
        result = proof.all(&mut report) => Some(result.and_then(|()| report.end(proof.log()))),
        () = stop.cancelled() => None,
    };
    // Where the emulator has died, that is why.
    let alive = proof.alive();
    proof.end().await?;
    match proven.transpose()? {
        None => bail!(Interrupted),
        Some(true) => Ok(Exit::Done),
        Some(false) => alive.map(|()| Exit::Failed),
    }
}
