//! Changing a route table: what differs, as data, and the calls.

use aws_env::{At, retry_while};
use resource::{Class, Error, Key, Progress, Result};

use super::{RouteTableSpec, RouteTables, read::is_of_subnet};
use crate::ec2;

/// One call's worth of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    CreateRoute { destination: String, target: String },
    ReplaceRoute { destination: String, target: String },
    Associate { subnet: String },
    Disassociate { subnet: String },
    DeleteRoute { destination: String },
}

/// The changes that make a table as `observed` one as `desired`, in groups of which each waits for the one before: first what
/// it gains, so that a subnet finds its routes when it comes, and what it loses last.
pub(super) fn changes(observed: &RouteTableSpec, desired: &RouteTableSpec) -> [Vec<Change>; 4] {
    let gained = desired.routes.iter().filter_map(|(destination, target)| {
        let (destination, target) = (destination.clone(), target.clone());
        match observed.routes.get(&destination) {
            None => Some(Change::CreateRoute { destination, target }),
            Some(there) if *there != target => Some(Change::ReplaceRoute { destination, target }),
            Some(_) => None,
        }
    });
    let associated = desired.subnet_ids.difference(&observed.subnet_ids).cloned();
    let disassociated = observed.subnet_ids.difference(&desired.subnet_ids).cloned();
    let lost = observed.routes.keys().filter(|destination| !desired.routes.contains_key(*destination));
    [
        gained.collect(),
        associated.map(|subnet| Change::Associate { subnet }).collect(),
        disassociated.map(|subnet| Change::Disassociate { subnet }).collect(),
        lost.cloned().map(|destination| Change::DeleteRoute { destination }).collect(),
    ]
}

/// A route's target as the calls take it.
#[derive(Default)]
struct Target {
    gateway_id: Option<String>,
    nat_gateway_id: Option<String>,
}

fn target(operation: &'static str, key: &Key, id: &str) -> Result<Target> {
    let id = id.to_owned();
    match id.split_once('-') {
        Some(("igw", _)) => Ok(Target { gateway_id: Some(id), ..Target::default() }),
        Some(("nat", _)) => Ok(Target { nat_gateway_id: Some(id), ..Target::default() }),
        _ => {
            let text = format!(
                "a route goes to an internet gateway (igw-…) or a NAT gateway (nat-…), not to `{id}`"
            );
            Err(Error::new(operation, key, Class::Fatal, text))
        }
    }
}

/// A destination as the calls take it: block of IPv4 or of IPv6 addresses.
fn destination(block: &str) -> (Option<String>, Option<String>) {
    let block = block.to_owned();
    if block.contains(':') { (None, Some(block)) } else { (Some(block), None) }
}

impl RouteTables {
    pub(super) async fn apply(
        &self,
        key: &Key,
        id: &str,
        change: &Change,
        progress: &Progress,
    ) -> Result<()> {
        // The other end is too fresh to be found, or its attachment is, which EC2 tells by its message alone.
        let fresh =
            |error: &Error| error.class == Class::NotFound || error.says("belong to different networks");
        let waits_for = "EC2 to find everywhere what was just made";
        retry_while(&ec2::FRESH, progress, waits_for, fresh, || self.call(key, id, change)).await
    }

    async fn call(&self, key: &Key, id: &str, change: &Change) -> Result<()> {
        match change {
            Change::CreateRoute { destination, target } => {
                match self.create_route(key, id, destination, target).await {
                    // An earlier attempt made it, and its reply was lost; or the survey did not see it yet.
                    Err(error) if error.class == Class::AlreadyExists => {
                        self.replace_route(key, id, destination, target).await
                    }
                    done => done,
                }
            }
            Change::ReplaceRoute { destination, target } => {
                self.replace_route(key, id, destination, target).await
            }
            Change::DeleteRoute { destination } => self.delete_route(key, id, destination).await,
            Change::Associate { subnet } => self.associate(key, id, subnet).await,
            Change::Disassociate { subnet } => {
                let table = self.by_id(id).await?;
                let associations = table.iter().flat_map(|table| table.associations());
                let mut of_subnet =
                    associations.filter(|one| is_of_subnet(one) && one.subnet_id() == Some(subnet));
                self.disassociate(key.as_str(), of_subnet.find_map(|one| one.route_table_association_id()))
                    .await
            }
        }
    }

    async fn create_route(&self, key: &Key, id: &str, block: &str, to: &str) -> Result<()> {
        let operation = "ec2:CreateRoute";
        let (Target { gateway_id, nat_gateway_id }, (ipv4, ipv6)) =
            (target(operation, key, to)?, destination(block));
        let create = self.client.create_route().route_table_id(id);
        let create = create.set_destination_cidr_block(ipv4).set_destination_ipv6_cidr_block(ipv6);
        let create = create.set_gateway_id(gateway_id).set_nat_gateway_id(nat_gateway_id);
        create.send().await.at(operation, key).map(drop)
    }

