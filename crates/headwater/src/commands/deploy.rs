//! `deploy` and `destroy`: what was shown and agreed to, under the lease.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use backon::{ConstantBuilder, Retryable};
use engine::{Approved, Concurrency, Mode, Proposal, Report, Reporter, Settings, StepResult};
use journal::ReadOptions;
use resource::{Action, Outcome, Plan};
use serde_json::json;

use crate::{
    actions::{Actions, Fold, folded},
    caller, cli,
    commands::{Exit, Run, replay},
    progress::{Progress, Spinner},
    terminal::{self, BAD, FAINT, GOOD, STRONG, WARNING, counted, duration, paint, say},
    workbench::Workbench,
};

/// How many steps of a service run at once.
///
/// Eight, but for CloudWatch: the blueprint has at most two dozen resources of a service. Most are EC2's, which takes dozens of
/// calls of one action at once. CloudWatch puts and deletes three alarms a second. More at once would be throttled, and their
/// pauses take longer than waiting for a turn does; of eighteen at once, one in a hundred would be throttled five times, and
/// is then left to its family's patience.
///
/// Sources: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>.
const CONCURRENCY: Concurrency = Concurrency { others: 8, named: &[("AWS::CloudWatch", 3)] };

/// Runs `deploy`.
///
/// # Errors
/// There is no plan, it was not agreed to, or the lease was not had. Steps that failed are printed.
pub async fn run(args: &cli::Deploy, run: &Run) -> Result<Exit> {
    if let Some(file) = &args.plan {
        // It was looked at when it was saved, and the engine does nothing beyond it.
        let plan = read(file)?;
        let bench = run.until_stopped(Workbench::open(&run.target)).await?;
        show(run, &plan)?;
        return apply(&bench, run, Approved::Saved(plan)).await;
    }
    let (bench, proposal) = run.until_stopped(proposed(Workbench::open(&run.target), Mode::Deploy)).await?;
    if proposal.plan.is_converged() {
        return converged(run, &proposal.plan);
    }
    show(run, &proposal.plan)?;
    if args.yes || run.confirm("Apply it?").await? {
        apply(&bench, run, Approved::Proposed(proposal)).await
    } else {
        Ok(Exit::Done)
    }
}

/// Runs `destroy`.
///
/// # Errors
/// As [`run`]; and for the stateful resources, the environment's name was not given.
pub async fn destroy(args: &cli::Destroy, run: &Run) -> Result<Exit> {
    let mode = Mode::Destroy { include_stateful: args.include_stateful };
    let (bench, proposal) =
        run.until_stopped(proposed(Workbench::open_unpackaged(&run.target), mode)).await?;
    if proposal.plan.is_converged() {
        return converged(run, &proposal.plan);
    }
    show(run, &proposal.plan)?;
    let agreed = match args.include_stateful {
        true => agrees_by_name(args, run).await?,
        false => args.yes || run.confirm("Delete them?").await?,
    };
    if agreed { apply(&bench, run, Approved::Proposed(proposal)).await } else { Ok(Exit::Done) }
}

async fn proposed(
    bench: impl Future<Output = Result<Workbench>>,
    mode: Mode,
) -> Result<(Workbench, Proposal)> {
    let bench = bench.await?;
    let proposal = bench.propose_with_estimate(mode).await?;
    Ok((bench, proposal))
}

async fn agrees_by_name(args: &cli::Destroy, run: &Run) -> Result<bool> {
    let name = &run.target.env;
    let given = match &args.confirm {
        Some(given) => given.clone(),
        None if !run.json && terminal::is_interactive() => {
            let warning = format!(
                "This deletes the journal, the queues and EventStoreDB's data with every event in them, of {name}."
            );
            terminal::say(format!("\n{}", paint(BAD, warning)));
            let answer = terminal::ask("Type the environment's name to go on:");
            run.until_stopped(async { Ok(answer.await?) }).await?
        }
        None => bail!(
            "the journal and every event in it would be deleted, and nobody is there to be asked; pass `--confirm {name}` \
             if that is what you want"
        ),
    };
    ensure!(given == *name, "`{given}` is not the environment's name, {name}; nothing was deleted");
    Ok(true)
}

fn read(file: &Path) -> Result<Plan> {
    let json =
        fs::read_to_string(file).with_context(|| format!("cannot read the plan {}", file.display()))?;
    engine::read_plan(&json).with_context(|| format!("cannot apply {}", file.display()))
}

/// Shows what is about to be agreed to.
pub(super) fn show(run: &Run, plan: &Plan) -> Result<()> {
    if !run.json {
        writeln!(terminal::out(), "{}", folded(plan))?;
    }
    Ok(())
}

/// Says that nothing has to be done.
pub(super) fn converged(run: &Run, plan: &Plan) -> Result<Exit> {
    if let Some(actions) = Actions::here() {
        actions.converged(plan)?;
    }
    let mut out = terminal::out();
    if run.json {
        writeln!(out, "{}", json!({"outcome": "succeeded", "steps": []}))?;
        return Ok(Exit::Done);
    }
    let line = format!("Nothing to do: {} as they should be.", counted(plan.unchanged as u64, "resource"));
    writeln!(out, "{}", paint(GOOD, line))?;
    for note in &plan.notes {
        writeln!(out, "  {}", paint(FAINT, note))?;
    }
    Ok(Exit::Done)
}

