//! `up`: local AWS with everything deployed, until Ctrl-C.

use std::{convert::Infallible, io::Write};

use anyhow::{Context, Result};
use aws_dynamodb::Tables;
use engine::{Approved, Mode};
use resource::Family;
use serde_json::json;

use crate::{
    capabilities, cli,
    commands::{Exit, Run, deploy, status},
    explorer::{Explorer, Options},
    local::Local,
    running,
    terminal::{self, FAINT, GOOD, STRONG, WARNING, columns, paint},
};

/// Runs `up`.
///
/// # Errors
/// Local AWS does not start, cannot be deployed to, or dies.
pub async fn run(args: &cli::Backend, run: &Run) -> Result<Exit> {
    while_up(args, run, async |local, explorer| {
        print(run, local, explorer).await?;
        until_stopped(run).await;
        Ok(Exit::Done)
    })
    .await
}

/// Starts local AWS, deploys to it, lets the other commands find it, and ends it when `work` is done. `work` is told where the
/// explorer is, where there is a journal.
///
/// # Errors
/// Local AWS does not start, cannot be deployed to, or dies; or `work`'s own.
pub async fn while_up(
    args: &cli::Backend,
    run: &Run,
    work: impl AsyncFnOnce(&Local, Option<&str>) -> Result<Exit>,
) -> Result<Exit> {
    let local = Local::start(args, run).await?;
    let exit = deployed(&local, run, work).await;
    let ended = local.end().await;
    let exit = exit?;
    ended?;
    Ok(exit)
}

/// Waits until the run is told to stop, and says that this ends local AWS.
pub async fn until_stopped(run: &Run) {
    run.stop.cancelled().await;
    terminal::say(paint(FAINT, "Local AWS ends, and all that was on it."));
}

async fn deployed(
    local: &Local,
    run: &Run,
    work: impl AsyncFnOnce(&Local, Option<&str>) -> Result<Exit>,
) -> Result<Exit> {
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
    let explorer = match local.bench.session.needs(&Tables::KIND) {
        Ok(()) => Some(Explorer::bind(local.bench.session.clone(), Options::default()).await?),
        Err(_) => None,
    };
    let url = explorer.as_ref().map(Explorer::url);
    let explored = async {
        if let Some(explorer) = explorer {
            explorer.serve(run.stop.clone()).await?;
        }
        // It ends before it is told to only where it cannot go on; and what tells it, `work` knows.
        std::future::pending::<Result<Infallible>>().await
    };
    tokio::select! {
        exit = work(local, url.as_deref()) => exit,
        died = local.emulator.died() => Err(died.into()),
        broke = explored => broke.map(|never| match never {}),
        never = local.task.keep_following(&local.bench) => match never {},
    }
}

async fn print(run: &Run, local: &Local, explorer: Option<&str>) -> Result<()> {
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
            "explorer": explorer,
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
    if let Some(explorer) = explorer {
        writeln!(out, "In a browser:\n  {}\n", paint(STRONG, explorer))?;
    }
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
