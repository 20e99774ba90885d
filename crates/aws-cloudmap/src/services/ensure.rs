//! Making a service as it is desired, and deleting one with the instances that are left in it.

use std::{collections::BTreeMap, fmt, time::Duration};

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_servicediscovery::{
    error::BuildError,
    types::{
        DnsConfig, DnsConfigChange, DnsRecord, HealthCheckCustomConfig, RecordType, RoutingPolicy,
        ServiceChange,
    },
};
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result, Scope};

use super::Services;
use crate::{
    ServiceSpec,
    operation::{Job, SPREAD},
    tags,
};

const CREATE: &str = "servicediscovery:CreateService";
const UPDATE: &str = "servicediscovery:UpdateService";
const DELETE: &str = "servicediscovery:DeleteService";

/// How long a service may have instances when it is deleted: those that stop deregister by themselves.
const EMPTIED: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(300));

impl Services {
    /// Creates the service where it is absent and changes what differs.
    pub(crate) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        observed: Option<&Observed<ServiceSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ServiceSpec>> {
        let there = match observed {
            Some(there) => there.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        self.update(scope, desired, there, progress).await
    }

    /// Creates it with its tags in the call, or finds the one that a killed run left: names are unique in a namespace.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        progress: &Progress,
    ) -> Result<Observed<ServiceSpec>> {
        let Desired { key, spec, .. } = desired;
        let fatal = |text: &str| Error::new(CREATE, key, Class::Fatal, text.to_owned());
        let name = desired.name.as_deref().ok_or_else(|| fatal("a service needs a name"))?;
        let dns = DnsConfig::builder()
            .routing_policy(RoutingPolicy::from(spec.routing_policy.as_str()))
            .set_dns_records(Some(built(CREATE, key, records(spec))?))
            .build();
        // AWS has but one threshold left: https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html
        #[allow(deprecated)]
        let health = HealthCheckCustomConfig::builder().failure_threshold(1).build();
        let create = self
            .client
            .create_service()
            .name(name)
            .namespace_id(&spec.namespace_id)
            .set_description(spec.description.clone())
            .dns_config(built(CREATE, key, dns)?)
            .set_health_check_custom_config(spec.health_check_custom.then_some(health))
            .set_tags(Some(tags::written(CREATE, key, scope.tags(key))?));
        let created =
            retry_while(&SPREAD, progress, "the namespace to be known everywhere", is_absent, || {
                let create = create.clone();
                async move { create.send().await.at(CREATE, key) }
            });
        let id = match created.await {
            Ok(created) => created.service.and_then(|service| service.id),
            Err(error) if error.class == Class::AlreadyExists => None,
            Err(error) => return Err(error),
        };
        wait_until(&SPREAD, progress, CREATE, key, "the new service to be seen with our tags", || async {
            let seen = match &id {
                Some(id) => self.get(scope, id).await?,
                None => self.named(scope, &spec.namespace_id, name).await?,
            };
            match seen {
                Some(service) if service.owner == Owner::Us(key.clone()) => Ok(Some(service)),
                Some(service) if id.is_none() => Err(taken(key, &service)),
                _ => Ok(None),
            }
        })
        .await
    }

    /// The service of that name in the namespace.
    async fn named(
        &self,
        scope: &Scope,
        namespace_id: &str,
        name: &str,
    ) -> Result<Option<Observed<ServiceSpec>>> {
        for (id, _, _) in self.list().await?.into_iter().filter(|(_, _, listed)| listed == name) {
            let service = self.get(scope, &id).await?;
            if let Some(service) = service.filter(|service| service.spec.namespace_id == namespace_id) {
                return Ok(Some(service));
            }
        }
        Ok(None)
    }

