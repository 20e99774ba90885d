//! The family `AWS::EC2::EIP`.

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_ec2::{
    Client,
    types::{self, DomainType, Filter, ResourceType},
};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Spec, Within,
};
use serde::{Deserialize, Serialize};

use crate::ec2;
use crate::scopes::{NEW_ELASTIC_IP, OWN, TAGS};

/// An Elastic IP address's fields: there are none that we choose. It is a VPC's, from Amazon's addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ElasticIpSpec {}

impl Spec for ElasticIpSpec {}

/// EC2's Elastic IP addresses. One's id is its allocation's.
#[derive(Clone, Debug)]
pub struct ElasticIps {
    client: Client,
}

impl ElasticIps {
    /// The addresses that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<types::Address>> {
        let listed = self.client.describe_addresses().set_filters(Some(filters)).send().await;
        Ok(listed.at("ec2:DescribeAddresses", "addresses")?.addresses.unwrap_or_default())
    }

    async fn by_id(&self, id: &str) -> Result<Option<types::Address>> {
        let found = self.list(vec![ec2::filter("allocation-id", id)]).await?;
        Ok(found.into_iter().find(|address| address.allocation_id() == Some(id)))
    }

    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ElasticIpSpec>>> {
        Ok(self.by_id(id).await?.map(|address| read(scope, &address)))
    }
}

fn read(scope: &Scope, address: &types::Address) -> Observed<ElasticIpSpec> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Observed {
        id: text(address.allocation_id()),
        name: None,
        owner: scope.owner(&ec2::tags(address.tags())),
        spec: ElasticIpSpec {},
        outputs: BTreeMap::from([("publicIp".to_owned(), text(address.public_ip()))]),
        created: None,
        pending: None,
    }
}

impl Family for ElasticIps {
    type Spec = ElasticIpSpec;

    const KIND: Kind = Kind::new("AWS::EC2::EIP");
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeAddresses").within(Within::IN_REGION),
        IamAction::write("ec2:AllocateAddress").within(NEW_ELASTIC_IP),
        // Called to adopt, and asked for besides a create with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:ReleaseAddress").within(OWN),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<ElasticIpSpec>>> {
        let addresses = self.list(ec2::own_filters(scope)).await?;
        Ok(ec2::ours(addresses.iter().map(|address| read(scope, address))))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<ElasticIpSpec>,
        observed: Option<&Observed<ElasticIpSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ElasticIpSpec>> {
        if let Some(there) = observed {
            return Ok(there.clone());
        }
        let key = &desired.key;
        let allocate = self
            .client
            .allocate_address()
            .domain(DomainType::Vpc)
            .tag_specifications(ec2::tag_specification(scope, key, ResourceType::ElasticIp));
        let allocate = || {
            let call = allocate.clone().customize().config_override(ec2::once());
            async {
                let allocated = call.send().await.at("ec2:AllocateAddress", key)?;
                ec2::made("ec2:AllocateAddress", key, allocated.allocation_id)
            }
        };
        let id = ec2::create(progress, key, allocate, || self.survey(scope)).await?;
        let (operation, waits_for) = ("ec2:DescribeAddresses", "the new address to be seen");
        ec2::ready(&ec2::FRESH, progress, operation, key, waits_for, || self.get(scope, &id)).await
    }

    async fn delete(&self, observed: &Observed<ElasticIpSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        // A NAT gateway that was just deleted keeps its address for a moment. EC2 then says AuthFailure, as if the address
        // were somebody else's.
        let in_use = |error: &Error| error.class == Class::Conflict || error.says("AuthFailure");
        let waits_for = "the address to be no longer in use";
        let released = retry_while(&ec2::SETTLE, progress, waits_for, in_use, || async {
            self.client.release_address().allocation_id(id).send().await.at("ec2:ReleaseAddress", id)
        });
        ec2::or_gone(released.await)?;
        ec2::gone(&ec2::STALE, progress, "ec2:DescribeAddresses", id, || self.by_id(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ElasticIpSpec>>> {
        match ec2::plain_id(scope, "elastic-ip", id) {
            Some(id) => self.get(scope, id).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<ElasticIpSpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
