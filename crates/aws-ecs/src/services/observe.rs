//! Reading services.

use std::collections::BTreeMap;

use aws_env::At;
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Deployment, DeploymentConfiguration, DeploymentRolloutState, Service, ServiceField,
};
use resource::{Class, Error, Observed, Result, Scope};

use super::{Place, Services};
use crate::{DeploymentCircuitBreaker, PropagateTags, ServiceSpec, Switch, tags, words::Unknown};

pub(super) const DESCRIBE: &str = "ecs:DescribeServices";

impl Services {
    /// Those of these names or ARNs that ECS knows, whatever becomes of them; none where there is no such cluster.
    pub(super) async fn describe(&self, cluster: &str, services: &[String]) -> Result<Vec<Service>> {
        let call = self.client.describe_services().cluster(cluster).set_services(Some(services.to_vec()));
        let answer = call.include(ServiceField::Tags).send().await.at(DESCRIBE, services.join(", "));
        or_none(answer.map(|answer| answer.services.unwrap_or_default()))
    }

    pub(super) async fn one(&self, place: Place<'_>) -> Result<Option<Service>> {
        let call = self.client.describe_services().cluster(place.cluster).services(place.name);
        let answer = call.include(ServiceField::Tags).send().await.at(DESCRIBE, place.resource);
        Ok(or_none(answer.map(|answer| answer.services.unwrap_or_default()))?.pop())
    }
}

/// What is gone meanwhile is nothing.
pub(super) fn or_none<T: Default>(result: Result<T>) -> Result<T> {
    match result {
        Err(error) if error.class == Class::NotFound => Ok(T::default()),
        other => other,
    }
}

/// Neither deleted nor on its way there.
pub(super) fn is_active(service: &Service) -> bool {
    service.status() == Some("ACTIVE")
}

/// The deployment that is the service's present one.
pub(super) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|one| one.status() == Some("PRIMARY"))
}

pub(super) fn has_failed(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}

pub(super) fn is_in_progress(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::InProgress)
}

pub(super) fn observe(scope: &Scope, service: &Service) -> Result<Observed<ServiceSpec>> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let (name, arn) = (text(service.service_name()), text(service.service_arn()));
    let spec = spec(service).map_err(|error| Error::new(DESCRIBE, &name, Class::Fatal, error))?;
    let pending = match primary(service) {
        Some(deployment) if has_failed(deployment) => Some("deployment failed"),
        Some(deployment) if is_in_progress(deployment) => Some("deployment in progress"),
        _ => None,
    };
    Ok(Observed {
        id: arn.clone(),
        owner: scope.owner(&tags::read(service.tags())),
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), arn), ("name".to_owned(), name.clone())]),
        created: service.created_at().map(ToString::to_string),
        pending: pending.map(str::to_owned),
        name: Some(name),
    })
}

/// What is not said has ECS's own defaults.
pub(super) fn spec(service: &Service) -> Result<ServiceSpec, Unknown> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let network = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    let deployment = service.deployment_configuration();
    let breaker = deployment.and_then(DeploymentConfiguration::deployment_circuit_breaker);
    let security_groups = network.map(AwsVpcConfiguration::security_groups);
    Ok(ServiceSpec {
        cluster_arn: text(service.cluster_arn()),
        task_definition_arn: text(service.task_definition()),
        desired_count: service.desired_count(),
        platform_version: text(service.platform_version()),
        subnet_ids: network.map(|network| network.subnets().iter().cloned().collect()).unwrap_or_default(),
        security_group_ids: security_groups
            .map(|groups| groups.iter().cloned().collect())
            .unwrap_or_default(),
        assign_public_ip: Switch::read(
            network.and_then(|network| network.assign_public_ip()).map(|word| word.as_str()),
        ),
        service_registry_arn: service
            .service_registries()
            .first()
            .and_then(|registry| registry.registry_arn.clone()),
        deployment_circuit_breaker: DeploymentCircuitBreaker {
            enable: breaker.is_some_and(|breaker| breaker.enable()),
            rollback: breaker.is_some_and(|breaker| breaker.rollback()),
        },
        minimum_healthy_percent: deployment.and_then(|one| one.minimum_healthy_percent()).unwrap_or(100),
        maximum_percent: deployment.and_then(|one| one.maximum_percent()).unwrap_or(200),
        enable_execute_command: service.enable_execute_command(),
        propagate_tags: service
            .propagate_tags()
            .map_or(Ok(PropagateTags::None), |word| PropagateTags::read(word.as_str()))?,
        enable_ecs_managed_tags: service.enable_ecs_managed_tags(),
    })
}
