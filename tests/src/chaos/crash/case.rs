//! One harmed run, the run that mends what it left, and what must hold then.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use engine::{Mode, Report, StepReport};
use headwater::caller;
use localstack::proxy::{Fault, Request, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use super::{history::Past, track::Leg};
use crate::{
    Ended,
    chaos::{
        inventory::{Inventory, inventory},
        lab::{Contents, Lab},
    },
};

/// How long a run may take. None waits for a lease, or for what a dead one left.
const RUN_WITHIN: Duration = Duration::from_secs(120);

/// How a run is harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    /// SIGKILL, after the call took effect and before its answer came.
    Killed,
    /// SIGTERM, then.
    Terminated,
    /// The connection is reset after a call that changes something took effect. The run lives, and asks again.
    ReplyLost,
}

impl Harm {
    pub(super) const ALL: [Self; 3] = [Self::Killed, Self::Terminated, Self::ReplyLost];
}

/// Which of its calls a run is harmed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The one of that number, from 0.
    Call(usize),
    /// The same, as the last before those that change something.
    BeforeChanges(usize),
    /// The one of that number among those that change something, from 0.
    Change(usize),
}

impl Place {
    /// The one so many after it.
    pub(super) fn after(self, more: usize) -> Self {
        match self {
            Self::Call(number) => Self::Call(number + more),
            Self::BeforeChanges(_) => Self::Change(more - 1),
            Self::Change(number) => Self::Change(number + more),
        }
    }

    /// Whether a call is it. `changes` counts those that change something.
    fn is(self, request: &Request, changes: &AtomicUsize) -> bool {
        match self {
            Self::Call(number) | Self::BeforeChanges(number) => request.number == number,
            Self::Change(_) if request.is_read() => false,
            Self::Change(number) => changes.fetch_add(1, Ordering::Relaxed) == number,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(number) | Self::Change(number) => write!(f, "k = {number}"),
            Self::BeforeChanges(_) => f.write_str("before the first change"),
        }
    }
}

/// What a harmed run met.
pub(super) enum Met {
    /// It ended before the call that was to be met.
    Nothing,
    /// The call, before anything was changed: all is as it was before.
    Early,
    /// The call, and what it left was mended.
    Mended {
        /// How many resources were there twice.
        duplicates: usize,
    },
}

/// One harmed run.
pub(super) struct Case<'a> {
    pub(super) lab: &'a Lab,
    pub(super) leg: &'static Leg,
    pub(super) harm: Harm,
    /// At which call.
    pub(super) place: Place,
    /// What is there before it.
    pub(super) before: &'a Inventory,
    /// What is there after an undisturbed run.
    pub(super) undisturbed: &'a Inventory,
    /// What must be there before and after; none where the command makes or deletes it.
    pub(super) contents: Option<&'a Contents>,
}

