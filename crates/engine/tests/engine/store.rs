//! Lease and history in the in-memory cloud's `deployments` table.

use futures::{FutureExt, future::BoxFuture};
use resource::{Class, Deployment, DeploymentStore, Lease, Result, Swap};

use crate::{
    cloud::{Cloud, Refused, World},
    families::DEPLOYMENTS,
};

pub(crate) struct Store(pub(crate) Cloud);

/// There is nothing to write to where the table is not there or not yet usable.
fn table(world: &World) -> std::result::Result<(), Refused> {
    if world.out_of_reach {
        return Err((Class::RetryLater, "no answer".to_owned()));
    }
    let usable = world.all().any(|(_, thing)| thing.name.as_deref() == Some(DEPLOYMENTS) && thing.busy == 0);
    if usable { Ok(()) } else { Err((Class::NotFound, "no such table".to_owned())) }
}

/// Where there is no table, nothing is there to be read.
fn rows<T>(world: &World, rows: T) -> std::result::Result<Option<T>, Refused> {
    match table(world) {
        Err((Class::NotFound, _)) => Ok(None),
        found => found.map(|()| Some(rows)),
    }
}

impl DeploymentStore for Store {
    fn lease(&self) -> BoxFuture<'_, Result<Option<Lease>>> {
        let read = |world: &mut World| rows(world, world.lease.clone()).map(Option::flatten);
        self.0.call("GetLease", DEPLOYMENTS, false, read).boxed()
    }

    fn swap_lease<'a>(
        &'a self,
        expected: Option<&'a Lease>,
        new: Option<&'a Lease>,
    ) -> BoxFuture<'a, Result<Swap>> {
        let swap = move |world: &mut World| {
            table(world)?;
            let row = |lease: Option<&Lease>| lease.map(|lease| (lease.owner.clone(), lease.heartbeat));
            if row(world.lease.as_ref()) != row(expected) {
                return Ok(Swap::Lost(world.lease.clone()));
            }
            world.lease = new.cloned();
            Ok(Swap::Done)
        };
        self.0.call("SwapLease", DEPLOYMENTS, true, swap).boxed()
    }

    fn record<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<()>> {
        let write = move |world: &mut World| {
            table(world)?;
            world.history.insert(deployment.id.clone(), deployment.clone());
            Ok(())
        };
        self.0.call("Record", DEPLOYMENTS, true, write).boxed()
    }

    fn history(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Deployment>>> {
        let read = move |world: &mut World| {
            let mut runs: Vec<_> =
                rows(world, world.history.values().cloned())?.into_iter().flatten().collect();
            runs.sort_by_key(|run| std::cmp::Reverse(run.started_at_millis));
            runs.truncate(limit);
            Ok(runs)
        };
        self.0.call("Query", DEPLOYMENTS, false, read).boxed()
    }
}
