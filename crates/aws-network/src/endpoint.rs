//! The family `AWS::EC2::VPCEndpoint`.

mod change;
mod read;
mod spec;
#[cfg(test)]
mod tests;

use aws_env::{At, SdkConfig, retry_while, wait_until};
use aws_sdk_ec2::{
    Client,
    types::{Filter, VpcEndpoint},
};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

pub use self::spec::{VpcEndpointSpec, VpcEndpointType};
use crate::ec2::{self, FRESH, SETTLE};
use crate::scopes::{NEW_VPC_ENDPOINT, OWN, TAGS, ZONES};

const DELETE: &str = "ec2:DeleteVpcEndpoints";
const DESCRIBE: &str = "ec2:DescribeVpcEndpoints";
const MODIFY: &str = "ec2:ModifyVpcEndpoint";

/// What asks for more than the call's own action to make an endpoint with private DNS.
const PRIVATE_DNS: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html";

/// EC2's VPC endpoints, of the types gateway and interface.
///
/// An endpoint keeps EC2's default policy, which allows all that the caller's own policies allow.
#[derive(Clone, Debug)]
pub struct VpcEndpoints {
    client: Client,
}

impl VpcEndpoints {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<VpcEndpoint>> {
        let pages = self.client.describe_vpc_endpoints().set_filters(Some(filters)).into_paginator();
        let endpoints: Vec<_> = pages.items().send().try_collect().await.at(DESCRIBE, "VPC endpoints")?;
        Ok(endpoints.into_iter().filter(|one| !read::is_going(one)).collect())
    }

    /// The endpoint of that id; `None` where it is gone.
    async fn endpoint(&self, id: &str) -> Result<Option<VpcEndpoint>> {
        match self.client.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.at(DESCRIBE, id) {
            Ok(found) => Ok(found.vpc_endpoints.unwrap_or_default().into_iter().next()),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<VpcEndpointSpec>,
        progress: &Progress,
    ) -> Result<Observed<VpcEndpointSpec>> {
        let Desired { key, spec, .. } = desired;
        let create = change::create(&self.client, scope, key, spec);
        let waits_for = "EC2 to know what the endpoint needs, and to forget one before it";
        let made = retry_while(&SETTLE, progress, waits_for, change::settles, || async {
            create.clone().send().await.at(change::CREATE, key)
        })
        .await?;
        let no_id = || Error::new(change::CREATE, key, Class::Fatal, "EC2 gave no id for the endpoint");
        let id = made.vpc_endpoint.and_then(|made| made.vpc_endpoint_id).ok_or_else(no_id)?;
        self.available(scope, key, &id, progress).await
    }

    /// The endpoint when it can be used.
    async fn available(
        &self,
        scope: &Scope,
        key: &Key,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<VpcEndpointSpec>> {
        let waits_for = "the VPC endpoint to be available";
        wait_until(&change::AVAILABLE, progress, DESCRIBE, key, waits_for, || async {
            let Some(endpoint) = self.endpoint(id).await? else { return Ok(None) };
            if read::has_failed(&endpoint) {
                return Err(Error::new(DESCRIBE, key, Class::Fatal, read::failure(&endpoint)));
            }
            let seen = read::observed(scope, &endpoint)?;
            Ok((seen.pending.is_none() && seen.owner == Owner::Us(key.clone())).then_some(seen))
        })
        .await
    }

    /// What is there, with nothing under way; a new one where there was none, or none that can ever be used.
    async fn settled(
        &self,
        scope: &Scope,
        desired: &Desired<VpcEndpointSpec>,
        observed: Option<&Observed<VpcEndpointSpec>>,
        progress: &Progress,
    ) -> Result<Observed<VpcEndpointSpec>> {
        let Some(observed) = observed else { return self.create(scope, desired, progress).await };
        if observed.pending.is_none() {
            return Ok(observed.clone());
        }
        match self.endpoint(&observed.id).await?.filter(|endpoint| !read::is_going(endpoint)) {
            Some(endpoint) if !read::has_failed(&endpoint) => {
                self.available(scope, &desired.key, &observed.id, progress).await
            }
            _ => {
                Family::delete(self, observed, progress).await?;
                self.create(scope, desired, progress).await
            }
        }
    }
}

impl Family for VpcEndpoints {
    type Spec = VpcEndpointSpec;

    const KIND: Kind = Kind::new("AWS::EC2::VPCEndpoint");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EC2::RouteTable"),
        Kind::new("AWS::EC2::SecurityGroup"),
        Kind::new("AWS::EC2::Subnet"),
        Kind::new("AWS::EC2::VPC"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeVpcEndpoints").within(Within::IN_REGION),
        // Called to adopt, and asked for besides the create call with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:CreateVpcEndpoint").within(NEW_VPC_ENDPOINT),
        IamAction::write("ec2:DeleteVpcEndpoints").within(OWN),
        IamAction::write("ec2:ModifyVpcEndpoint").within(OWN),
        IamAction::dependent("route53:AssociateVPCWithHostedZone", PRIVATE_DNS).within(ZONES),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<VpcEndpointSpec>>> {
        let endpoints = self.list(ec2::own_filters(scope)).await?;
        let ours = endpoints.iter().filter(|one| matches!(read::owner(scope, one), Owner::Us(_)));
        ours.map(|endpoint| read::observed(scope, endpoint)).collect()
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<VpcEndpointSpec>,
        observed: Option<&Observed<VpcEndpointSpec>>,
        progress: &Progress,
    ) -> Result<Observed<VpcEndpointSpec>> {
        let Desired { key, spec, .. } = desired;
        let there = self.settled(scope, desired, observed, progress).await?;
        if there.spec == *spec {
            return Ok(there);
        }
        let modify = change::modify(&self.client, &there, spec);
        retry_while(&FRESH, progress, "EC2 to take the endpoint's change", change::settles, || async {
            modify.clone().send().await.at(MODIFY, key)
        })
        .await?;
        let read = ec2::read_back(progress, DESCRIBE, desired, || async {
            let endpoint = self.endpoint(&there.id).await?;
            endpoint.map(|endpoint| read::observed(scope, &endpoint)).transpose()
        })
        .await?;
        match read.pending {
            None => Ok(read),
            Some(_) => self.available(scope, key, &there.id, progress).await,
        }
    }

    async fn delete(&self, observed: &Observed<VpcEndpointSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        ec2::delete(progress, "EC2 to end what it does with the endpoint", || async {
            let deleted = self.client.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await;
            change::deleted(DELETE, id, &deleted.at(DELETE, id)?)
        })
        .await?;
        ec2::gone(&change::AVAILABLE, progress, DESCRIBE, id, || async {
            Ok(self.endpoint(id).await?.filter(|endpoint| !read::is_gone(endpoint)))
        })
        .await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<VpcEndpointSpec>>> {
        let Some(id) = ec2::plain_id(scope, "vpc-endpoint", id).filter(|id| id.starts_with("vpce-")) else {
            return Ok(None);
        };
        let found = self.endpoint(id).await?.filter(|endpoint| !read::is_going(endpoint));
        found.map(|endpoint| read::observed(scope, &endpoint)).transpose()
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<VpcEndpointSpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
