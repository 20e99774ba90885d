//! The family `AWS::EC2::RouteTable`, with its routes and its associations.

mod change;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use aws_env::{At, SdkConfig};
use aws_sdk_ec2::{
    Client,
    types::{self, Filter, ResourceType},
};
use futures::future::try_join_all;
use resource::{
    Desired, Effect, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Spec, Within,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ec2;
use crate::scopes::{NEW_ROUTE_TABLE, OWN, TAGS};
use read::read;

/// A route table's fields. Its local routes and those of gateway endpoints come and go by themselves, and are none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTableSpec {
    /// The id of its VPC.
    pub vpc_id: String,
    /// Where traffic goes: block of addresses → the id of an internet gateway (`igw-…`) or a NAT gateway (`nat-…`).
    pub routes: BTreeMap<String, String>,
    /// The ids of the subnets that follow it. One that is of another table's until now is taken from it.
    pub subnet_ids: BTreeSet<String>,
}

impl RouteTableSpec {
    /// A new table of that VPC.
    fn empty(vpc_id: &str) -> Self {
        Self { vpc_id: vpc_id.to_owned(), routes: BTreeMap::new(), subnet_ids: BTreeSet::new() }
    }
}

impl Spec for RouteTableSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "vpcId" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

/// EC2's route tables.
#[derive(Clone, Debug)]
pub struct RouteTables {
    client: Client,
}

impl RouteTables {
    /// The route tables that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<types::RouteTable>> {
        let describe = self.client.describe_route_tables().set_filters(Some(filters));
        let pages = describe.into_paginator().items().send();
        pages.try_collect().await.at("ec2:DescribeRouteTables", "route tables")
    }

    async fn by_id(&self, id: &str) -> Result<Option<types::RouteTable>> {
        let found = self.list(vec![ec2::filter("route-table-id", id)]).await?;
        Ok(found.into_iter().find(|table| table.route_table_id() == Some(id)))
    }

    async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Observed<RouteTableSpec>>> {
        Ok(self.by_id(id).await?.map(|table| read(scope, &table)))
    }

    /// The id of a new table, which is empty. The SDK gives each call a token, so its retries make no second one.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<RouteTableSpec>,
        progress: &Progress,
    ) -> Result<String> {
        let key = &desired.key;
        let create = self
            .client
            .create_route_table()
            .vpc_id(&desired.spec.vpc_id)
            .tag_specifications(ec2::tag_specification(scope, key, ResourceType::RouteTable));
        let created = ec2::once_found(progress, || {
            let create = create.clone();
            async move { create.send().await.at("ec2:CreateRouteTable", key) }
        })
        .await?;
        let id = created.route_table.and_then(|table| table.route_table_id);
        ec2::made("ec2:CreateRouteTable", key, id)
    }
}

impl Family for RouteTables {
    type Spec = RouteTableSpec;

    const KIND: Kind = Kind::new("AWS::EC2::RouteTable");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EC2::InternetGateway"),
        Kind::new("AWS::EC2::NatGateway"),
        Kind::new("AWS::EC2::Subnet"),
        Kind::new("AWS::EC2::VPC"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeRouteTables").within(Within::IN_REGION),
        IamAction::write("ec2:AssociateRouteTable").within(OWN),
        IamAction::write("ec2:CreateRoute").within(OWN),
        IamAction::write("ec2:CreateRouteTable").within(NEW_ROUTE_TABLE),
        // Called to adopt, and asked for besides a create with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:DeleteRoute").within(OWN),
        IamAction::write("ec2:DeleteRouteTable").within(OWN),
        IamAction::write("ec2:DisassociateRouteTable").within(OWN),
        IamAction::write("ec2:ReplaceRoute").within(OWN),
        IamAction::write("ec2:ReplaceRouteTableAssociation").within(OWN),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<RouteTableSpec>>> {
        let tables = self.list(ec2::own_filters(scope)).await?;
        Ok(ec2::ours(tables.iter().map(|table| read(scope, table))))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<RouteTableSpec>,
        observed: Option<&Observed<RouteTableSpec>>,
        progress: &Progress,
    ) -> Result<Observed<RouteTableSpec>> {
        let (id, spec) = match observed {
            Some(there) if there.spec == desired.spec => return Ok(there.clone()),
            Some(there) => (there.id.clone(), there.spec.clone()),
            None => {
                (self.create(scope, desired, progress).await?, RouteTableSpec::empty(&desired.spec.vpc_id))
            }
        };
        // What is in no order to one another is done at once.
        for changes in change::changes(&spec, &desired.spec) {
            let applied = changes.iter().map(|change| self.apply(&desired.key, &id, change, progress));
            try_join_all(applied).await?;
        }
        let get = || self.get(scope, &id);
        ec2::read_back(progress, "ec2:DescribeRouteTables", desired, get).await
    }

    async fn delete(&self, observed: &Observed<RouteTableSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        let Some(table) = self.by_id(id).await? else { return Ok(()) };
        let associations = table.associations().iter().filter(|association| read::is_of_subnet(association));
        let disassociated = associations.map(|one| self.disassociate(id, one.route_table_association_id()));
        try_join_all(disassociated).await?;
        ec2::delete(progress, "the route table to be no longer associated", || async {
            self.client.delete_route_table().route_table_id(id).send().await.at("ec2:DeleteRouteTable", id)
        })
        .await?;
        ec2::gone(&ec2::STALE, progress, "ec2:DescribeRouteTables", id, || self.by_id(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<RouteTableSpec>>> {
        match ec2::plain_id(scope, "route-table", id) {
            Some(id) => self.get(scope, id).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<RouteTableSpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
