//! The family of private DNS namespaces: what survey and find see, and what the contract asks for.

mod ensure;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_servicediscovery::{
    Client,
    types::{
        FilterCondition, NamespaceFilter, NamespaceFilterName, NamespaceProperties, NamespaceSummary,
        NamespaceType,
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{NAMESPACES, OWN_NAMESPACES, RECORDS, TAGS, ZONES};
use crate::{NamespaceSpec, client::client, handle::prefix, tags};

/// How many namespaces' tags are read at once.
const CONCURRENCY: usize = 8;

const LIST_TAGS: &str = "servicediscovery:ListTagsForResource";
const TAG: &str = "servicediscovery:TagResource";

/// The VPC of a namespace, which Cloud Map itself does not tell.
const VPC: &str = "headwater:vpc";

/// Which permissions Cloud Map asks for besides its own: Route 53's for the zone, EC2's for the VPC.
const PERMISSIONS: &str =
    "https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-api-permissions-ref.html";
const FULL_ACCESS: &str =
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCloudMapFullAccess.html";

/// Cloud Map's private DNS namespaces.
#[derive(Clone, Debug)]
pub struct Namespaces {
    pub(crate) client: Client,
}

/// A namespace without its tags.
#[derive(Clone, Debug, Default)]
struct Found {
    id: String,
    arn: String,
    name: String,
    description: Option<String>,
    hosted_zone_id: Option<String>,
    created: Option<String>,
}

impl Namespaces {
    /// The namespaces that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: client(config) }
    }

    async fn list(&self) -> Result<Vec<Found>> {
        let operation = "servicediscovery:ListNamespaces";
        let private = NamespaceFilter::builder()
            .name(NamespaceFilterName::Type)
            .values(NamespaceType::DnsPrivate.as_str())
            .condition(FilterCondition::Eq)
            .build()
            .map_err(|e| Error::new(operation, "namespaces", Class::Fatal, e))?;
        let pages = self.client.list_namespaces().filters(private).into_paginator().send();
        let pages: Vec<_> = pages.try_collect().await.at(operation, "namespaces")?;
        let listed = pages.into_iter().flat_map(|page| page.namespaces.unwrap_or_default());
        Ok(listed.filter(|one| one.r#type == Some(NamespaceType::DnsPrivate)).map(Found::from).collect())
    }

    /// The namespace with that id; `None` where it is gone.
    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<NamespaceSpec>>> {
        let got = self.client.get_namespace().id(id).send().await;
        let namespace = match got.at("servicediscovery:GetNamespace", id) {
            Ok(got) => got.namespace,
            Err(error) if error.class == Class::NotFound => None,
            Err(error) => return Err(error),
        };
        let namespace = namespace.filter(|one| one.r#type() == Some(&NamespaceType::DnsPrivate));
        let Some(namespace) = namespace else { return Ok(None) };
        let found = Found {
            id: namespace.id.unwrap_or_default(),
            arn: namespace.arn.unwrap_or_default(),
            name: namespace.name.unwrap_or_default(),
            description: namespace.description,
            hosted_zone_id: hosted_zone_id(namespace.properties),
            created: namespace.create_date.map(|created| created.to_string()),
        };
        self.observe(scope, found).await
    }

    /// The namespace as the engine sees it; `None` where it is gone.
    async fn observe(&self, scope: &Scope, found: Found) -> Result<Option<Observed<NamespaceSpec>>> {
        let Some(tags) = tags::read(&self.client, LIST_TAGS, &found.arn).await? else { return Ok(None) };
        let outputs = [("arn", Some(found.arn)), ("hostedZoneId", found.hosted_zone_id)];
        let outputs = outputs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(Some(Observed {
            outputs: BTreeMap::from_iter(outputs),
            id: found.id,
            name: Some(found.name),
            owner: scope.owner(&tags),
            spec: NamespaceSpec {
                vpc: tags.get(VPC).cloned().unwrap_or_default(),
                description: found.description.filter(|text| !text.is_empty()),
            },
            created: found.created,
            pending: None,
        }))
    }
}

impl From<NamespaceSummary> for Found {
    fn from(summary: NamespaceSummary) -> Self {
        Self {
            id: summary.id.unwrap_or_default(),
            arn: summary.arn.unwrap_or_default(),
            name: summary.name.unwrap_or_default(),
            description: summary.description,
            hosted_zone_id: hosted_zone_id(summary.properties),
            created: summary.create_date.map(|created| created.to_string()),
        }
    }
}

fn hosted_zone_id(properties: Option<NamespaceProperties>) -> Option<String> {
    properties?.dns_properties?.hosted_zone_id
}

impl Family for Namespaces {
    type Spec = NamespaceSpec;

    const KIND: Kind = Kind::new("AWS::ServiceDiscovery::PrivateDnsNamespace");

    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::EC2::VPC")];

    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("servicediscovery:GetNamespace").within(NAMESPACES),
        IamAction::read("servicediscovery:ListNamespaces").within(Within::IN_REGION),
        IamAction::read("servicediscovery:ListTagsForResource").within(Within::IN_REGION),
        IamAction::write("servicediscovery:CreatePrivateDnsNamespace").within(TAGS),
        IamAction::write("servicediscovery:DeleteNamespace").within(OWN_NAMESPACES),
        IamAction::write("servicediscovery:GetOperation").within(Within::IN_REGION),
        IamAction::write("servicediscovery:TagResource").within(TAGS),
        IamAction::write("servicediscovery:UpdatePrivateDnsNamespace").within(OWN_NAMESPACES),
        IamAction::dependent("ec2:DescribeRegions", PERMISSIONS).within(Within::IN_REGION),
        IamAction::dependent("ec2:DescribeVpcs", PERMISSIONS).within(Within::IN_REGION),
        IamAction::dependent("route53:ChangeResourceRecordSets", FULL_ACCESS).within(RECORDS),
        IamAction::dependent("route53:CreateHostedZone", PERMISSIONS).within(Within::IN_ACCOUNT),
        IamAction::dependent("route53:DeleteHostedZone", FULL_ACCESS).within(ZONES),
        IamAction::dependent("route53:GetHostedZone", PERMISSIONS).within(ZONES),
        IamAction::dependent("route53:ListHostedZonesByName", PERMISSIONS).within(Within::IN_ACCOUNT),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<NamespaceSpec>>> {
        let prefix = prefix(scope);
        let observed =
            stream::iter(self.list().await?).map(|found| async move { self.observe(scope, found).await });
        let namespaces: Vec<_> = observed.buffered(CONCURRENCY).try_collect().await?;
        let named = |one: &Observed<_>| one.name.as_ref().is_some_and(|name| name.starts_with(&prefix));
        let ours = |one: &Observed<_>| matches!(one.owner, Owner::Us(_));
        Ok(namespaces.into_iter().flatten().filter(|one| ours(one) || named(one)).collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<NamespaceSpec>,
        observed: Option<&Observed<NamespaceSpec>>,
        progress: &Progress,
    ) -> Result<Observed<NamespaceSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<NamespaceSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<NamespaceSpec>>> {
        if let Some(id) = id.strip_prefix(&scope.arn("servicediscovery", "namespace/")) {
            return self.get(scope, id).await;
        }
        let mut listed = self.list().await?.into_iter();
        match listed.find(|found| found.id == id || found.name == id) {
            Some(found) => self.observe(scope, found).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<NamespaceSpec>) -> Result<()> {
        self.tag(&observed.outputs, key, scope.tags(key)).await
    }
}