    async fn replace_route(&self, key: &Key, id: &str, block: &str, to: &str) -> Result<()> {
        let operation = "ec2:ReplaceRoute";
        let (Target { gateway_id, nat_gateway_id }, (ipv4, ipv6)) =
            (target(operation, key, to)?, destination(block));
        let replace = self.client.replace_route().route_table_id(id);
        let replace = replace.set_destination_cidr_block(ipv4).set_destination_ipv6_cidr_block(ipv6);
        let replace = replace.set_gateway_id(gateway_id).set_nat_gateway_id(nat_gateway_id);
        replace.send().await.at(operation, key).map(drop)
    }

    async fn delete_route(&self, key: &Key, id: &str, block: &str) -> Result<()> {
        let (ipv4, ipv6) = destination(block);
        let delete = self.client.delete_route().route_table_id(id);
        let delete = delete.set_destination_cidr_block(ipv4).set_destination_ipv6_cidr_block(ipv6);
        ec2::or_gone(delete.send().await.at("ec2:DeleteRoute", key))
    }

    async fn associate(&self, key: &Key, id: &str, subnet: &str) -> Result<()> {
        let associate = self.client.associate_route_table().route_table_id(id).subnet_id(subnet);
        match associate.send().await.at("ec2:AssociateRouteTable", key) {
            Err(error) if error.class == Class::AlreadyExists => self.take_over(key, id, subnet, error).await,
            done => done.map(drop),
        }
    }

    /// Takes the subnet from the table that it follows, unless an earlier attempt did so and its reply was lost.
    async fn take_over(&self, key: &Key, id: &str, subnet: &str, error: Error) -> Result<()> {
        let tables = self.list(vec![ec2::filter("association.subnet-id", subnet)]).await?;
        let associations = tables.iter().flat_map(|table| table.associations());
        let association = associations
            .filter(|one| is_of_subnet(one))
            .find(|one| one.subnet_id() == Some(subnet))
            .ok_or(Error { class: Class::RetryLater, ..error })?;
        if association.route_table_id() == Some(id) {
            return Ok(());
        }
        let replace = self
            .client
            .replace_route_table_association()
            .set_association_id(association.route_table_association_id.clone())
            .route_table_id(id);
        replace.send().await.at("ec2:ReplaceRouteTableAssociation", key).map(drop)
    }

    /// Ends an association; that there is none any more is success.
    pub(super) async fn disassociate(&self, resource: &str, association: Option<&str>) -> Result<()> {
        let Some(association) = association else { return Ok(()) };
        let disassociate = self.client.disassociate_route_table().association_id(association);
        ec2::or_gone(disassociate.send().await.at("ec2:DisassociateRouteTable", resource))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn spec() -> impl Strategy<Value = RouteTableSpec> {
        let routes = prop::collection::btree_map("[0-3]", "(igw|nat)-[12]", 0..4);
        let subnets = prop::collection::btree_set("subnet-[1-4]", 0..4);
        (routes, subnets).prop_map(|(routes, subnet_ids)| RouteTableSpec {
            vpc_id: "vpc-1".into(),
            routes,
            subnet_ids,
        })
    }

    fn applied(mut spec: RouteTableSpec, changes: [Vec<Change>; 4]) -> RouteTableSpec {
        for change in changes.into_iter().flatten() {
            let fits = match change {
                Change::CreateRoute { destination, target } => {
                    spec.routes.insert(destination, target).is_none()
                }
                Change::ReplaceRoute { destination, target } => {
                    spec.routes.insert(destination, target).is_some()
                }
                Change::DeleteRoute { destination } => spec.routes.remove(&destination).is_some(),
                Change::Associate { subnet } => spec.subnet_ids.insert(subnet),
                Change::Disassociate { subnet } => spec.subnet_ids.remove(&subnet),
            };
            assert!(fits);
        }
        spec
    }

    proptest! {
        #[test]
        fn the_changes_lead_from_one_table_to_the_other(from in spec(), to in spec()) {
            prop_assert!(changes(&to, &to).concat().is_empty());
            prop_assert_eq!(applied(from.clone(), changes(&from, &to)), to);
        }
    }

    #[test]
    fn a_table_gains_before_it_loses() {
        let table = |routes: &[(&str, &str)], subnets: &[&str]| RouteTableSpec {
            vpc_id: "vpc-1".into(),
            routes: routes
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            subnet_ids: subnets.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>(),
        };
        let from = table(&[("0.0.0.0/0", "nat-1"), ("10.9.0.0/16", "igw-1")], &["subnet-1"]);
        let to = table(&[("0.0.0.0/0", "nat-2"), ("10.8.0.0/16", "igw-1")], &["subnet-2"]);
        let text = |text: &str| text.to_owned();
        assert_eq!(
            changes(&from, &to),
            [
                vec![
                    Change::ReplaceRoute { destination: text("0.0.0.0/0"), target: text("nat-2") },
                    Change::CreateRoute { destination: text("10.8.0.0/16"), target: text("igw-1") },
                ],
                vec![Change::Associate { subnet: text("subnet-2") }],
                vec![Change::Disassociate { subnet: text("subnet-1") }],
                vec![Change::DeleteRoute { destination: text("10.9.0.0/16") }],
            ]
        );
    }
}
