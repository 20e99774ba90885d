//! Deleting a service: its tasks are stopped before it is, so that nothing of it runs when it is gone.

use aws_env::{At, retry_while, wait_until};
use futures::future::try_join;
use resource::{Class, Observed, Progress, Result};

use super::{Place, Services, observe};
use crate::{
    ServiceSpec, listing,
    races::{DRAIN, gone},
};

const DELETE: &str = "ecs:DeleteService";

impl Services {
    pub(super) async fn delete_and_wait(
        &self,
        observed: &Observed<ServiceSpec>,
        progress: &Progress,
    ) -> Result<()> {
        let name = listing::name_in(&observed.id);
        let place = Place { resource: &observed.id, cluster: &observed.spec.cluster_arn, name };
        if let Some(service) = self.one(place).await?.filter(observe::is_active) {
            self.stop(place, service.desired_count(), progress).await?;
            let delete = || async {
                let call = self.client.delete_service().cluster(place.cluster).service(name).force(true);
                gone(call.send().await.at(DELETE, place.resource))
            };
            let conflicts = |error: &resource::Error| error.class == Class::Conflict;
            retry_while(&DRAIN, progress, "ECS to delete the service", conflicts, delete).await?;
        }
        let is_gone = || async {
            let there = self.one(place).await?.is_some_and(|one| one.status() != Some("INACTIVE"));
            Ok((!there).then_some(()))
        };
        let waits_for = "the service to be INACTIVE";
        let is_gone = wait_until(&DRAIN, progress, DELETE, place.resource, waits_for, is_gone);
        // One that somebody else deleted may have tasks that stop still.
        try_join(is_gone, self.stopped(place, progress)).await.map(drop)
    }
}
