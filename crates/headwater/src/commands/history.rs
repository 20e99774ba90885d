//! `history`: past deployments and what each did.

use std::{io::Write, time::Duration};

use anyhow::Result;
use engine::Clock;
use resource::{Deployment, Lease, Outcome};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    caller, cli,
    commands::{Exit, Run},
    terminal::{self, BAD, FAINT, GOOD, WARNING, columns, counted, duration, paint},
    workbench::Workbench,
};

/// Runs `history`.
///
/// # Errors
/// The deployments table cannot be read.
pub async fn run(args: &cli::History, run: &Run) -> Result<Exit> {
    let store = Workbench::open_unpackaged(&run.target).await?.deployments;
    let (runs, lease) = futures::try_join!(store.history(args.limit), store.lease())?;
    let mut out = terminal::out();
    if run.json {
        for run in &runs {
            writeln!(out, "{}", serde_json::to_string(run)?)?;
        }
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        writeln!(out, "Nothing was ever deployed to {}.", run.target.env)?;
    }
    let rows: Vec<_> = runs.iter().map(|run| row(run, holder(lease.as_ref()))).collect();
    write!(out, "{}", columns(&rows))?;
    for failed in runs.iter().flat_map(|run| &run.steps).filter(|step| step.error.is_some()) {
        writeln!(
            out,
            "{} {}",
            paint(BAD, format!("{}:", failed.key)),
            failed.error.as_deref().unwrap_or_default()
        )?;
    }
    Ok(Exit::Done)
}

/// The run that holds the lease. None where the row is what a run left that has died: its process is gone, or its time is over.
pub fn holder(lease: Option<&Lease>) -> Option<&str> {
    let now = Clock::default().now_millis();
    let lives = |lease: &&Lease| !caller::is_dead(lease) && now <= lease.expires_at_millis;
    lease.filter(lives).map(|lease| lease.owner.as_str())
}

/// A run as a row: when, what, how it ended, how long, how much, who, from which commit. `holder` is the run that holds the
/// lease.
pub fn row(run: &Deployment, holder: Option<&str>) -> Vec<String> {
    let outcome = match run.outcome {
        Outcome::Succeeded => paint(GOOD, "done"),
        Outcome::Failed => paint(BAD, "failed"),
        Outcome::Interrupted => paint(WARNING, "interrupted"),
        Outcome::Running if holder == Some(&run.id) => paint(WARNING, "running"),
        Outcome::Running => paint(BAD, "died"),
    };
    let took =
        run.ended_at_millis.map(|end| Duration::from_millis(end.saturating_sub(run.started_at_millis)));
    let commit = run.commit.as_deref().map(|commit| commit.chars().take(12).collect::<String>());
    vec![
        at(run.started_at_millis),
        run.command.clone(),
        outcome,
        took.map_or_else(String::new, duration),
        counted(run.steps.len() as u64, "step"),
        run.holder.clone(),
        paint(FAINT, commit.unwrap_or_default()),
    ]
}

/// A time in milliseconds since the Unix epoch as RFC 3339, to the second.
pub fn at(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_died_when_its_process_is_gone_or_its_lease_is_over() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let (caller, now) = (caller::this(), Clock::default().now_millis());
        let lease = |process: u32, expires_at_millis: u64| Lease {
            owner: "run".into(),
            holder: caller.holder.clone(),
            host: caller.host.clone(),
            process,
            command: "deploy".into(),
            commit: None,
            taken_at_millis: now,
            expires_at_millis,
            heartbeat: 0,
        };
        let (later, here) = (now + 900_000, std::process::id());
        assert_eq!(holder(Some(&lease(here, later))), Some("run"));
        assert_eq!(holder(Some(&lease(dead, later))), None);
        assert_eq!(holder(Some(&lease(here, now - 1))), None);
    }
}
