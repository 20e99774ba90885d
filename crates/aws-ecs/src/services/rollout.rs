//! Following one deployment to its end. That ECS took a change says nothing of whether its tasks run.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_env::wait_until;
use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service};
use resource::{Class, Error, Progress, Result};

use super::{Place, Services, observe};
use crate::races::ROLLOUT;

/// The deployment that is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following<'a> {
    pub(super) place: Place<'a>,
    /// Its id: `ecs-svc/…`.
    pub(super) id: &'a str,
    /// How many tasks it shall have.
    pub(super) count: i32,
}

/// How far a deployment has come.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// It is not there: not yet, or no longer.
    Absent,
    /// Its tasks start; the text tells how many, and what ECS said last.
    Underway(String),
    /// All its tasks run, and ECS calls it done.
    Done,
    /// It failed, or another one took its place.
    Failed(String),
}

impl Services {
    /// The service, once the deployment is COMPLETED.
    ///
    /// # Errors
    /// [`Class::Fatal`] where it failed or another one took its place, [`Class::RetryLater`] where it takes too long; either
    /// with what became of its tasks.
    pub(super) async fn follow(&self, following: Following<'_>, progress: &Progress) -> Result<Service> {
        let Following { place, id, .. } = following;
        let seen = AtomicBool::new(false);
        let poll = || async {
            let service = self.one(place).await?.filter(observe::is_active);
            let stage = service.as_ref().map_or(Stage::Absent, |service| stage(service, following));
            let failed =
                |text: String| Err(Error::new(observe::DESCRIBE, place.resource, Class::Fatal, text));
            match stage {
                Stage::Done => return Ok(service),
                Stage::Failed(reason) => return failed(format!("the deployment {id} {reason}")),
                Stage::Absent if seen.load(Ordering::Relaxed) => {
                    return failed(format!("the deployment {id} is gone before it was done"));
                }
                // ECS may not show it yet.
                Stage::Absent => progress.note("waits for the deployment to begin"),
                Stage::Underway(text) => {
                    seen.store(true, Ordering::Relaxed);
                    progress.note(format!("waits for the deployment: {text}"));
                }
            }
            Ok(None)
        };
        let waits_for = format!("the deployment {id} to be COMPLETED");
        // What it waits for in particular is told by the poll.
        let silent = Progress::silent();
        let done = wait_until(&ROLLOUT, &silent, observe::DESCRIBE, place.resource, &waits_for, poll).await;
        match done {
            Ok(service) => Ok(service),
            Err(error) => Err(self.explain(following, error).await),
        }
    }
}

fn stage(service: &Service, following: Following<'_>) -> Stage {
    let Some(deployment) = service.deployments().iter().find(|one| one.id() == Some(following.id)) else {
        return Stage::Absent;
    };
    let reason = deployment.rollout_state_reason().unwrap_or_default();
    let because = |what: &str| match reason {
        "" => what.to_owned(),
        reason => format!("{what}: {reason}"),
    };
    match deployment.rollout_state() {
        Some(DeploymentRolloutState::Failed) => Stage::Failed(because("failed")),
        _ if deployment.status() != Some("PRIMARY") => {
            Stage::Failed(because("was rolled back, or another one took its place"))
        }
        Some(DeploymentRolloutState::Completed) if deployment.running_count() >= following.count => {
            Stage::Done
        }
        _ => Stage::Underway(counts(service, deployment)),
    }
}

fn counts(service: &Service, deployment: &Deployment) -> String {
    let (running, pending) = (deployment.running_count(), deployment.pending_count());
    let counts = format!("{running} running, {pending} pending, {} failed", deployment.failed_tasks());
    // ECS gives the newest event first.
    match service.events().first().and_then(|event| event.message()) {
        Some(message) => format!("{counts}; {message}"),
        None => counts,
    }
}
