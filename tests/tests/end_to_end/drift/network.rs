use anyhow::Result;
use aws_sdk_ec2::{
    Client,
    types::{
        AttributeBooleanValue, IpPermission, IpRange, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
    },
};
use end_to_end::Local;

use super::Touched;

/// Not changed are Elastic IP and NAT gateway, which the local environment has not, and of an endpoint its policy, which the
/// emulator does not tell.
pub(super) async fn change(local: &Local) -> Result<Vec<Touched>> {
    let ec2 = Client::new(&local.bench.session.sdk);
    let value = |value| AttributeBooleanValue::builder().value(value).build();
    let vpc = local.id("stateful/vpc").await?;
    ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(value(false)).send().await?;
    let subnet = local.id("stateful/public-subnet-1").await?;
    ec2.modify_subnet_attribute().subnet_id(subnet).map_public_ip_on_launch(value(true)).send().await?;
    let table = local.id("network/public-route-table").await?;
    ec2.delete_route().route_table_id(table).destination_cidr_block("0.0.0.0/0").send().await?;
    let gateway = local.id("network/internet-gateway").await?;
    ec2.detach_internet_gateway().internet_gateway_id(gateway).vpc_id(vpc).send().await?;
    let endpoint = local.id("network/sqs-endpoint").await?;
    let modify = ec2.modify_vpc_endpoint().vpc_endpoint_id(endpoint).private_dns_enabled(false);
    modify.remove_subnet_ids(local.id("stateful/private-subnet-1").await?).send().await?;

    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let everything = IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build();
    let group = local.id("relay/security-group").await?;
    ec2.authorize_security_group_egress().group_id(&group).ip_permissions(everything).send().await?;
    let server = local.id("eventstore/security-group").await?;
    let described = SecurityGroupRuleRequest::builder()
        .ip_protocol("tcp")
        .from_port(2113)
        .to_port(2113)
        .referenced_group_id(group)
        .description("somebody's");
    let update = SecurityGroupRuleUpdate::builder()
        .security_group_rule_id(local.id("relay/relay-to-eventstore-2113-ingress").await?)
        .security_group_rule(described.build());
    ec2.modify_security_group_rules().group_id(&server).security_group_rules(update.build()).send().await?;
    let rule = local.id("eventstore/eventstore-to-file-system-2049-egress").await?;
    ec2.revoke_security_group_egress().group_id(server).security_group_rule_ids(rule).send().await?;
    Ok(vec![
        ("stateful/vpc", &["enableDnsHostnames"]),
        ("stateful/public-subnet-1", &["mapPublicIpOnLaunch"]),
        ("network/public-route-table", &["routes"]),
        ("network/internet-gateway", &["vpcId"]),
        ("network/sqs-endpoint", &["privateDnsEnabled", "subnetIds"]),
        ("relay/security-group", &["defaultEgress"]),
        ("relay/relay-to-eventstore-2113-ingress", &["description"]),
        ("eventstore/eventstore-to-file-system-2049-egress", &[]),
    ])
}
