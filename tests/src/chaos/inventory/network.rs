//! EC2. The default VPC that every account has, and what lies in it, is nobody's.

use std::collections::BTreeSet;

use anyhow::Result;
use aws_env::SdkConfig;
use aws_sdk_ec2::{
    Client,
    types::{NatGatewayState, SecurityGroupRule, Tag, VpcAttributeName},
};
use futures::try_join;
use serde_json::json;

use super::{Seen, Tags, label, sorted, text};

pub(super) async fn list(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let ec2 = &Client::new(sdk);
    let vpcs: Vec<_> = ec2.describe_vpcs().into_paginator().items().send().try_collect().await?;
    let defaults: BTreeSet<String> =
        vpcs.iter().filter(|vpc| vpc.is_default() == Some(true)).map(|vpc| text(vpc.vpc_id())).collect();
    let mut seen = Vec::new();
    for vpc in vpcs.iter().filter(|vpc| vpc.is_default() != Some(true)) {
        let id = vpc.vpc_id();
        let attribute =
            |name| ec2.describe_vpc_attribute().set_vpc_id(id.map(str::to_owned)).attribute(name).send();
        let (names, resolver) = try_join!(
            attribute(VpcAttributeName::EnableDnsHostnames),
            attribute(VpcAttributeName::EnableDnsSupport)
        )?;
        let facts = json!({
            "cidr": vpc.cidr_block(),
            "names": names.enable_dns_hostnames().and_then(|one| one.value()),
            "resolver": resolver.enable_dns_support().and_then(|one| one.value()),
        });
        seen.push(Seen::new("vpc", label("", &tags(vpc.tags())), facts).known_as(id));
    }
    let parts = try_join!(inside(ec2, &defaults), ways(ec2, &defaults), groups(ec2, &defaults))?;
    seen.extend([parts.0, parts.1, parts.2].into_iter().flatten());
    Ok(seen)
}

fn tags(given: &[Tag]) -> Tags {
    super::tags(given.iter().map(|tag| (text(tag.key()), text(tag.value()))))
}

/// Subnets and route tables.
async fn inside(ec2: &Client, defaults: &BTreeSet<String>) -> Result<Vec<Seen>> {
    let (subnets, tables) =
        try_join!(ec2.describe_subnets().into_paginator().items().send().try_collect(), async {
            Ok(ec2.describe_route_tables().into_paginator().items().send().try_collect().await)
        })?;
    let mut seen = Vec::new();
    for subnet in subnets.iter().filter(|subnet| !defaults.contains(&text(subnet.vpc_id()))) {
        let facts = json!({
            "vpc": subnet.vpc_id(), "cidr": subnet.cidr_block(), "zone": subnet.availability_zone(),
            "public": subnet.map_public_ip_on_launch(),
        });
        seen.push(Seen::new("subnet", label("", &tags(subnet.tags())), facts).known_as(subnet.subnet_id()));
    }
    for table in tables?.iter().filter(|table| !defaults.contains(&text(table.vpc_id()))) {
        let target = |route: &aws_sdk_ec2::types::Route| {
            let to = route.gateway_id().or(route.nat_gateway_id());
            let from = route.destination_cidr_block().or(route.destination_prefix_list_id());
            format!("{} to {}", text(from), text(to))
        };
        let facts = json!({
            "vpc": table.vpc_id(),
            "routes": sorted(table.routes().iter().map(target)),
            "main": table.associations().iter().any(|one| one.main() == Some(true)),
            "subnets": sorted(table.associations().iter().filter_map(|one| one.subnet_id())),
        });
        let label = label("", &tags(table.tags()));
        seen.push(Seen::new("route table", label, facts).known_as(table.route_table_id()));
    }
    Ok(seen)
}