impl Case<'_> {
    /// Harms, mends, and looks.
    ///
    /// # Errors
    /// Something did not hold.
    pub(super) async fn run(&self) -> Result<Met> {
        let past = Past::of(self.lab).await?;
        let (ended, met) = self.harm().await?;
        let Some(met) = met else {
            ended.expect(0)?;
            return Ok(Met::Nothing);
        };
        let at = format!("{}:{} {}", met.service, met.action, met.resource);
        self.look(&ended, &past).await.context(at)
    }

    /// Runs the command, which meets its harm.
    async fn harm(&self) -> Result<(Ended, Option<Request>)> {
        let Self { lab, harm, place, .. } = *self;
        let (process, met) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(None)));
        let (target, meets) = (Arc::clone(&process), Arc::clone(&met));
        let changes = AtomicUsize::new(0);
        lab.proxy.clear();
        lab.proxy.set_faults(move |request| {
            if !place.is(request, &changes) {
                return Verdict::default();
            }
            *meets.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.clone());
            let signal = match harm {
                Harm::Killed => Signal::KILL,
                Harm::Terminated => Signal::TERM,
                Harm::ReplyLost => return Verdict { fault: Some(Fault::ResetAfter), then: None },
            };
            let target = Arc::clone(&target);
            let then = move || {
                // One that has ended by itself meanwhile needs no signal.
                let _ = kill_process(*target.wait(), signal);
            };
            Verdict { fault: (harm == Harm::Killed).then_some(Fault::ResetAfter), then: Some(Arc::new(then)) }
        });
        let started = lab.local.spawn_headwater(self.leg.arguments).await?;
        let id = Pid::from_raw(started.id()?.try_into()?).context("no process")?;
        // Set once, here.
        let _ = process.set(id);
        let ended = in_time(started.end()).await.context("the harmed run")?;
        lab.proxy.calm();
        lab.proxy.idle().await;
        let met = met.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok((ended, met))
    }

    /// Mends, and looks before and after it.
    async fn look(&self, ended: &Ended, past: &Past) -> Result<Met> {
        let Self { lab, leg: Leg { mode, .. }, .. } = *self;
        self.expect_end(ended)?;
        if lab.changing_calls().is_empty() {
            // So little does a call change that reads, as what it counts as a change is told by its name.
            self.expect_inventory(self.before).await.context("nothing but reads")?;
            return Ok(Met::Early);
        }
        let harmed =
            past.expect_harmed(lab, self.harm, ended).await.context("the history before the second run")?;
        self.expect_free_lease().await?;
        let left = lab.contents().await?;

        let second = in_time(lab.apply(*mode)).await.context("the second run")?;
        lab.expect_converged(*mode).await.context("the third run")?;

        self.expect_inventory(self.undisturbed).await.context("not as after an undisturbed run")?;
        // One that had nothing to do took no lease, and left that of the dead.
        self.expect_free_lease().await?;
        match self.contents {
            Some(before) => lab.contents().await?.expect_as(before)?,
            // The table goes with all that is stateful, and the history with it.
            None if *mode != Mode::Deploy => return Ok(mended(&second)),
            None => lab.contents().await?.expect_kept(&left)?,
        }
        past.expect_mended(lab, harmed.as_ref(), &second)
            .await
            .context("the history after the second run")?;
        Ok(mended(&second))
    }

    async fn expect_inventory(&self, expected: &Inventory) -> Result<()> {
        let differs = inventory(&self.lab.beside).await?.since(expected);
        ensure!(differs.is_empty(), "what is there differs:\n{}", differs.join("\n"));
        Ok(())
    }

    fn expect_end(&self, ended: &Ended) -> Result<()> {
        let expected: &[Option<i32>] = match self.harm {
            Harm::Killed => &[None],
            // It may come when nothing is left to be stopped.
            Harm::Terminated => &[Some(130), Some(0)],
            Harm::ReplyLost => &[Some(0)],
        };
        ensure!(expected.contains(&ended.code), "the harmed run ended with {:?}:\n{ended}", ended.code);
        Ok(())
    }

    /// A run that was killed leaves its lease, and nobody has to wait for it.
    async fn expect_free_lease(&self) -> Result<()> {
        match self.lab.lease().await? {
            Some(lease) if self.harm == Harm::Killed => {
                ensure!(caller::is_dead(&lease), "the next run would wait for the lease: {lease:?}");
            }
            Some(lease) => anyhow::bail!("a run left its lease: {lease:?}"),
            None => {}
        }
        Ok(())
    }
}

fn mended(second: &Report) -> Met {
    Met::Mended { duplicates: second.steps.iter().filter(|step| is_of_duplicate(step)).count() }
}

/// Whether the step deletes what was there twice.
pub(super) fn is_of_duplicate(step: &StepReport) -> bool {
    step.step.reason.as_ref().is_some_and(|reason| reason.starts_with("duplicate of"))
}

async fn in_time<T>(run: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(RUN_WITHIN, run).await.context("it does not end")?
}
