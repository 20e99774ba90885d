//! The lease: one run at a time changes an environment.
//!
//! The lease is one row in the `deployments` table, changed by compare-and-swap alone. Who holds it says until when, and
//! renews it every third of that time. Nobody takes it from a run that may still hold it:
//!
//! - The owner counts its time from *before* the call that took or renewed the lease, on the monotonic clock, and begins
//!   no step after it; nor after the wall-clock time in the row, because the monotonic clock stands still while a
//!   machine is suspended.
//! - Others take an expired lease only [`Settings::skew`] after the time in the row, which holds as long as the two
//!   hosts' clocks are no further apart than that; or at once where its process is known to be dead.

mod error;

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use resource::{Class, DeploymentStore, Lease, Swap};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::settings::{Settings, millis};
pub use error::{LeaseError, Loss};

/// How often taking or releasing a lease is tried while its store answers with errors.
const ATTEMPTS: usize = 3;

/// Who runs, for the lease and the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// For people: `user@host`.
    pub holder: String,
    /// The host's name and boot, so that a dead process of it can be told.
    pub host: String,
    /// The process there.
    pub process: u32,
    /// The commit that it runs from, where that is known.
    pub commit: Option<String>,
}

/// A lease that this run has taken.
pub(crate) struct Held<'a> {
    store: &'a dyn DeploymentStore,
    settings: &'a Settings,
    state: Mutex<State>,
    /// Cancelled when the lease is lost.
    lost: CancellationToken,
}

struct State {
    /// The row, as it was last known.
    row: Lease,
    /// When the owner's right ends, on the monotonic clock.
    deadline: Instant,
    loss: Option<Loss>,
}

/// Takes the lease.
///
/// # Guarantees
/// Of two runs that try at once, one has it. A lost reply is resolved by reading the row.
///
/// # Errors
/// [`LeaseError::Held`] where another run has it; [`LeaseError::NoTable`] where the store finds no table, and
/// [`LeaseError::Unavailable`] where it does not answer, in three attempts.
pub(crate) async fn take<'a>(
    store: &'a dyn DeploymentStore,
    settings: &'a Settings,
    caller: &Caller,
    command: &str,
    is_dead: &(dyn Fn(&Lease) -> bool + Sync),
) -> Result<Held<'a>, LeaseError> {
    let run = Uuid::new_v4().to_string();
    let mut failed = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(settings.reply / 10).await;
        }
        let row = match answer(settings, store.lease()).await {
            Ok(row) => row,
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        let begun = Instant::now();
        let now = settings.clock.now_millis();
        match row {
            // A swap of ours took effect, and its reply was lost.
            Some(row) if row.owner == run => {
                let left = Duration::from_millis(row.expires_at_millis.saturating_sub(now));
                return Ok(Held::new(store, settings, row, begun + left));
            }
            Some(row) if !may_be_taken(&row, settings, is_dead) => {
                return Err(LeaseError::Held(Box::new(row)));
            }
            before => {
                let lease = new_lease(&run, caller, command, now, settings);
                match answer(settings, store.swap_lease(before.as_ref(), Some(&lease))).await {
                    Ok(Swap::Done) => return Ok(Held::new(store, settings, lease, begun + settings.lease)),
                    Ok(Swap::Lost(Some(other))) if other.owner != run => {
                        return Err(LeaseError::Held(Box::new(other)));
                    }
                    Ok(Swap::Lost(_)) => {}
                    Err(error) => failed = Some(error),
                }
            }
        }
    }
    match failed {
        Some(error) if error.class == Class::NotFound => Err(LeaseError::NoTable),
        failed => Err(LeaseError::Unavailable(failed.unwrap_or_else(|| {
            let source = "the lease's row changed with every attempt to take it";
            resource::Error::new("headwater:TakeLease", "deployments", Class::Conflict, source)
        }))),
    }
}

/// The lease that another run has now, where the store says so.
pub(crate) async fn held(
    store: &dyn DeploymentStore,
    settings: &Settings,
    is_dead: &(dyn Fn(&Lease) -> bool + Sync),
) -> Option<Lease> {
    let row = answer(settings, store.lease()).await.ok()?;
    row.filter(|row| !may_be_taken(row, settings, is_dead))
}

fn may_be_taken(row: &Lease, settings: &Settings, is_dead: &(dyn Fn(&Lease) -> bool + Sync)) -> bool {
    let over = row.expires_at_millis.saturating_add(millis(settings.skew));
    settings.clock.now_millis() > over || is_dead(row)
}

