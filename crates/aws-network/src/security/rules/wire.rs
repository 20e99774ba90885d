//! A rule as EC2 takes and gives it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRule, SecurityGroupRuleRequest,
    UserIdGroupPair,
};
use resource::{Observed, Scope};

use crate::{
    ec2,
    security::{RulePeer, SecurityGroupRuleSpec},
};

/// One permission with one peer, which makes one rule.
pub(super) fn permission(spec: &SecurityGroupRuleSpec) -> IpPermission {
    let permission = IpPermission::builder()
        .ip_protocol(&spec.ip_protocol)
        .from_port(spec.from_port)
        .to_port(spec.to_port);
    let description = &spec.description;
    match &spec.peer {
        RulePeer::SecurityGroupId(id) => permission
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).description(description).build()),
        RulePeer::CidrIpv4(cidr) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(cidr).description(description).build())
        }
        RulePeer::CidrIpv6(cidr) => {
            permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).description(description).build())
        }
        RulePeer::PrefixListId(id) => permission
            .prefix_list_ids(PrefixListId::builder().prefix_list_id(id).description(description).build()),
    }
    .build()
}

/// The whole rule, for a change of it.
pub(super) fn request(spec: &SecurityGroupRuleSpec) -> SecurityGroupRuleRequest {
    let request = SecurityGroupRuleRequest::builder()
        .ip_protocol(&spec.ip_protocol)
        .from_port(spec.from_port)
        .to_port(spec.to_port)
        .description(&spec.description);
    match &spec.peer {
        RulePeer::SecurityGroupId(id) => request.referenced_group_id(id),
        RulePeer::CidrIpv4(cidr) => request.cidr_ipv4(cidr),
        RulePeer::CidrIpv6(cidr) => request.cidr_ipv6(cidr),
        RulePeer::PrefixListId(id) => request.prefix_list_id(id),
    }
    .build()
}

/// The fields of a rule that we would set.
pub(super) fn spec(rule: &SecurityGroupRule) -> SecurityGroupRuleSpec {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    let peer = match (group, rule.cidr_ipv4(), rule.cidr_ipv6()) {
        (Some(id), _, _) => RulePeer::SecurityGroupId(id.to_owned()),
        (None, Some(cidr), _) => RulePeer::CidrIpv4(cidr.to_owned()),
        (None, None, Some(cidr)) => RulePeer::CidrIpv6(cidr.to_owned()),
        (None, None, None) => RulePeer::PrefixListId(text(rule.prefix_list_id())),
    };
    SecurityGroupRuleSpec {
        group_id: text(rule.group_id()),
        ip_protocol: text(rule.ip_protocol()),
        from_port: rule.from_port().unwrap_or(-1),
        to_port: rule.to_port().unwrap_or(-1),
        peer,
        description: text(rule.description()),
    }
}

pub(super) fn observed(scope: &Scope, rule: &SecurityGroupRule) -> Observed<SecurityGroupRuleSpec> {
    let id = rule.security_group_rule_id().unwrap_or_default().to_owned();
    let arn = scope.arn("ec2", &format!("security-group-rule/{id}"));
    Observed {
        id,
        name: None,
        owner: scope.owner(&ec2::tags(rule.tags())),
        spec: spec(rule),
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        // EC2 does not tell when it was made.
        created: None,
        pending: None,
    }
}
