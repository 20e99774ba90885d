//! The family `AWS::EC2::VPC`.

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_ec2::{
    Client,
    types::{self, AttributeBooleanValue, Filter, ResourceType, VpcAttributeName, VpcState},
};
use futures::future::{try_join, try_join_all};
use resource::{
    Class, Desired, Effect, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Spec,
    Within,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scopes::{INTERFACES, NEW_VPC, OWN, TAGS, VPCS};
use crate::{
    ec2,
    interfaces::{self, Place},
};

/// A VPC's fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcSpec {
    /// Its first block of IPv4 addresses, as in `10.0.0.0/16`.
    pub cidr_block: String,
    /// Whether what has a public address gets a name, too. Interface endpoints with private names and EFS need it, and it
    /// needs `enable_dns_support`.
    pub enable_dns_hostnames: bool,
    /// Whether EC2's resolver answers in the VPC.
    pub enable_dns_support: bool,
}

impl VpcSpec {
    /// A new VPC: <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>
    fn new_in(cidr_block: &str) -> Self {
        Self { cidr_block: cidr_block.to_owned(), enable_dns_hostnames: false, enable_dns_support: true }
    }
}

impl Spec for VpcSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "cidrBlock" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

/// EC2's VPCs.
#[derive(Clone, Debug)]
pub struct Vpcs {
    client: Client,
}

/// One change of a VPC's attribute. A call takes no more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Support(bool),
    Hostnames(bool),
}

/// The changes that make a VPC as `observed` one as `desired`. Names of hosts depend on the resolver, so that it is turned on
/// before them and off after them.
fn changes(observed: &VpcSpec, desired: &VpcSpec) -> Vec<Change> {
    let support = (observed.enable_dns_support != desired.enable_dns_support)
        .then_some(Change::Support(desired.enable_dns_support));
    let hostnames = (observed.enable_dns_hostnames != desired.enable_dns_hostnames)
        .then_some(Change::Hostnames(desired.enable_dns_hostnames));
    let order = if desired.enable_dns_support { [support, hostnames] } else { [hostnames, support] };
    order.into_iter().flatten().collect()
}

/// What a VPC has beside its description.
struct Attributes {
    hostnames: bool,
    support: bool,
}

/// `None` where it is being deleted.
fn observed(scope: &Scope, vpc: &types::Vpc, attributes: Attributes) -> Option<Observed<VpcSpec>> {
    let state = vpc.state().filter(|state| **state != VpcState::Available);
    (state != Some(&VpcState::Deleting)).then(|| Observed {
        id: vpc.vpc_id().unwrap_or_default().to_owned(),
        name: None,
        owner: scope.owner(&ec2::tags(vpc.tags())),
        spec: VpcSpec {
            cidr_block: vpc.cidr_block().unwrap_or_default().to_owned(),
            enable_dns_hostnames: attributes.hostnames,
            enable_dns_support: attributes.support,
        },
        outputs: BTreeMap::new(),
        created: None,
        pending: state.map(|state| state.as_str().to_owned()),
    })
}

