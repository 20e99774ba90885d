//! What is observed of a route table: pure.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Route, RouteOrigin, RouteTable, RouteTableAssociation, RouteTableAssociationStateCode as State,
};
use resource::{Observed, Scope};

use super::RouteTableSpec;
use crate::ec2;

pub(super) fn read(scope: &Scope, table: &RouteTable) -> Observed<RouteTableSpec> {
    let subnets = table.associations().iter().filter(|association| is_of_subnet(association));
    let subnet_ids: BTreeSet<_> = subnets.filter_map(|one| one.subnet_id()).map(str::to_owned).collect();
    let routes: BTreeMap<_, _> = table.routes().iter().filter_map(route).collect();
    Observed {
        id: table.route_table_id().unwrap_or_default().to_owned(),
        name: None,
        owner: scope.owner(&ec2::tags(table.tags())),
        spec: RouteTableSpec { vpc_id: table.vpc_id().unwrap_or_default().to_owned(), routes, subnet_ids },
        outputs: BTreeMap::new(),
        created: None,
        pending: None,
    }
}

/// Whether a subnet follows the table by this association. The main one is the VPC's and has no subnet.
pub(super) fn is_of_subnet(association: &RouteTableAssociation) -> bool {
    let state = association.association_state().and_then(|state| state.state());
    let leaving = [State::Disassociating, State::Disassociated, State::Failed];
    association.subnet_id().is_some() && state.is_none_or(|state| !leaving.contains(state))
}

/// Destination and target of a route that somebody made. One whose target was deleted (a black hole) still names it.
///
/// Routes of gateway endpoints have a prefix list as their destination; local ones came with the table.
fn route(route: &Route) -> Option<(String, String)> {
    let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block())?;
    let made = route.origin().is_none_or(|origin| *origin == RouteOrigin::CreateRoute);
    let target = route
        .gateway_id()
        .or(route.nat_gateway_id())
        .or(route.transit_gateway_id())
        .or(route.vpc_peering_connection_id())
        .or(route.network_interface_id())
        .or(route.egress_only_internet_gateway_id())
        .or(route.local_gateway_id())
        .or(route.carrier_gateway_id())
        .or(route.core_network_arn())
        .unwrap_or_default();
    (made && target != "local").then(|| (destination.to_owned(), target.to_owned()))
}