fn new_lease(run: &str, caller: &Caller, command: &str, now: u64, settings: &Settings) -> Lease {
    Lease {
        owner: run.to_owned(),
        holder: caller.holder.clone(),
        host: caller.host.clone(),
        process: caller.process,
        command: command.to_owned(),
        commit: caller.commit.clone(),
        taken_at_millis: now,
        expires_at_millis: now.saturating_add(millis(settings.lease)),
        heartbeat: 0,
    }
}

impl<'a> Held<'a> {
    fn new(store: &'a dyn DeploymentStore, settings: &'a Settings, row: Lease, deadline: Instant) -> Self {
        let state = Mutex::new(State { row, deadline, loss: None });
        Self { store, settings, state, lost: CancellationToken::new() }
    }

    /// The run that holds it.
    pub(crate) fn run(&self) -> String {
        self.state().row.owner.clone()
    }

    /// Why it is lost, if it is. Asked before each step, without a call.
    pub(crate) fn loss(&self) -> Option<Loss> {
        let mut state = self.state();
        let over = Instant::now() >= state.deadline
            || self.settings.clock.now_millis() >= state.row.expires_at_millis;
        if over && state.loss.is_none() {
            state.loss = Some(Loss::Expired);
            self.lost.cancel();
        }
        state.loss.clone()
    }

    /// Returns when it is lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Does `work` while the lease is renewed beside it. Once it is lost it is renewed no more; `work` goes on, to
    /// its own end.
    pub(crate) async fn renewed_during<T>(&self, work: impl Future<Output = T>) -> T {
        let renewing = async {
            self.renew_until_lost().await;
            std::future::pending().await
        };
        tokio::select! { biased; result = work => result, never = renewing => never }
    }

    /// Deletes the row if it is still ours. Where the store does not answer it ends by itself.
    pub(crate) async fn release(self) -> resource::Result<()> {
        let run = self.run();
        let mut failed = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sleep(self.settings.reply / 10).await;
            }
            let released = async {
                match answer(self.settings, self.store.lease()).await? {
                    Some(row) if row.owner == run => {
                        let swap = answer(self.settings, self.store.swap_lease(Some(&row), None)).await?;
                        Ok(swap == Swap::Done)
                    }
                    _ => Ok(true),
                }
            };
            match released.await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn renew_until_lost(&self) {
        let mut pause = self.settings.lease / 3;
        loop {
            let deadline = self.state().deadline;
            tokio::select! {
                biased;
                () = sleep_until(deadline) => {}
                renewed = async { sleep(pause).await; self.renew().await } => match renewed {
                    Ok(()) => pause = self.settings.lease / 3,
                    Err(error) => {
                        tracing::warn!(%error, "the lease was not renewed; trying again");
                        pause = self.settings.lease / 20;
                    }
                },
            }
            if self.loss().is_some() {
                return;
            }
        }
    }

    /// One attempt to renew.
    async fn renew(&self) -> resource::Result<()> {
        let begun = Instant::now();
        let row = self.state().row.clone();
        let now = self.settings.clock.now_millis();
        let expires_at_millis = now.saturating_add(millis(self.settings.lease));
        let next = Lease { heartbeat: row.heartbeat + 1, expires_at_millis, ..row.clone() };
        let found = match answer(self.settings, self.store.swap_lease(Some(&row), Some(&next))).await {
            Ok(Swap::Done) => Some(next.clone()),
            Ok(Swap::Lost(found)) => found,
            Err(error) => {
                tracing::debug!(%error, "the reply to a renewal was lost; reading the row");
                answer(self.settings, self.store.lease()).await?
            }
        };
        let mut state = self.state();
        match found {
            Some(found) if found == next => {
                state.row = found;
                state.deadline = begun + self.settings.lease;
            }
            // Ours, from before or from an earlier attempt that came late: the next attempt begins from it.
            Some(found) if found.owner == row.owner => {
                state.row = found;
                let source = "the row is still as it was";
                return Err(resource::Error::new(
                    "headwater:RenewLease",
                    "deployments",
                    Class::RetryLater,
                    source,
                ));
            }
            other => {
                state.loss = Some(other.map_or(Loss::Gone, |other| Loss::Taken(Box::new(other))));
                self.lost.cancel();
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and a state is never half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to a call, which must come in time.
pub(crate) async fn answer<T>(
    settings: &Settings,
    call: impl Future<Output = resource::Result<T>>,
) -> resource::Result<T> {
    timeout(settings.reply, call).await.unwrap_or_else(|_| {
        let source = format!("no answer within {} s", settings.reply.as_secs_f32());
        Err(resource::Error::new("headwater:AskDeployments", "deployments", Class::RetryLater, source))
    })
}
