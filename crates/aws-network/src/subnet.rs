//! The family `AWS::EC2::Subnet`.

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_ec2::{
    Client,
    types::{self, AttributeBooleanValue, Filter, ResourceType, SubnetState},
};
use resource::{
    Class, Desired, Effect, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope,
    Spec, Within,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scopes::{INTERFACES, NEW_SUBNET, OWN, TAGS};
use crate::{
    ec2,
    interfaces::{self, Place},
    zone::zones,
};

/// A subnet's fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubnetSpec {
    /// The id of its VPC.
    pub vpc_id: String,
    /// Its block of IPv4 addresses, a part of the VPC's.
    pub cidr_block: String,
    /// Which of the account's Availability Zones it lies in, from 0, in the order of their names. Which zones there are
    /// differs between accounts (Tokyo has no `b` for new ones) and may change, so the index is kept as a tag.
    pub zone_index: u32,
    /// Whether what starts in it gets a public address.
    pub map_public_ip_on_launch: bool,
}

impl Spec for SubnetSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "mapPublicIpOnLaunch" => Effect::Update,
            _ => Effect::Replace,
        }
    }
}

/// The tag that keeps the index of the zone that the subnet was made in.
const ZONE_INDEX: &str = "headwater:zone-index";

/// EC2's subnets.
#[derive(Clone, Debug)]
pub struct Subnets {
    client: Client,
}

impl Subnets {
    /// The subnets that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<types::Subnet>> {
        let pages = self.client.describe_subnets().set_filters(Some(filters)).into_paginator().items().send();
        pages.try_collect().await.at("ec2:DescribeSubnets", "subnets")
    }

    async fn by_id(&self, id: &str) -> Result<Option<types::Subnet>> {
        let found = self.list(vec![ec2::filter("subnet-id", id)]).await?;
        Ok(found.into_iter().find(|subnet| subnet.subnet_id() == Some(id)))
    }

    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<SubnetSpec>>> {
        Ok(self.observe(scope, self.by_id(id).await?).await?.pop())
    }

    /// Asks for the zones only where a subnet does not say which one of them it is in.
    async fn observe(
        &self,
        scope: &Scope,
        subnets: impl IntoIterator<Item = types::Subnet>,
    ) -> Result<Vec<Observed<SubnetSpec>>> {
        let subnets: Vec<_> = subnets.into_iter().collect();
        let tagged = subnets.iter().all(|subnet| zone_index(subnet, &[]).is_some());
        let zones = if tagged { Vec::new() } else { zones(&self.client).await? };
        Ok(subnets.iter().map(|subnet| read(scope, subnet, &zones)).collect())
    }

    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<SubnetSpec>,
        progress: &Progress,
    ) -> Result<Observed<SubnetSpec>> {
        let operation = "ec2:CreateSubnet";
        let Desired { key, spec, .. } = desired;
        let zone = self.zone(key, spec.zone_index).await?;
        let tags = ec2::written(with_zone_index(scope.tags(key), spec.zone_index));
        let tags =
            types::TagSpecification::builder().resource_type(ResourceType::Subnet).set_tags(Some(tags));
        let create = self
            .client
            .create_subnet()
            .vpc_id(&spec.vpc_id)
            .cidr_block(&spec.cidr_block)
            .availability_zone(zone)
            .tag_specifications(tags.build());
        let created = ec2::once_found(progress, || {
            let create = create.clone();
            async move { create.send().await.at(operation, key) }
        });
        let id = match created.await {
            Ok(created) => created.subnet.and_then(|subnet| subnet.subnet_id),
            // The addresses are taken: by an earlier attempt, whose reply was lost, or by somebody else.
            Err(error) if error.class == Class::AlreadyExists => {
                Some(self.lost(scope, desired).await?.ok_or(error)?)
            }
            Err(error) => return Err(error),
        };
        self.ready(scope, key, &ec2::made(operation, key, id)?, progress).await
    }

    /// The name of the zone with that index.
    async fn zone(&self, key: &Key, index: u32) -> Result<String> {
        let zones = zones(&self.client).await?;
        let zone = usize::try_from(index).ok().and_then(|index| zones.get(index));
        zone.cloned().ok_or_else(|| {
            let text = format!(
                "the subnet is for zone {} of the region, but the account has only {}: {}; configure fewer zones",
                u64::from(index) + 1,
                zones.len(),
                zones.join(", ")
            );
            Error::new("ec2:DescribeAvailabilityZones", key, Class::Fatal, text)
        })
    }

    /// The subnet that an earlier attempt made.
    async fn lost(&self, scope: &Scope, desired: &Desired<SubnetSpec>) -> Result<Option<String>> {
        let Desired { key, spec, .. } = desired;
        let mut filters = ec2::own_filters(scope);
        filters.push(ec2::filter("vpc-id", &spec.vpc_id));
        let found = self.list(filters).await?.into_iter().find(|subnet| {
            scope.owner(&ec2::tags(subnet.tags())) == Owner::Us(key.clone())
                && subnet.cidr_block() == Some(&spec.cidr_block)
        });
        Ok(found.and_then(|subnet| subnet.subnet_id))
    }

    async fn ready(
        &self,
        scope: &Scope,
        key: &Key,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<SubnetSpec>> {
        let (operation, waits_for) = ("ec2:DescribeSubnets", "the subnet to become available");
        ec2::ready(&ec2::FRESH, progress, operation, key, waits_for, || self.get(scope, id)).await
    }
}

