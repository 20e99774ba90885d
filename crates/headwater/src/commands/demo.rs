//! `demo`: local AWS with the gateway and two services, one of which fails for a while; then what the journal tells of it.

mod arrival;
mod report;
mod services;
mod stage;
mod traffic;
mod trouble;

use std::time::Instant;

use anyhow::Result;
use aws_dynamodb::Tables;
use resource::Family;
use time::OffsetDateTime;

use crate::{
    cli,
    commands::{Exit, Run, query, services as command, up},
    local::Local,
    terminal::{self, counted},
};
use report::{Places, Report};
use services::{A, B};
use stage::{GATEWAY, Stage};

/// How far `services` looks back: further than any demo takes that somebody waits for.
const SINCE: &str = "10m";

/// Runs `demo`.
///
/// # Errors
/// Local AWS does not start, cannot be deployed to, or dies; or an event does not come to the journal.
pub async fn run(args: &cli::Demo, run: &Run) -> Result<Exit> {
    up::while_up(&args.backend, run, async |local, explorer| show(local, explorer, args, run).await).await
}

async fn show(local: &Local, explorer: Option<&str>, args: &cli::Demo, run: &Run) -> Result<Exit> {
    local.bench.session.needs(&Tables::KIND)?;
    let stage = Stage::set(local, args.seed).await?;
    let report = run.until_stopped(play(local, &stage, args)).await?;
    let places = Places { local, stage: &stage, explorer };
    if run.json {
        report.print_json(&places)?;
    } else {
        run.until_stopped(report.print(&places, run)).await?;
    }
    if args.exit {
        return Ok(if report.names_b_alone() { Exit::Done } else { Exit::Failed });
    }
    if !run.json {
        places.print()?;
    }
    up::until_stopped(run).await;
    Ok(Exit::Done)
}

/// Sends the requests, waits for their events, and asks the journal who was at fault.
async fn play(local: &Local, stage: &Stage, args: &cli::Demo) -> Result<Report> {
    let words =
        format!("{} at {} a second; {B} fails in the middle", counted(args.requests, "request"), args.rate);
    terminal::say(format!("\nSending {words}"));
    let begun = Instant::now();
    let answers = traffic::send(stage.gateway, args.requests, args.rate, &stage.trouble).await?;
    let took = begun.elapsed();
    let events = stage.events();
    terminal::say(format!("Waiting for {} in the journal", counted(events, "event")));
    arrival::wait(&query::journal(&local.bench.session), [GATEWAY, A], events).await?;
    let behind = begun.elapsed() - took;
    let asked = cli::Services {
        since: SINCE.to_owned(),
        until: None,
        source: None,
        patience: flow::PATIENCE,
        limit: 100_000,
    };
    let windows = command::windows(&asked, OffsetDateTime::now_utc())?;
    let services = command::report(&asked, windows, &local.bench.session).await?;
    Ok(Report { answers, took, events, behind, services })
}
