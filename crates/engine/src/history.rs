//! The history of a run, written while it runs without any step waiting for it.

use resource::{Deployment, DeploymentStore, Outcome, StepRecord};
use tokio::{sync::watch, time::sleep};

use crate::{lease::answer, settings::Settings};

/// How often the last state is written while the store answers with errors.
const ATTEMPTS: usize = 3;

/// What a run has done so far. Dropping it ends the writing.
pub(crate) struct History(watch::Sender<Deployment>);

/// Writes what a [`History`] has: each state that there is when the write before it is done, so that many steps that
/// end at once cost one write.
pub(crate) struct Writer(watch::Receiver<Deployment>);

impl History {
    /// A history that begins with `deployment`, which is written, and what writes the rest.
    pub(crate) fn begin(deployment: Deployment) -> (Self, Writer) {
        let (sender, receiver) = watch::channel(deployment);
        (Self(sender), Writer(receiver))
    }

    /// Adds a step that ended.
    pub(crate) fn add(&self, step: StepRecord) {
        self.0.send_modify(|deployment| deployment.steps.push(step));
    }

    /// Ends the writing.
    pub(crate) fn end(self) -> Deployment {
        self.0.borrow().clone()
    }
}

impl Writer {
    /// Writes until the history ends; its last state is left to [`conclude`].
    pub(crate) async fn write(mut self, store: &dyn DeploymentStore, settings: &Settings) {
        loop {
            let mut watched = self.0.clone();
            let ended = async { while watched.changed().await.is_ok() {} };
            tokio::select! { () = sleep(settings.history) => {}, () = ended => return }
            if self.0.changed().await.is_err() {
                return;
            }
            let deployment = self.0.borrow_and_update().clone();
            announce(store, settings, &deployment).await;
        }
    }
}

/// Writes how far a run is. Where that fails, a later write has it.
pub(crate) async fn announce(store: &dyn DeploymentStore, settings: &Settings, deployment: &Deployment) {
    if let Err(error) = answer(settings, store.record(deployment)).await {
        tracing::warn!(%error, "the history was not written; the next write has it");
    }
}

/// Writes how a run ended.
///
/// # Errors
/// The store's, where it does not answer in three attempts.
pub(crate) async fn conclude(
    store: &dyn DeploymentStore,
    settings: &Settings,
    deployment: Deployment,
    outcome: Outcome,
) -> resource::Result<()> {
    let ended = Deployment { outcome, ended_at_millis: Some(settings.clock.now_millis()), ..deployment };
    let mut result = answer(settings, store.record(&ended)).await;
    for _ in 1..ATTEMPTS {
        if result.is_ok() {
            break;
        }
        sleep(settings.reply / 10).await;
        result = answer(settings, store.record(&ended)).await;
    }
    result
}