/// Applies `approved` and prints what became of it.
///
/// # Errors
/// No step was begun: there is more to do than was approved, or the lease was not had.
pub async fn apply(bench: &Workbench, run: &Run, approved: Approved) -> Result<Exit> {
    let begun = Instant::now();
    let report = execute(bench, run, approved).await?;
    let mut out = terminal::out();
    if run.json {
        writeln!(out, "{}", as_json(&report))?;
    } else {
        print(&mut out, &report, begun)?;
    }
    if let Some(actions) = Actions::here() {
        actions.deployed(&run.target.env, &report, begun.elapsed())?;
    }
    Ok(match report.outcome {
        Outcome::Succeeded if begins_to_relay(&report) && has_eventstore(bench) => {
            catch_up(bench, run).await?
        }
        _ => exit(&report),
    })
}

/// How a command ends whose run ended so.
pub(super) fn exit(report: &Report) -> Exit {
    match report.outcome {
        Outcome::Succeeded => Exit::Done,
        Outcome::Interrupted => Exit::Interrupted,
        Outcome::Running | Outcome::Failed => Exit::Failed,
    }
}

/// Whether the run made the mapping that feeds the relay: what the journal's stream had forgotten before, it never sees.
fn begins_to_relay(report: &Report) -> bool {
    report.steps.iter().any(|step| {
        let made = matches!(step.step.action, Action::Create | Action::Replace);
        step.step.key.as_str() == blueprint::RELAY_MAPPING && made && matches!(step.result, StepResult::Done)
    })
}

/// Whether EventStoreDB can be there: on an emulator, only where somebody runs it in the task's place.
fn has_eventstore(bench: &Workbench) -> bool {
    let environment = &bench.session.environment;
    !environment.is_local() || environment.local_eventstore.is_some()
}

/// Replays the journal. EventStoreDB may need a moment to answer, after its task was found healthy.
async fn catch_up(bench: &Workbench, run: &Run) -> Result<Exit> {
    let spinner = Spinner::new("replaying the journal to EventStoreDB");
    let patience = ConstantBuilder::default().with_delay(Duration::from_secs(2)).with_max_times(10);
    let everything = ReadOptions::default();
    let replay = || replay::replay(&bench.session, &everything, |so_far| spinner.say(&so_far.line()));
    let replayed = run.until_stopped(replay.retry(patience)).await;
    drop(spinner);
    let replayed = replayed.context(
        "all is deployed, but the journal could not be replayed to EventStoreDB; `replay` does it when it is well",
    )?;
    if !run.json && replayed.missing > 0 {
        writeln!(terminal::out(), "Replayed the journal: {}.", replayed.line())?;
    }
    Ok(if replayed.rejected.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Applies `approved`, with progress on standard error.
///
/// # Errors
/// As [`apply`].
pub async fn execute(bench: &Workbench, run: &Run, approved: Approved) -> Result<Report> {
    let progress = Progress::new(approved.plan().steps.iter().map(|step| &step.key));
    let fold = Fold::here("Steps");
    fold.iter().for_each(|fold| say(&fold.begin));
    let report = execute_with(bench, run, approved, Arc::new(progress)).await;
    fold.iter().for_each(|fold| say(&fold.end));
    report
}

/// Applies `approved`; `reporter` is told of it.
///
/// # Errors
/// As [`apply`].
pub async fn execute_with(
    bench: &Workbench,
    run: &Run,
    approved: Approved,
    reporter: Arc<dyn Reporter>,
) -> Result<Report> {
    let engine_run = engine::Run {
        graph: &bench.graph,
        families: &bench.families,
        store: bench.deployments.as_ref(),
        reporter,
        stop: run.stop.clone(),
        caller: caller::this(),
        is_dead: &caller::is_dead,
        settings: Settings {
            lease: bench.session.environment.lease,
            concurrency: CONCURRENCY,
            ..Settings::default()
        },
    };
    Ok(engine::deploy(&engine_run, approved).await?)
}

/// Prints what became of a run that began then.
pub(super) fn print(out: &mut impl Write, report: &Report, begun: Instant) -> Result<()> {
    if report.steps.is_empty() {
        writeln!(out, "{}", paint(GOOD, "Nothing to do: all of it was done before."))?;
        return Ok(());
    }
    let done = report.steps.iter().filter(|step| matches!(step.result, StepResult::Done)).count() as u64;
    let (word, style) = match report.outcome {
        Outcome::Succeeded => ("Done", GOOD),
        Outcome::Interrupted => ("Interrupted", WARNING),
        Outcome::Running | Outcome::Failed => ("Failed", BAD),
    };
    let total = counted(report.steps.len() as u64, "step");
    let line = format!("{done} of {total} in {}", duration(begun.elapsed()));
    writeln!(out, "\n{}: {line}", paint(style, word))?;
    for (step, error) in report.failures() {
        writeln!(out, "  {} {}", paint(STRONG, format!("{}:", step.key)), chain(error))?;
    }
    if let Some(lost) = &report.lost {
        writeln!(out, "  {}", paint(BAD, lost))?;
    }
    if report.outcome != Outcome::Succeeded {
        writeln!(out, "Run the same command again: it goes on where this run stopped.")?;
    }
    Ok(())
}

/// An error and what lies beneath it, a line each.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\n    because: {error}"));
        cause = error.source();
    }
    text
}

/// The same for machines.
pub(super) fn as_json(report: &Report) -> serde_json::Value {
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|step| {
            let (result, why) = match &step.result {
                StepResult::Done => ("done", None),
                StepResult::Failed(error) => ("failed", Some(chain(error))),
                StepResult::Skipped(reason) => ("skipped", Some(reason.to_string())),
            };
            json!({
                "key": step.step.key, "kind": step.step.kind, "action": step.step.action,
                "result": result, "why": why, "millis": step.took.as_millis() as u64,
            })
        })
        .collect();
    json!({"outcome": report.outcome, "steps": steps, "lost": report.lost.as_ref().map(ToString::to_string)})
}
