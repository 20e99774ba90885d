//! The family `AWS::EC2::NatGateway`: public ones, with one address each.

use std::{collections::BTreeMap, time::Duration};

use aws_env::{At, Patience, SdkConfig};
use aws_sdk_ec2::{
    Client,
    types::{self, Filter, NatGatewayState, ResourceType, TagSpecification},
};
use resource::{
    Class, Desired, Effect, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Spec,
    Within,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ec2;
use crate::scopes::{NEW_NAT_GATEWAY, OWN, TAGS};

/// A NAT gateway's fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatGatewaySpec {
    /// The id of the subnet that it lies in: a public one, whose VPC has its internet gateway already.
    pub subnet_id: String,
    /// The id of the allocation of its public address.
    pub allocation_id: String,
}

impl Spec for NatGatewaySpec {
    fn effect(_: &str, _: &Value, _: &Value) -> Effect {
        Effect::Replace
    }
}

/// A NAT gateway is made in two minutes and deleted in about as many; EC2 gives no bound.
const SLOW: Patience =
    Patience::new(Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(20 * 60));

/// The tag that keeps the allocation's id: a gateway that is just made, and an emulator's always, does not show its address.
const ALLOCATION: &str = "headwater:allocation-id";

/// EC2's NAT gateways.
#[derive(Clone, Debug)]
pub struct NatGateways {
    client: Client,
}

impl NatGateways {
    /// The NAT gateways that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<types::NatGateway>> {
        let describe = self.client.describe_nat_gateways().set_filter(Some(filters));
        let pages = describe.into_paginator().items().send();
        pages.try_collect().await.at("ec2:DescribeNatGateways", "NAT gateways")
    }

    /// The gateway, unless it is deleted; EC2 shows it for another hour then.
    async fn by_id(&self, id: &str) -> Result<Option<types::NatGateway>> {
        let found = self.list(vec![ec2::filter("nat-gateway-id", id)]).await?;
        Ok(found.into_iter().find(|gateway| {
            gateway.nat_gateway_id() == Some(id) && gateway.state() != Some(&NatGatewayState::Deleted)
        }))
    }

    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<NatGatewaySpec>>> {
        Ok(self.by_id(id).await?.and_then(|gateway| read(scope, &gateway)))
    }

    /// Creates the gateway. The SDK gives each call a token of its own, so its retries make no second one; one that is the
    /// same for each run would give the gateway back that another run deleted.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<NatGatewaySpec>,
        progress: &Progress,
    ) -> Result<String> {
        let Desired { key, spec, .. } = desired;
        let mut tags = scope.tags(key);
        tags.insert(ALLOCATION.to_owned(), spec.allocation_id.clone());
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::Natgateway)
            .set_tags(Some(ec2::written(tags)));
        let create = self
            .client
            .create_nat_gateway()
            .subnet_id(&spec.subnet_id)
            .allocation_id(&spec.allocation_id)
            .tag_specifications(tags.build());
        let created = ec2::once_found(progress, || {
            let create = create.clone();
            async move { create.send().await.at("ec2:CreateNatGateway", key) }
        })
        .await?;
        let id = created.nat_gateway.and_then(|gateway| gateway.nat_gateway_id);
        ec2::made("ec2:CreateNatGateway", key, id)
    }

    async fn available(
        &self,
        scope: &Scope,
        key: &Key,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<NatGatewaySpec>> {
        let operation = "ec2:DescribeNatGateways";
        let waits_for = "the NAT gateway to become available";
        ec2::ready(&SLOW, progress, operation, key, waits_for, || async {
            match self.by_id(id).await? {
                Some(gateway) if gateway.state() == Some(&NatGatewayState::Failed) => {
                    Err(Error::new(operation, key, Class::Fatal, failure(&gateway)))
                }
                gateway => Ok(gateway.and_then(|gateway| read(scope, &gateway))),
            }
        })
        .await
    }
}

fn failure(gateway: &types::NatGateway) -> String {
    let code = gateway.failure_code().unwrap_or("no reason given");
    let message = gateway.failure_message().unwrap_or_default();
    let id = gateway.nat_gateway_id().unwrap_or_default();
    format!(
        "{id} could not be made: {code}: {message}; EC2 removes it by itself, so deploy again once the cause is gone"
    )
}

/// What is observed of the gateway. One that goes away is none, and so is one that could not be made: it never becomes usable,
/// and EC2 removes it within the hour.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>
fn read(scope: &Scope, gateway: &types::NatGateway) -> Option<Observed<NatGatewaySpec>> {
    let pending = match gateway.state()? {
        NatGatewayState::Available => None,
        NatGatewayState::Deleted | NatGatewayState::Deleting | NatGatewayState::Failed => return None,
        state => Some(state.as_str().to_owned()),
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let tags = ec2::tags(gateway.tags());
    let addresses = gateway.nat_gateway_addresses();
    let primary = addresses.iter().find(|address| address.is_primary() == Some(true)).or(addresses.first());
    let allocation = primary.and_then(|address| address.allocation_id());
    Some(Observed {
        id: text(gateway.nat_gateway_id()),
        name: None,
        owner: scope.owner(&tags),
        spec: NatGatewaySpec {
            subnet_id: text(gateway.subnet_id()),
            allocation_id: text(allocation.or_else(|| tags.get(ALLOCATION).map(String::as_str))),
        },
        outputs: BTreeMap::new(),
        created: gateway.create_time().map(ToString::to_string),
        pending,
    })
}

impl Family for NatGateways {
    type Spec = NatGatewaySpec;

    const KIND: Kind = Kind::new("AWS::EC2::NatGateway");
    // It is deleted before the internet gateway, which cannot be detached while an address is mapped.
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EC2::EIP"),
        Kind::new("AWS::EC2::InternetGateway"),
        Kind::new("AWS::EC2::Subnet"),
        Kind::new("AWS::EC2::VPC"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeNatGateways").within(Within::IN_REGION),
        IamAction::write("ec2:CreateNatGateway").within(NEW_NAT_GATEWAY),
        // Called to adopt, and asked for besides a create with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:DeleteNatGateway").within(OWN),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<NatGatewaySpec>>> {
        let gateways = self.list(ec2::own_filters(scope)).await?;
        Ok(ec2::ours(gateways.iter().filter_map(|gateway| read(scope, gateway))))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<NatGatewaySpec>,
        observed: Option<&Observed<NatGatewaySpec>>,
        progress: &Progress,
    ) -> Result<Observed<NatGatewaySpec>> {
        let id = match observed {
            Some(there) if there.pending.is_none() => return Ok(there.clone()),
            Some(there) => there.id.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        self.available(scope, &desired.key, &id, progress).await
    }

    async fn delete(&self, observed: &Observed<NatGatewaySpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        ec2::delete(progress, "the NAT gateway to be free", || async {
            self.client.delete_nat_gateway().nat_gateway_id(id).send().await.at("ec2:DeleteNatGateway", id)
        })
        .await?;
        // Until it is gone, it holds its address, its subnet and the internet gateway.
        ec2::gone(&SLOW, progress, "ec2:DescribeNatGateways", id, || self.by_id(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<NatGatewaySpec>>> {
        match ec2::plain_id(scope, "natgateway", id) {
            Some(id) => self.get(scope, id).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<NatGatewaySpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
