//! Lease and history where there is no table for them: in this process.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use resource::{Deployment, DeploymentStore, Lease, Result, Swap};

/// Lease and history in memory, for a graph that has no `deployments` table.
///
/// # Guarantees
/// The lease holds among the runs that share this value. Of another process's runs it knows nothing, and with the process
/// the history ends.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lease: Option<Lease>,
    history: BTreeMap<String, Deployment>,
}

impl InMemory {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and a state is never half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeploymentStore for InMemory {
    fn lease(&self) -> BoxFuture<'_, Result<Option<Lease>>> {
        ready(Ok(self.state().lease.clone())).boxed()
    }

    fn swap_lease<'a>(
        &'a self,
        expected: Option<&'a Lease>,
        new: Option<&'a Lease>,
    ) -> BoxFuture<'a, Result<Swap>> {
        let row = |lease: Option<&Lease>| lease.map(|lease| (lease.owner.clone(), lease.heartbeat));
        let mut state = self.state();
        let swap = if row(state.lease.as_ref()) == row(expected) {
            state.lease = new.cloned();
            Swap::Done
        } else {
            Swap::Lost(state.lease.clone())
        };
        ready(Ok(swap)).boxed()
    }

    fn record<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<()>> {
        self.state().history.insert(deployment.id.clone(), deployment.clone());
        ready(Ok(())).boxed()
    }

    fn history(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Deployment>>> {
        let mut runs: Vec<_> = self.state().history.values().cloned().collect();
        runs.sort_by_key(|run| Reverse(run.started_at_millis));
        runs.truncate(limit);
        ready(Ok(runs)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(owner: &str, heartbeat: u64) -> Lease {
        Lease {
            owner: owner.into(),
            holder: "ann@host".into(),
            host: "host".into(),
            process: 1,
            command: "deploy".into(),
            commit: None,
            taken_at_millis: 0,
            expires_at_millis: 0,
            heartbeat,
        }
    }

    #[tokio::test]
    async fn a_lease_is_swapped_by_owner_and_heartbeat() {
        let store = InMemory::default();
        let (mine, renewed, theirs) = (lease("me", 0), lease("me", 1), lease("them", 0));
        assert_eq!(store.swap_lease(None, Some(&mine)).await.unwrap(), Swap::Done);
        assert_eq!(store.swap_lease(None, Some(&theirs)).await.unwrap(), Swap::Lost(Some(mine.clone())));
        assert_eq!(store.swap_lease(Some(&mine), Some(&renewed)).await.unwrap(), Swap::Done);
        assert_eq!(store.swap_lease(Some(&mine), None).await.unwrap(), Swap::Lost(Some(renewed.clone())));
        assert_eq!(store.swap_lease(Some(&renewed), None).await.unwrap(), Swap::Done);
        assert_eq!(store.lease().await.unwrap(), None);
    }
}
