//! `up`: local AWS with everything deployed, until Ctrl-C.

use std::io::Write;

use anyhow::{Context, Result};
use aws_dynamodb::Tables;
use engine::{Approved, Mode};
use resource::Family;
use serde_json::json;

use crate::{
    capabilities, cli,
    commands::{Exit, Run, deploy, status},
    local::Local,
    running,
    terminal::{self, FAINT, GOOD, STRONG, WARNING, columns, paint},
};

/// Runs `up`.
///
/// # Errors
/// Local AWS does not start, cannot be deployed to, or dies.
pub async fn run(args: &cli::Backend, run: &Run) -> Result<Exit> {
    let local = Local::start(args, run).await?;
    let exit = stay(&local, run).await;
    let ended = local.end().await;
    let exit = exit?;
    ended?;
    Ok(exit)
}

async fn stay(local: &Local, run: &Run) -> Result<Exit> {
    let quiet = Run { json: false, ..run.clone() };
    if let Some(sentence) = capabilities::sentence(&local.bench.left_out) {
        terminal::say(paint(WARNING, sentence));
    }
    let proposal = run.until_stopped(local.bench.propose(Mode::Deploy)).await?;
    let report = local.explain(deploy::execute(&local.bench, &quiet, Approved::Proposed(proposal)).await)?;
    if report.outcome != resource::Outcome::Succeeded {
        for (step, error) in report.failures() {
            terminal::say(format!("{}: {}", step.key, deploy::chain(error)));
        }
        return Ok(if run.stop.is_cancelled() { Exit::Interrupted } else { Exit::Failed });
    }
    run.until_stopped(local.task.follow(&local.bench)).await?;
    let _announcement =
        running::announce(&local.found()).context("cannot tell the other commands where local AWS is")?;
    print(run, local).await?;
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
    let here = local.task.on_this_machine().await?.map(|address| address.to_string());
    let mut out = terminal::out();
    if run.json {
        let outputs: serde_json::Map<_, _> =
            outputs.iter().map(|(title, value)| ((*title).to_owned(), json!(value))).collect();
        let log = local.emulator.log();
        let up = json!({
            "endpoint": endpoint.as_str(), "outputs": outputs, "eventstoreOnThisMachine": here, "log": log,
        });
        writeln!(out, "{up}")?;
        out.flush()?;
        return Ok(());
    }
    writeln!(out, "\n{}\n", paint(GOOD, "Local AWS is up."))?;
    let mut rows = vec![vec!["  endpoint".to_owned(), endpoint.to_string()]];
    rows.extend(outputs.iter().filter_map(|(title, value)| Some(vec![format!("  {title}"), value.clone()?])));
    let is_elsewhere = here.as_ref().is_some_and(|here| *here != local.task.address());
    rows.extend(here.filter(|_| is_elsewhere).map(|here| vec!["  on this machine".to_owned(), here]));
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
    let send = ["cargo xtask send event.json", "cargo xtask send --count 1000 --rate 100"];
    let read = ["cargo xtask query --type MICROSERVICE_REQUEST", "cargo xtask tail"];
    let has_journal = local.bench.session.needs(&Tables::KIND).is_ok();
    let read = read.into_iter().filter(|_| has_journal);
    for command in send.into_iter().chain(read).chain([aws.as_str()]) {
        writeln!(out, "  {}", paint(STRONG, command))?;
    }
    writeln!(out, "\n{}", paint(FAINT, "Ctrl-C ends it."))?;
    out.flush()?;
    Ok(())
}
