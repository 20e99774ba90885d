//! The family `AWS::EC2::InternetGateway`, with its attachment to a VPC.

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_ec2::{
    Client,
    types::{self, AttachmentStatus, Filter, ResourceType},
};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Spec, Within,
};
use serde::{Deserialize, Serialize};

use crate::ec2;
use crate::scopes::{NEW_INTERNET_GATEWAY, OWN, TAGS};

/// An internet gateway's fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InternetGatewaySpec {
    /// The id of the VPC that it is attached to.
    pub vpc_id: Option<String>,
}

impl Spec for InternetGatewaySpec {}

/// EC2's internet gateways.
#[derive(Clone, Debug)]
pub struct InternetGateways {
    client: Client,
}

impl InternetGateways {
    /// The internet gateways that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<types::InternetGateway>> {
        let describe = self.client.describe_internet_gateways().set_filters(Some(filters));
        let pages = describe.into_paginator().items().send();
        pages.try_collect().await.at("ec2:DescribeInternetGateways", "internet gateways")
    }

    async fn by_id(&self, id: &str) -> Result<Option<types::InternetGateway>> {
        let found = self.list(vec![ec2::filter("internet-gateway-id", id)]).await?;
        Ok(found.into_iter().find(|gateway| gateway.internet_gateway_id() == Some(id)))
    }

    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<InternetGatewaySpec>>> {
        Ok(self.by_id(id).await?.map(|gateway| read(scope, &gateway)))
    }

    /// The id of a new gateway, which is attached to nothing.
    async fn create(&self, scope: &Scope, key: &Key, progress: &Progress) -> Result<String> {
        let tags = ec2::tag_specification(scope, key, ResourceType::InternetGateway);
        let create = self.client.create_internet_gateway().tag_specifications(tags);
        let create = || {
            let call = create.clone().customize().config_override(ec2::once());
            async {
                let created = call.send().await.at("ec2:CreateInternetGateway", key)?;
                let id = created.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
                ec2::made("ec2:CreateInternetGateway", key, id)
            }
        };
        ec2::create(progress, key, create, || self.survey(scope)).await
    }

    async fn attach(&self, key: &Key, id: &str, vpc: &str, progress: &Progress) -> Result<()> {
        let operation = "ec2:AttachInternetGateway";
        // One of the two is too fresh to be found; or the VPC is still attached to one of two gateways that a lost reply
        // left, or this one to the VPC before, and EC2 tells the former by its message alone.
        let passes = |error: &Error| {
            matches!(error.class, Class::NotFound | Class::AlreadyExists)
                || error.says("already has an internet gateway attached")
        };
        let waits_for = "the VPC to take the internet gateway";
        retry_while(&ec2::FRESH, progress, waits_for, passes, || async {
            let attach = self.client.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
            match attach.send().await.at(operation, key) {
                // An earlier attempt attached it, and its reply was lost.
                Err(error) if error.class == Class::AlreadyExists && error.says(vpc) => Ok(()),
                done => done.map(drop),
            }
        })
        .await
    }

    /// Detaches it, once nothing in the VPC has a public address mapped any more.
    async fn detach(&self, id: &str, vpc: &str, progress: &Progress) -> Result<()> {
        let waits_for = format!("the public addresses of {vpc} to be unmapped");
        ec2::delete(progress, &waits_for, || async {
            let detach = self.client.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
            detach.send().await.at("ec2:DetachInternetGateway", id)
        })
        .await
    }
}

fn read(scope: &Scope, gateway: &types::InternetGateway) -> Observed<InternetGatewaySpec> {
    // EC2 says `available` of one that is attached.
    let leaving = [AttachmentStatus::Detaching, AttachmentStatus::Detached];
    let attachments = gateway.attachments().iter();
    let mut attached =
        attachments.filter(|attachment| attachment.state().is_none_or(|state| !leaving.contains(state)));
    Observed {
        id: gateway.internet_gateway_id().unwrap_or_default().to_owned(),
        name: None,
        owner: scope.owner(&ec2::tags(gateway.tags())),
        spec: InternetGatewaySpec { vpc_id: attached.find_map(|to| to.vpc_id()).map(str::to_owned) },
        outputs: BTreeMap::new(),
        created: None,
        pending: None,
    }
}

impl Family for InternetGateways {
    type Spec = InternetGatewaySpec;

    const KIND: Kind = Kind::new("AWS::EC2::InternetGateway");
    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::EC2::VPC")];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeInternetGateways").within(Within::IN_REGION),
        IamAction::write("ec2:AttachInternetGateway").within(OWN),
        IamAction::write("ec2:CreateInternetGateway").within(NEW_INTERNET_GATEWAY),
        // Called to adopt, and asked for besides a create with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:DeleteInternetGateway").within(OWN),
        IamAction::write("ec2:DetachInternetGateway").within(OWN),
    ];

    /// All of ours: a reply that was lost may have left two of one key, and the plan keeps one.
    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<InternetGatewaySpec>>> {
        let gateways = self.list(ec2::own_filters(scope)).await?;
        Ok(ec2::ours(gateways.iter().map(|gateway| read(scope, gateway))))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<InternetGatewaySpec>,
        observed: Option<&Observed<InternetGatewaySpec>>,
        progress: &Progress,
    ) -> Result<Observed<InternetGatewaySpec>> {
        let (id, attached_to) = match observed {
            Some(there) if there.spec == desired.spec => return Ok(there.clone()),
            Some(there) => (there.id.clone(), there.spec.vpc_id.as_deref()),
            None => (self.create(scope, &desired.key, progress).await?, None),
        };
        if let Some(vpc) = attached_to {
            self.detach(&id, vpc, progress).await?;
        }
        if let Some(vpc) = &desired.spec.vpc_id {
            self.attach(&desired.key, &id, vpc, progress).await?;
        }
        let get = || self.get(scope, &id);
        ec2::read_back(progress, "ec2:DescribeInternetGateways", desired, get).await
    }

    async fn delete(&self, observed: &Observed<InternetGatewaySpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        if let Some(vpc) = &observed.spec.vpc_id {
            self.detach(id, vpc, progress).await?;
        }
        ec2::delete(progress, "the internet gateway to be detached", || async {
            let delete = self.client.delete_internet_gateway().internet_gateway_id(id);
            delete.send().await.at("ec2:DeleteInternetGateway", id)
        })
        .await?;
        let operation = "ec2:DescribeInternetGateways";
        ec2::gone(&ec2::STALE, progress, operation, id, || self.by_id(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<InternetGatewaySpec>>> {
        match ec2::plain_id(scope, "internet-gateway", id) {
            Some(id) => self.get(scope, id).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<InternetGatewaySpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
