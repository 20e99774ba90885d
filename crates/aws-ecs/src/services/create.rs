//! Making a service.

use aws_env::{At, retry_while};
use aws_sdk_ecs::{
    error::BuildError,
    operation::create_service::builders::CreateServiceFluentBuilder,
    types::{self, AvailabilityZoneRebalancing, LaunchType, SchedulingStrategy},
};
use resource::{Class, Desired, Error, Progress, Result, Scope};
use uuid::Uuid;

use super::{Place, Services, observe};
use crate::{
    ServiceSpec,
    races::{DRAIN, SETTLE, name_is_taken, settles},
    tags,
};

pub(super) const CREATE: &str = "ecs:CreateService";

/// What a create call led to.
pub(super) enum Created {
    /// A new service, as it was asked for.
    New(types::Service),
    /// One of ours that an earlier attempt made.
    Found(types::Service),
}

impl Services {
    /// Makes the service. A service of that name that drains is waited for; one of somebody else's is an error.
    pub(super) async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        place: Place<'_>,
        progress: &Progress,
    ) -> Result<Created> {
        let call = self.creation(scope, desired, place);
        let call = call.map_err(|error| Error::new(CREATE, place.resource, Class::Fatal, error))?;
        let attempt = || {
            let call = call.clone();
            async move {
                match call.send().await.at(CREATE, place.resource) {
                    Ok(answer) => Ok(answer.service.map(Created::New)),
                    Err(error) if name_is_taken(&error) => {
                        self.taken(scope, desired, place, error).await.map(Some)
                    }
                    Err(error) => Err(error),
                }
            }
        };
        let settled = || async {
            self.vacated(place, progress).await?;
            retry_while(&SETTLE, progress, "the service-linked role to reach ECS", settles, attempt).await
        };
        let drains = |error: &Error| error.class == Class::Conflict;
        let waits_for = "the service of that name that was deleted to drain";
        let created = retry_while(&DRAIN, progress, waits_for, drains, settled).await?;
        let nothing = || Error::new(CREATE, place.resource, Class::Fatal, "ECS gave no service back");
        created.ok_or_else(nothing)
    }

    /// Waits until no task of a service that had the name still stops: somebody may have deleted it without waiting, and
    /// its writer with it.
    async fn vacated(&self, place: Place<'_>, progress: &Progress) -> Result<()> {
        self.idle(place, progress, observe::is_active).await
    }

    /// Who has the name: ours, by an attempt whose reply was lost; somebody else; or one that drains, which is a conflict
    /// that passes.
    async fn taken(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        place: Place<'_>,
        error: Error,
    ) -> Result<Created> {
        match self.one(place).await?.filter(observe::is_active) {
            Some(service) => {
                tags::hold(CREATE, &desired.key, "service", observe::observe(scope, &service)?)?;
                Ok(Created::Found(service))
            }
            None => Err(Error { class: Class::Conflict, ..error }),
        }
    }

    fn creation(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        place: Place<'_>,
    ) -> Result<CreateServiceFluentBuilder, BuildError> {
        let spec = &desired.spec;
        Ok(self
            .client
            .create_service()
            .cluster(place.cluster)
            .service_name(place.name)
            .client_token(Uuid::new_v4().to_string())
            .task_definition(&spec.task_definition_arn)
            .desired_count(spec.desired_count)
            .launch_type(LaunchType::Fargate)
            .platform_version(&spec.platform_version)
            .scheduling_strategy(SchedulingStrategy::Replica)
            // On, it starts a second task in another zone before it stops the first. It asks for more than 100 % besides.
            .availability_zone_rebalancing(AvailabilityZoneRebalancing::Disabled)
            .network_configuration(network_configuration(spec)?)
            .deployment_configuration(deployment_configuration(spec))
            .set_service_registries(Some(service_registries(spec)))
            .enable_execute_command(spec.enable_execute_command)
            .propagate_tags(types::PropagateTags::from(spec.propagate_tags.as_str()))
            .enable_ecs_managed_tags(spec.enable_ecs_managed_tags)
            .set_tags(Some(tags::write(scope, &desired.key))))
    }
}

pub(super) fn network_configuration(spec: &ServiceSpec) -> Result<types::NetworkConfiguration, BuildError> {
    let network = types::AwsVpcConfiguration::builder()
        .set_subnets(Some(spec.subnet_ids.iter().cloned().collect()))
        .set_security_groups(Some(spec.security_group_ids.iter().cloned().collect()))
        .assign_public_ip(types::AssignPublicIp::from(spec.assign_public_ip.as_str()))
        .build()?;
    Ok(types::NetworkConfiguration::builder().awsvpc_configuration(network).build())
}

pub(super) fn deployment_configuration(spec: &ServiceSpec) -> types::DeploymentConfiguration {
    let breaker = types::DeploymentCircuitBreaker::builder()
        .enable(spec.deployment_circuit_breaker.enable)
        .rollback(spec.deployment_circuit_breaker.rollback);
    types::DeploymentConfiguration::builder()
        .deployment_circuit_breaker(breaker.build())
        .minimum_healthy_percent(spec.minimum_healthy_percent)
        .maximum_percent(spec.maximum_percent)
        .build()
}

/// At most one. On an update an empty list takes the one away that is there.
pub(super) fn service_registries(spec: &ServiceSpec) -> Vec<types::ServiceRegistry> {
    let registry = |arn| types::ServiceRegistry::builder().registry_arn(arn).build();
    spec.service_registry_arn.iter().map(registry).collect()
}