/// Gateways, addresses and endpoints.
async fn ways(ec2: &Client, defaults: &BTreeSet<String>) -> Result<Vec<Seen>> {
    let internet = ec2.describe_internet_gateways().into_paginator().items().send();
    let nat = ec2.describe_nat_gateways().into_paginator().items().send();
    let endpoints = ec2.describe_vpc_endpoints().into_paginator().items().send();
    let (internet, nat) = try_join!(internet.try_collect(), async { Ok(nat.try_collect().await) })?;
    let (addresses, endpoints) =
        try_join!(ec2.describe_addresses().send(), async { Ok(endpoints.try_collect().await) })?;
    let mut seen = Vec::new();
    for gateway in &internet {
        let vpcs = sorted(gateway.attachments().iter().filter_map(|one| one.vpc_id()));
        if !vpcs.iter().any(|vpc| defaults.contains(vpc)) {
            let label = label("", &tags(gateway.tags()));
            let id = gateway.internet_gateway_id();
            seen.push(Seen::new("internet gateway", label, json!({ "vpcs": vpcs })).known_as(id));
        }
    }
    // EC2 shows one that is deleted for another hour.
    let nat = nat?;
    for gateway in nat.iter().filter(|one| one.state() != Some(&NatGatewayState::Deleted)) {
        let state = gateway.state().map(|state| state.as_str());
        let facts = json!({ "subnet": gateway.subnet_id(), "state": state });
        let label = label("", &tags(gateway.tags()));
        seen.push(Seen::new("NAT gateway", label, facts).known_as(gateway.nat_gateway_id()));
    }
    for address in addresses.addresses() {
        let label = label("", &tags(address.tags()));
        seen.push(Seen::new("address", label, json!({})).known_as(address.allocation_id()));
    }
    for endpoint in &endpoints? {
        let state = endpoint.state().map(|state| state.as_str().to_lowercase()).unwrap_or_default();
        if state == "deleted" {
            continue;
        }
        let facts = json!({
            "vpc": endpoint.vpc_id(), "service": endpoint.service_name(), "state": state,
            "type": endpoint.vpc_endpoint_type().map(|one| one.as_str()),
            "subnets": sorted(endpoint.subnet_ids()), "tables": sorted(endpoint.route_table_ids()),
            "groups": sorted(endpoint.groups().iter().filter_map(|one| one.group_id())),
            "names": endpoint.private_dns_enabled(),
        });
        let label = label("", &tags(endpoint.tags()));
        seen.push(Seen::new("endpoint", label, facts).known_as(endpoint.vpc_endpoint_id()));
    }
    Ok(seen)
}

/// Security groups, and each rule.
async fn groups(ec2: &Client, defaults: &BTreeSet<String>) -> Result<Vec<Seen>> {
    let groups = ec2.describe_security_groups().into_paginator().items().send();
    let rules = ec2.describe_security_group_rules().into_paginator().items().send();
    let (groups, rules) = try_join!(groups.try_collect(), async { Ok(rules.try_collect().await) })?;
    let mut seen = Vec::new();
    let mut skipped = BTreeSet::new();
    for group in &groups {
        if defaults.contains(&text(group.vpc_id())) {
            skipped.insert(text(group.group_id()));
            continue;
        }
        let facts = json!({ "vpc": group.vpc_id(), "description": group.description() });
        let label = label(&text(group.group_name()), &tags(group.tags()));
        seen.push(Seen::new("security group", label, facts).known_as(group.group_id()));
    }
    let rules = rules?;
    let of_ours = |rule: &&SecurityGroupRule| !skipped.contains(&text(rule.group_id()));
    for rule in rules.iter().filter(of_ours) {
        let peer = rule.referenced_group_info().and_then(|one| one.group_id());
        let facts = json!({
            "group": rule.group_id(), "out": rule.is_egress(), "protocol": rule.ip_protocol(),
            "from": rule.from_port(), "to": rule.to_port(), "description": rule.description(),
            "peer": peer.or(rule.cidr_ipv4()).or(rule.cidr_ipv6()).or(rule.prefix_list_id()),
        });
        seen.push(Seen::new("security group rule", label("", &tags(rule.tags())), facts));
    }
    Ok(seen)
}
