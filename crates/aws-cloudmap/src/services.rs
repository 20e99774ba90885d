//! The family of services: what survey and find see, and what the contract asks for.

mod ensure;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_servicediscovery::{Client, types::Service};
use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use resource::{
    Class, Desired, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{HEALTH_CHECKS, NEW_SERVICE, OWN_SERVICES, RECORDS, SERVICES, TAGS};
use crate::{
    ServiceSpec,
    client::client,
    spec::MULTIVALUE,
    tags::{self, Tags},
};

/// How many services are described at once.
const CONCURRENCY: usize = 8;

const LIST_TAGS: &str = "servicediscovery:ListTagsForResource";

/// Which permissions Cloud Map asks for besides its own, for the records of instances and their health checks.
const PERMISSIONS: &str =
    "https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-api-permissions-ref.html";
const FULL_ACCESS: &str =
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCloudMapFullAccess.html";

/// Cloud Map's services.
#[derive(Clone, Debug)]
pub struct Services {
    pub(crate) client: Client,
}

impl Services {
    /// The services that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: client(config) }
    }

    /// Id, ARN and name of every service of the account and region.
    async fn list(&self) -> Result<Vec<(String, String, String)>> {
        let pages = self.client.list_services().into_paginator().send();
        let pages: Vec<_> = pages.try_collect().await.at("servicediscovery:ListServices", "services")?;
        let listed = pages.into_iter().flat_map(|page| page.services.unwrap_or_default());
        Ok(listed.filter_map(|one| Some((one.id?, one.arn?, one.name?))).collect())
    }

    /// The service with that id, where its tags let it through; `None` too where it is gone.
    async fn observe(
        &self,
        scope: &Scope,
        id: &str,
        arn: &str,
        wanted: impl Fn(&Owner) -> bool,
    ) -> Result<Option<Observed<ServiceSpec>>> {
        let Some(tags) = tags::read(&self.client, LIST_TAGS, arn).await? else { return Ok(None) };
        if !wanted(&scope.owner(&tags)) {
            return Ok(None);
        }
        Ok(self.service(id).await?.map(|service| observed(scope, service, &tags)))
    }

    /// The service with that id, whosever it is.
    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ServiceSpec>>> {
        let arn = scope.arn("servicediscovery", &format!("service/{id}"));
        let (tags, service) = try_join(tags::read(&self.client, LIST_TAGS, &arn), self.service(id)).await?;
        Ok(tags.zip(service).map(|(tags, service)| observed(scope, service, &tags)))
    }

    async fn service(&self, id: &str) -> Result<Option<Service>> {
        let got = self.client.get_service().id(id).send().await;
        match got.at("servicediscovery:GetService", id) {
            Ok(got) => Ok(got.service),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn observed(scope: &Scope, service: Service, tags: &Tags) -> Observed<ServiceSpec> {
    let dns = service.dns_config.as_ref();
    let records = dns.map(|dns| dns.dns_records()).unwrap_or_default().iter();
    let records =
        records.map(|one| (one.r#type.as_str().to_owned(), u32::try_from(one.ttl).unwrap_or(u32::MAX)));
    // AWS always tells the policy of records; an emulator forgets it when they are updated.
    let policy = dns.map(|dns| dns.routing_policy().map_or(MULTIVALUE, |policy| policy.as_str()));
    Observed {
        spec: ServiceSpec {
            dns_record_ttl_seconds: records.collect(),
            routing_policy: policy.unwrap_or_default().to_owned(),
            health_check_custom: service.health_check_custom_config.is_some(),
            namespace_id: service.namespace_id.unwrap_or_default(),
            description: service.description.filter(|text| !text.is_empty()),
        },
        id: service.id.unwrap_or_default(),
        name: service.name,
        owner: scope.owner(tags),
        outputs: BTreeMap::from_iter(service.arn.map(|arn| ("arn".to_owned(), arn))),
        created: service.create_date.map(|created| created.to_string()),
        pending: None,
    }
}

impl Family for Services {
    type Spec = ServiceSpec;

    const KIND: Kind = Kind::new("AWS::ServiceDiscovery::Service");

    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::ServiceDiscovery::PrivateDnsNamespace")];

    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("servicediscovery:GetService").within(SERVICES),
        IamAction::read("servicediscovery:ListServices").within(Within::IN_REGION),
        IamAction::read("servicediscovery:ListTagsForResource").within(Within::IN_REGION),
        IamAction::write("servicediscovery:CreateService").within(NEW_SERVICE),
        IamAction::write("servicediscovery:DeleteService").within(OWN_SERVICES),
        IamAction::write("servicediscovery:DeregisterInstance").within(OWN_SERVICES),
        IamAction::write("servicediscovery:GetOperation").within(Within::IN_REGION),
        IamAction::write("servicediscovery:ListInstances").within(OWN_SERVICES),
        IamAction::write("servicediscovery:TagResource").within(TAGS),
        IamAction::write("servicediscovery:UpdateService").within(OWN_SERVICES),
        IamAction::dependent("route53:ChangeResourceRecordSets", FULL_ACCESS).within(RECORDS),
        IamAction::dependent("route53:DeleteHealthCheck", PERMISSIONS).within(HEALTH_CHECKS),
        IamAction::dependent("route53:GetHealthCheck", PERMISSIONS).within(HEALTH_CHECKS),
        IamAction::dependent("route53:UpdateHealthCheck", PERMISSIONS).within(HEALTH_CHECKS),
    ];

    // A service's name is unique in its namespace alone, so that another environment's of the same name is no obstacle, and
    // only tags tell which are ours.
    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<ServiceSpec>>> {
        let ours = |owner: &Owner| matches!(owner, Owner::Us(_));
        let listed = stream::iter(self.list().await?);
        let observed = listed.map(|(id, arn, _)| async move { self.observe(scope, &id, &arn, ours).await });
        let services: Vec<_> = observed.buffered(CONCURRENCY).try_collect().await?;
        Ok(services.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<ServiceSpec>,
        observed: Option<&Observed<ServiceSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ServiceSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<ServiceSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ServiceSpec>>> {
        let ours = scope.arn("servicediscovery", "service/");
        match id.strip_prefix(&ours) {
            None if id.starts_with("arn:") => Ok(None),
            None => self.get(scope, id).await,
            Some(id) => self.get(scope, id).await,
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<ServiceSpec>) -> Result<()> {
        let operation = "servicediscovery:TagResource";
        let arn = observed.outputs.get("arn").map(String::as_str).unwrap_or_default();
        let tags = tags::written(operation, key, scope.tags(key))?;
        self.client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags))
            .send()
            .await
            .at(operation, key)
            .map(drop)
    }
}
