//! An owner of the lease that is suspended in the middle of its work: when the lease's time is over another run takes it, and
//! when the owner wakes it changes nothing more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use engine::{Approved, Clock, Mode};
use futures::{StreamExt, stream};
use headwater::{caller, packages::Packages, progress::Silent, session::Session, workbench::Workbench};
use localstack::proxy::{Fault, Request, Verdict};
use resource::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    Row, Settings, Size,
    inventory::inventory,
    lab::{ALL_RUNS, Lab},
};
use crate::{Ended, Started, until};

/// The shortest lease that there is.
const KNOBS: &str = "[environments.local]\nlease_seconds = 15\n";
/// How many owners are suspended at once: they do little but wait.
const AT_ONCE: usize = 3;
/// About how many calls of a first deploy change something under the lease.
const CHANGES: usize = 90;
/// How long calls hang: longer than it takes to see that no more of them come, shorter than the lease.
const HANGS: Duration = Duration::from_secs(5);
/// For how many looks no call must have come.
const QUIET: usize = 40;
const WAKES_WITHIN: Duration = Duration::from_secs(60);

/// Suspends owners, each at another call.
///
/// # Errors
/// None: what does not hold is in the row.
pub async fn run(settings: &Settings<'_>) -> Result<Vec<Row>> {
    let begun = Instant::now();
    let count = match settings.size {
        Size::Smoke | Size::Changes => AT_ONCE,
        Size::Full => 8 * AT_ONCE,
    };
    let part = CHANGES / count;
    let chance = usize::try_from(settings.seed % part as u64)?;
    let suspended = stream::iter((0..count).map(|place| place * part + chance)).map(|change| async move {
        let held = suspend(change).await;
        (settings.progress)(&format!("deploy, suspended at change {change} until its lease was taken"));
        held.err().map(|error| format!("deploy, suspended at change {change}: {error:#}"))
    });
    let failures: Vec<_> = suspended.buffered(AT_ONCE).collect().await;
    Ok(vec![Row {
        what: "deploy, suspended at change k until its lease is taken".to_owned(),
        times: format!("{count} of about {CHANGES} changes"),
        found: String::new(),
        failures: failures.into_iter().flatten().collect(),
        took: begun.elapsed(),
    }])
}

/// Suspends an owner at that change, lets another run take its lease and do its work, and wakes it.
async fn suspend(change: usize) -> Result<()> {
    let lab = Lab::start(KNOBS).await?;
    let (owner, process) = stopped_at(&lab, change).await?;
    let lease = lab.lease().await?.context("the owner has no lease")?;
    until("the end of the lease", || async {
        Ok((Clock::default().now_millis() > lease.expires_at_millis).then_some(()))
    })
    .await?;
    take_over(&lab).await.context("the run that takes the lease")?;
    let (made, contents) = (inventory(&lab.beside).await?, lab.contents().await?);

    lab.proxy.clear();
    kill_process(process, Signal::CONT)?;
    let ended = timeout(WAKES_WITHIN, owner.end()).await.context("the owner does not end")??;
    lab.proxy.idle().await;
    expect_no_change(&lab, &ended)?;
    let differs = inventory(&lab.beside).await?.since(&made);
    ensure!(differs.is_empty(), "the owner changed what the other run had made:\n{}", differs.join("\n"));
    lab.contents().await?.expect_as(&contents)?;
    ensure!(lab.lease().await?.is_none(), "somebody holds the lease");
    let outcomes: Vec<_> = lab.history(ALL_RUNS).await?.into_iter().map(|run| run.outcome).collect();
    ensure!(outcomes == [Outcome::Succeeded, Outcome::Failed], "the history tells of {outcomes:?}");
    lab.expect_converged(Mode::Deploy).await
}

/// A deploy that was stopped at that change under its lease. The network hangs from that change on, so that no call is half
/// made within the process: one that was sent is a call of before, whenever it arrives.
async fn stopped_at(lab: &Lab, change: usize) -> Result<(Started, Pid)> {
    let table = lab.local.name("deployments");
    let (has_lease, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let hangs = Arc::new(AtomicBool::new(false));
    let comes = Arc::clone(&hangs);
    lab.proxy.set_faults(move |request: &Request| {
        let is_of_table = request.resource == table;
        if has_lease.load(Ordering::Relaxed) && !request.is_read() && !is_of_table {
            let is_it = changes.fetch_add(1, Ordering::Relaxed) == change;
            comes.fetch_or(is_it, Ordering::Relaxed);
        }
        has_lease.fetch_or(is_of_table && request.action == "PutItem", Ordering::Relaxed);
        Verdict { fault: comes.load(Ordering::Relaxed).then_some(Fault::Late(HANGS)), then: None }
    });
    let owner = lab.local.spawn_headwater(&["deploy", "--yes"]).await?;
    let process = Pid::from_raw(owner.id()?.try_into()?).context("no process")?;
    let (calls, quiet) = (AtomicUsize::new(0), AtomicUsize::new(0));
    until("the owner to wait for nothing but answers", || async {
        let now = lab.proxy.calls().len();
        let is_quiet = hangs.load(Ordering::Relaxed) && calls.swap(now, Ordering::Relaxed) == now;
        let looks =
            if is_quiet { quiet.fetch_add(1, Ordering::Relaxed) } else { quiet.swap(0, Ordering::Relaxed) };
        Ok((is_quiet && looks > QUIET).then_some(()))
    })
    .await?;
    kill_process(process, Signal::STOP)?;
    lab.proxy.idle().await;
    lab.proxy.calm();
    Ok((owner, process))
}

/// Deploys past the proxy, as another host would whose clock is known to be right.
async fn take_over(lab: &Lab) -> Result<()> {
    let session = Session { sdk: lab.beside.clone(), ..lab.local.bench.session.clone() };
    let packages = Packages::load(lab.local.target.packages.as_deref())?;
    let lease = session.environment.lease;
    let bench = Workbench::of(session, &packages).await?;
    let run = engine::Run {
        graph: &bench.graph,
        families: &bench.families,
        store: bench.deployments.as_ref(),
        reporter: Arc::new(Silent),
        stop: CancellationToken::new(),
        caller: caller::this(),
        is_dead: &|_| false,
        settings: engine::Settings { lease, skew: Duration::ZERO, ..engine::Settings::default() },
    };
    let approved = Approved::Proposed(bench.propose(Mode::Deploy).await?);
    let report = engine::deploy(&run, approved).await?;
    ensure!(report.outcome == Outcome::Succeeded, "it ended as {:?}", report.outcome);
    Ok(())
}

/// What an owner may still write is how it ended.
fn expect_no_change(lab: &Lab, ended: &Ended) -> Result<()> {
    let table = lab.local.name("deployments");
    let record = format!("dynamodb:PutItem {table}");
    let changing: Vec<_> = lab.changing_calls().into_iter().filter(|call| *call != record).collect();
    ensure!(changing.is_empty(), "the owner woke and went on with {}", changing.join(", "));
    ensure!(ended.code == Some(1), "the owner ended with {:?}:\n{}", ended.code, ended.stderr);
    ensure!(
        ended.stdout.contains("this environment's lease"),
        "the owner does not say why:\n{}",
        ended.stdout
    );
    Ok(())
}
