//! Making a service as it is desired. What its tasks notice is: start and follow; for a single writer stop and wait first.

use aws_env::{At, retry_while, wait_until};
use aws_sdk_ecs::types::{self, AvailabilityZoneRebalancing};
use resource::{Class, Desired, Error, Observed, Progress, Result, Scope};

use super::{
    Place, Services,
    create::{CREATE, Created, deployment_configuration, network_configuration, service_registries},
    observe::{self, DESCRIBE},
    rollout::Following,
};
use crate::{
    ServiceSpec,
    races::{SETTLE, settles},
    tags,
};

const UPDATE: &str = "ecs:UpdateService";

impl Services {
    /// Creates the service where it is absent, changes what differs, and returns when it runs as it is desired.
    ///
    /// # Errors
    /// A deployment that fails or takes longer than 15 minutes, with what became of its tasks.
    pub(super) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        observed: Option<&Observed<ServiceSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ServiceSpec>> {
        let Desired { key, name: Some(name), spec: want } = desired else {
            return Err(Error::new(CREATE, &desired.key, Class::Fatal, "a service needs a name"));
        };
        let place = Place { resource: key.as_str(), cluster: &want.cluster_arn, name };
        // Looked at again: its deployment may have gone on since the survey.
        let there = match observed {
            Some(_) => self.one(place).await?.filter(observe::is_active),
            None => None,
        };
        let created = match there {
            Some(service) => Created::Found(service),
            None => self.create(scope, desired, place, progress).await?,
        };
        let made = match created {
            Created::New(service) => self.follow_primary(place, &service, want, progress).await?,
            Created::Found(service) => self.change(place, &service, want, progress).await?,
        };
        tags::hold(CREATE, key, "service", observe::observe(scope, &made)?)
    }

    /// The service as it is then.
    async fn change(
        &self,
        place: Place<'_>,
        service: &types::Service,
        want: &ServiceSpec,
        progress: &Progress,
    ) -> Result<types::Service> {
        let have = observe::spec(service);
        let have = have.map_err(|error| Error::new(DESCRIBE, place.resource, Class::Fatal, error))?;
        let has_failed = observe::primary(service).is_some_and(observe::has_failed);
        if has_failed || tasks_notice(&have, want) {
            // What has been a single writer may be one still, while the tasks of its last deployment run.
            if have.is_single_writer() || want.is_single_writer() {
                self.stop(place, service.desired_count(), progress).await?;
            }
            let forced = has_failed || needs_force(&have, want);
            let started = self.start(place, want, forced, progress).await?;
            return self.follow_primary(place, &started, want, progress).await;
        }
        if have != *want {
            let call = self.client.update_service().cluster(place.cluster).service(place.name);
            let call = call.deployment_configuration(deployment_configuration(want));
            call.send().await.at(UPDATE, place.resource)?;
        }
        match observe::primary(service) {
            Some(deployment) if observe::is_in_progress(deployment) => {
                self.follow_primary(place, service, want, progress).await
            }
            _ => self.found(place, progress).await,
        }
    }

    async fn found(&self, place: Place<'_>, progress: &Progress) -> Result<types::Service> {
        let waits_for = "the service to be found";
        let find = || async { Ok(self.one(place).await?.filter(observe::is_active)) };
        wait_until(&SETTLE, progress, DESCRIBE, place.resource, waits_for, find).await
    }

    /// Sets the count to 0 and waits until every task is STOPPED: until then the old writer may still write.
    pub(super) async fn stop(&self, place: Place<'_>, count: i32, progress: &Progress) -> Result<()> {
        if count > 0 {
            let call = self.client.update_service().cluster(place.cluster).service(place.name);
            let call = call.desired_count(0);
            let stop = || async { call.clone().send().await.at(UPDATE, place.resource).map(drop) };
            retry_while(&SETTLE, progress, "ECS to stop the service", |_| false, stop).await?;
        }
        self.stopped(place, progress).await
    }

    /// Sets all that is wanted, the count with it, and begins a deployment by that.
    async fn start(
        &self,
        place: Place<'_>,
        want: &ServiceSpec,
        forced: bool,
        progress: &Progress,
    ) -> Result<types::Service> {
        let network = network_configuration(want);
        let network = network.map_err(|error| Error::new(UPDATE, place.resource, Class::Fatal, error))?;
        let call = self
            .client
            .update_service()
            .cluster(place.cluster)
            .service(place.name)
            .task_definition(&want.task_definition_arn)
            .desired_count(want.desired_count)
            .platform_version(&want.platform_version)
            .availability_zone_rebalancing(AvailabilityZoneRebalancing::Disabled)
            .network_configuration(network)
            .deployment_configuration(deployment_configuration(want))
            .set_service_registries(Some(service_registries(want)))
            .enable_execute_command(want.enable_execute_command)
            .propagate_tags(types::PropagateTags::from(want.propagate_tags.as_str()))
            .enable_ecs_managed_tags(want.enable_ecs_managed_tags)
            .force_new_deployment(forced);
        let start = || async { call.clone().send().await.at(UPDATE, place.resource) };
        let waits_for = "the task definition to reach the service";
        let answer = retry_while(&SETTLE, progress, waits_for, settles, start).await?;
        let nothing = || Error::new(UPDATE, place.resource, Class::Fatal, "ECS gave no service back");
        answer.service.ok_or_else(nothing)
    }

    /// Follows the deployment that `service`, as a call of ours gave it back, has as its present one.
    async fn follow_primary(
        &self,
        place: Place<'_>,
        service: &types::Service,
        want: &ServiceSpec,
        progress: &Progress,
    ) -> Result<types::Service> {
        match observe::primary(service).and_then(|deployment| deployment.id()) {
            Some(id) => self.follow(Following { place, id, count: want.desired_count }, progress).await,
            None => {
                Err(Error::new(DESCRIBE, place.resource, Class::RetryLater, "the service has no deployment"))
            }
        }
    }
}

/// Only a deployment of its own is watched by the circuit breaker. Another revision begins one by itself, and then the call
/// may be repeated without a further one. Whoever asks for another number of equal tasks wants those that run to go on.
fn needs_force(have: &ServiceSpec, want: &ServiceSpec) -> bool {
    let is_scaled = || {
        let alike = ServiceSpec { desired_count: want.desired_count, ..have.clone() };
        !want.is_single_writer() && have.desired_count != want.desired_count && !tasks_notice(&alike, want)
    };
    have.task_definition_arn == want.task_definition_arn && !is_scaled()
}

/// Whether anything differs beyond how deployments are made: that alone needs no other tasks.
fn tasks_notice(have: &ServiceSpec, want: &ServiceSpec) -> bool {
    let alike = ServiceSpec {
        deployment_circuit_breaker: want.deployment_circuit_breaker,
        minimum_healthy_percent: want.minimum_healthy_percent,
        maximum_percent: want.maximum_percent,
        ..have.clone()
    };
    alike != *want
}