    async fn update(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        there: Observed<ServiceSpec>,
        progress: &Progress,
    ) -> Result<Observed<ServiceSpec>> {
        let Desired { key, spec, .. } = desired;
        if there.spec == *spec {
            return Ok(there);
        }
        // What an update does not name of the records is dropped.
        let dns =
            DnsConfigChange::builder().set_dns_records(Some(built(UPDATE, key, records(spec))?)).build();
        let change = ServiceChange::builder()
            .description(spec.description.clone().unwrap_or_default())
            .dns_config(built(UPDATE, key, dns)?)
            .build();
        let update = self.client.update_service().id(&there.id).service(change);
        let job = Job { client: &self.client, operation: UPDATE, resource: key.as_str(), progress };
        job.carry_out(|| {
            let update = update.clone();
            async move { Ok(update.send().await.at(UPDATE, key)?.operation_id) }
        })
        .await?;
        let settled = wait_until(&SPREAD, progress, UPDATE, key, "the change to spread", || async {
            Ok(self.get(scope, &there.id).await?.filter(|seen| seen.spec == *spec))
        });
        match settled.await {
            Err(error) if error.class == Class::RetryLater => self.get(scope, &there.id).await?.ok_or(error),
            settled => settled,
        }
    }

    /// Deletes the service, deregistering the instances that are left, and waits until no survey shows it.
    pub(crate) async fn delete_and_wait(&self, id: &str, progress: &Progress) -> Result<()> {
        let in_use = |error: &Error| error.class == Class::Conflict;
        let deleted =
            retry_while(&EMPTIED, progress, "the service's instances to be gone", in_use, || async {
                match self.client.delete_service().id(id).send().await.at(DELETE, id) {
                    Err(error) if in_use(&error) => {
                        self.empty(id, progress).await?;
                        Err(error)
                    }
                    deleted => deleted.map(drop),
                }
            });
        match deleted.await {
            Err(error) if error.class != Class::NotFound => return Err(error),
            _ => {}
        }
        wait_until(&SPREAD, progress, DELETE, id, "the service to be gone", || async {
            Ok(self.service(id).await?.is_none().then_some(()))
        })
        .await
    }

    /// Deregisters every instance of the service.
    async fn empty(&self, service_id: &str, progress: &Progress) -> Result<()> {
        let operation = "servicediscovery:DeregisterInstance";
        let pages = self.client.list_instances().service_id(service_id).into_paginator().send();
        let pages: Vec<_> = pages.try_collect().await.at("servicediscovery:ListInstances", service_id)?;
        let instances = pages.into_iter().flat_map(|page| page.instances.unwrap_or_default());
        for id in instances.filter_map(|instance| instance.id) {
            let deregister = self.client.deregister_instance().service_id(service_id).instance_id(id);
            let job = Job { client: &self.client, operation, resource: service_id, progress };
            let gone = job.carry_out(|| {
                let deregister = deregister.clone();
                async move { Ok(deregister.send().await.at(operation, service_id)?.operation_id) }
            });
            match gone.await {
                Err(error) if error.class != Class::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn records(spec: &ServiceSpec) -> std::result::Result<Vec<DnsRecord>, BuildError> {
    let records: &BTreeMap<_, _> = &spec.dns_record_ttl_seconds;
    let record = |(kind, ttl): (&String, &u32)| {
        DnsRecord::builder().r#type(RecordType::from(kind.as_str())).ttl(i64::from(*ttl)).build()
    };
    records.iter().map(record).collect()
}

fn built<T>(
    operation: &'static str,
    resource: impl fmt::Display,
    built: std::result::Result<T, BuildError>,
) -> Result<T> {
    built.map_err(|e| Error::new(operation, resource, Class::Fatal, e))
}

fn is_absent(error: &Error) -> bool {
    error.class == Class::NotFound
}

fn taken(key: &Key, service: &Observed<ServiceSpec>) -> Error {
    let whose = match &service.owner {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text.clone(),
    };
    let name = service.name.as_deref().unwrap_or_default();
    Error::new(CREATE, key, Class::AlreadyExists, format!("a service `{name}` is there already, {whose}"))
}
