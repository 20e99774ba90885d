//! `up`: local AWS with everything deployed, until Ctrl-C.

use std::io::Write;

use anyhow::{Context, Result};
use engine::Mode;
use serde_json::json;

use crate::{
    cli,
    commands::{Exit, Run, deploy, status},
    local::Local,
    running,
    terminal::{self, FAINT, GOOD, STRONG, columns, paint},
};

/// Runs `up`.
///
/// # Errors
/// Local AWS does not start, cannot be deployed to, or dies.
pub async fn run(args: &cli::Backend, run: &Run) -> Result<Exit> {
    let local = Local::start(args, run).await?;
    let quiet = Run { json: false, ..run.clone() };
    let plan = run.until_stopped(local.bench.plan(Mode::Deploy)).await?;
    let report = local.explain(deploy::execute(&local.bench, &quiet, Mode::Deploy, &plan).await)?;
    if report.outcome != resource::Outcome::Succeeded {
        for (step, error) in report.failures() {
            terminal::say(format!("{}: {}", step.key, deploy::chain(error)));
        }
        return Ok(if run.stop.is_cancelled() { Exit::Interrupted } else { Exit::Failed });
    }
    local.task.follow(&local.bench).await?;
    let _announcement = running::announce(local.emulator.endpoint(), local.task.address().into())
        .context("cannot tell the other commands where local AWS is")?;
    print(run, &local).await?;
    tokio::select! {
        () = run.stop.cancelled() => {
            terminal::say(paint(FAINT, "Local AWS ends, and all that was on it."));
            Ok(Exit::Done)
        }
        died = local.emulator.died() => Err(died.into()),
        never = local.task.keep_following(&local.bench) => match never {},
    }
}

async fn print(run: &Run, local: &Local) -> Result<()> {
    let survey = local.bench.survey().await?;
    let outputs = status::outputs(&local.bench, &survey);
    let endpoint = local.emulator.endpoint();
    let mut out = terminal::out();
    if run.json {
        let outputs: serde_json::Map<_, _> =
            outputs.iter().map(|(title, value)| ((*title).to_owned(), json!(value))).collect();
        let log = local.emulator.log();
        writeln!(out, "{}", json!({"endpoint": endpoint.as_str(), "outputs": outputs, "log": log}))?;
        out.flush()?;
        return Ok(());
    }
    writeln!(out, "\n{}\n", paint(GOOD, "Local AWS is up."))?;
    let mut rows = vec![vec!["  endpoint".to_owned(), endpoint.to_string()]];
    rows.extend(outputs.iter().filter_map(|(title, value)| Some(vec![format!("  {title}"), value.clone()?])));
    rows.extend(local.emulator.log().map(|log| vec!["  log".to_owned(), log.display().to_string()]));
    writeln!(out, "{}", columns(&rows))?;
    let queue = outputs.iter().find(|(title, _)| *title == "queue").and_then(|(_, url)| url.clone());
    let aws = format!(
        "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws --region {} --endpoint-url {endpoint} \
         sqs send-message --queue-url {} --message-body file://event.json",
        local.bench.session.scope.region,
        queue.unwrap_or_default()
    );
    writeln!(out, "In another terminal:")?;
    for command in [
        "cargo xtask send event.json",
        "cargo xtask send --count 1000 --rate 100",
        "cargo xtask query --type MICROSERVICE_REQUEST",
        "cargo xtask tail",
        &aws,
    ] {
        writeln!(out, "  {}", paint(STRONG, command))?;
    }
    writeln!(out, "\n{}", paint(FAINT, "Ctrl-C ends it."))?;
    out.flush()?;
    Ok(())
}