fn with_zone_index(mut tags: BTreeMap<String, String>, index: u32) -> BTreeMap<String, String> {
    tags.insert(ZONE_INDEX.to_owned(), index.to_string());
    tags
}

/// The index of the subnet's zone by its tag; of one that was not made by us, by its zone.
fn zone_index(subnet: &types::Subnet, zones: &[String]) -> Option<u32> {
    let tag = subnet.tags().iter().find(|tag| tag.key() == Some(ZONE_INDEX));
    tag.and_then(|tag| tag.value()?.parse().ok()).or_else(|| {
        let place = zones.iter().position(|zone| Some(zone.as_str()) == subnet.availability_zone());
        place.and_then(|place| u32::try_from(place).ok())
    })
}

fn read(scope: &Scope, subnet: &types::Subnet, zones: &[String]) -> Observed<SubnetSpec> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let state = subnet.state().filter(|state| **state != SubnetState::Available);
    let zone = text(subnet.availability_zone());
    Observed {
        id: text(subnet.subnet_id()),
        name: None,
        owner: scope.owner(&ec2::tags(subnet.tags())),
        spec: SubnetSpec {
            vpc_id: text(subnet.vpc_id()),
            cidr_block: text(subnet.cidr_block()),
            // A zone that is none of ours, as a Local Zone, has an index that no blueprint gives.
            zone_index: zone_index(subnet, zones).unwrap_or(u32::MAX),
            map_public_ip_on_launch: subnet.map_public_ip_on_launch().unwrap_or_default(),
        },
        outputs: BTreeMap::from([("availabilityZone".to_owned(), zone)]),
        created: None,
        pending: state.map(|state| state.as_str().to_owned()),
    }
}

impl Family for Subnets {
    type Spec = SubnetSpec;

    const KIND: Kind = Kind::new("AWS::EC2::Subnet");
    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::EC2::VPC")];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeAvailabilityZones").within(Within::IN_REGION),
        IamAction::read("ec2:DescribeNetworkInterfaces").within(Within::IN_REGION),
        IamAction::read("ec2:DescribeSubnets").within(Within::IN_REGION),
        IamAction::write("ec2:CreateSubnet").within(NEW_SUBNET),
        // Called to adopt, and asked for besides a create with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:DeleteNetworkInterface").within(INTERFACES),
        IamAction::write("ec2:DeleteSubnet").within(OWN),
        IamAction::write("ec2:ModifySubnetAttribute").within(OWN),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<SubnetSpec>>> {
        let subnets = self.list(ec2::own_filters(scope)).await?;
        Ok(ec2::ours(self.observe(scope, subnets).await?))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<SubnetSpec>,
        observed: Option<&Observed<SubnetSpec>>,
        progress: &Progress,
    ) -> Result<Observed<SubnetSpec>> {
        let key = &desired.key;
        let there = match observed {
            Some(there) if there.pending.is_none() => there.clone(),
            Some(there) => self.ready(scope, key, &there.id, progress).await?,
            None => self.create(scope, desired, progress).await?,
        };
        let public = desired.spec.map_public_ip_on_launch;
        if there.spec.map_public_ip_on_launch == public {
            return Ok(there);
        }
        let public = AttributeBooleanValue::builder().value(public).build();
        let modify =
            self.client.modify_subnet_attribute().subnet_id(&there.id).map_public_ip_on_launch(public);
        ec2::once_found(progress, || {
            let modify = modify.clone();
            async move { modify.send().await.at("ec2:ModifySubnetAttribute", key) }
        })
        .await?;
        let get = || self.get(scope, &there.id);
        ec2::read_back(progress, "ec2:DescribeSubnets", desired, get).await
    }

    async fn delete(&self, observed: &Observed<SubnetSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        interfaces::delete_without(&self.client, Place::Subnet, id, progress, || async {
            self.client.delete_subnet().subnet_id(id).send().await.at("ec2:DeleteSubnet", id)
        })
        .await?;
        ec2::gone(&ec2::STALE, progress, "ec2:DescribeSubnets", id, || self.by_id(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<SubnetSpec>>> {
        match ec2::plain_id(scope, "subnet", id) {
            Some(id) => self.get(scope, id).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<SubnetSpec>) -> Result<()> {
        let tags = with_zone_index(scope.tags(key), observed.spec.zone_index);
        ec2::adopt(&self.client, key, &observed.id, tags).await
    }
}