impl Vpcs {
    /// The VPCs that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<types::Vpc>> {
        let pages = self.client.describe_vpcs().set_filters(Some(filters)).into_paginator().items().send();
        pages.try_collect().await.at("ec2:DescribeVpcs", "VPCs")
    }

    async fn by_id(&self, id: &str) -> Result<Option<types::Vpc>> {
        let found = self.list(vec![ec2::filter("vpc-id", id)]).await?;
        Ok(found.into_iter().find(|vpc| vpc.vpc_id() == Some(id)))
    }

    /// `None` where it is gone, or not found yet.
    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<VpcSpec>>> {
        let (vpc, attributes) = try_join(self.by_id(id), self.attributes(id)).await?;
        Ok(vpc.zip(attributes).and_then(|(vpc, attributes)| observed(scope, &vpc, attributes)))
    }

    /// `None` where it is deleted meanwhile.
    async fn observe(&self, scope: &Scope, vpc: &types::Vpc) -> Result<Option<Observed<VpcSpec>>> {
        let attributes = self.attributes(vpc.vpc_id().unwrap_or_default()).await?;
        Ok(attributes.and_then(|attributes| observed(scope, vpc, attributes)))
    }

    async fn attributes(&self, id: &str) -> Result<Option<Attributes>> {
        let attributes = try_join(
            self.attribute(id, VpcAttributeName::EnableDnsHostnames),
            self.attribute(id, VpcAttributeName::EnableDnsSupport),
        );
        match attributes.await {
            Ok((hostnames, support)) => Ok(Some(Attributes { hostnames, support })),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn attribute(&self, id: &str, name: VpcAttributeName) -> Result<bool> {
        let described = self.client.describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send().await;
        let described = described.at("ec2:DescribeVpcAttribute", id)?;
        let value = match name {
            VpcAttributeName::EnableDnsHostnames => described.enable_dns_hostnames,
            _ => described.enable_dns_support,
        };
        Ok(value.and_then(|value| value.value).unwrap_or_default())
    }

    /// The id of a new VPC, which is [`VpcSpec::new_in`] its block.
    async fn create(&self, scope: &Scope, desired: &Desired<VpcSpec>, progress: &Progress) -> Result<String> {
        let Desired { key, spec, .. } = desired;
        let create = self
            .client
            .create_vpc()
            .cidr_block(&spec.cidr_block)
            .tag_specifications(ec2::tag_specification(scope, key, ResourceType::Vpc));
        let create = || {
            let call = create.clone().customize().config_override(ec2::once());
            async {
                let created = call.send().await.at("ec2:CreateVpc", key)?;
                ec2::made("ec2:CreateVpc", key, created.vpc.and_then(|vpc| vpc.vpc_id))
            }
        };
        ec2::create(progress, key, create, || self.survey(scope)).await
    }

    async fn change(&self, key: &Key, id: &str, change: Change) -> Result<()> {
        let on = |on| AttributeBooleanValue::builder().value(on).build();
        let modify = self.client.modify_vpc_attribute().vpc_id(id);
        let modify = match change {
            Change::Support(support) => modify.enable_dns_support(on(support)),
            Change::Hostnames(hostnames) => modify.enable_dns_hostnames(on(hostnames)),
        };
        modify.send().await.at("ec2:ModifyVpcAttribute", key).map(drop)
    }
}

impl Family for Vpcs {
    type Spec = VpcSpec;

    const KIND: Kind = Kind::new("AWS::EC2::VPC");
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeNetworkInterfaces").within(Within::IN_REGION),
        IamAction::read("ec2:DescribeVpcAttribute").within(VPCS),
        IamAction::read("ec2:DescribeVpcs").within(Within::IN_REGION),
        // Called to adopt, and asked for besides a create with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:CreateVpc").within(NEW_VPC),
        IamAction::write("ec2:DeleteNetworkInterface").within(INTERFACES),
        IamAction::write("ec2:DeleteVpc").within(OWN),
        IamAction::write("ec2:ModifyVpcAttribute").within(OWN),
    ];

    /// All of ours: a reply that was lost may have left two of one key, and the plan keeps one.
    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<VpcSpec>>> {
        let vpcs = self.list(ec2::own_filters(scope)).await?;
        let observed = try_join_all(vpcs.iter().map(|vpc| self.observe(scope, vpc))).await?;
        Ok(ec2::ours(observed.into_iter().flatten()))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<VpcSpec>,
        observed: Option<&Observed<VpcSpec>>,
        progress: &Progress,
    ) -> Result<Observed<VpcSpec>> {
        let (id, spec) = match observed {
            Some(there) if there.pending.is_none() && there.spec == desired.spec => return Ok(there.clone()),
            Some(there) => (there.id.clone(), there.spec.clone()),
            None => (self.create(scope, desired, progress).await?, VpcSpec::new_in(&desired.spec.cidr_block)),
        };
        let (key, waits_for) = (&desired.key, "EC2 to find the new VPC everywhere, and to have made it");
        let fresh = |error: &Error| matches!(error.class, Class::NotFound | Class::Conflict);
        for change in changes(&spec, &desired.spec) {
            retry_while(&ec2::FRESH, progress, waits_for, fresh, || self.change(key, &id, change)).await?;
        }
        let get = || self.get(scope, &id);
        ec2::read_back(progress, "ec2:DescribeVpcAttribute", desired, get).await
    }

    async fn delete(&self, observed: &Observed<VpcSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        interfaces::delete_without(&self.client, Place::Vpc, id, progress, || async {
            self.client.delete_vpc().vpc_id(id).send().await.at("ec2:DeleteVpc", id)
        })
        .await?;
        ec2::gone(&ec2::STALE, progress, "ec2:DescribeVpcs", id, || self.by_id(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<VpcSpec>>> {
        match ec2::plain_id(scope, "vpc", id) {
            Some(id) => self.get(scope, id).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<VpcSpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
