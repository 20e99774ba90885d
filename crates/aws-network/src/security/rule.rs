//! What we set of a security group's rule.

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a security group's rule that we set. Whether it lets in or out is its kind.
///
/// EC2 tells the rules of a group apart by protocol, ports and peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroupRuleSpec {
    /// The id of the group that the rule belongs to.
    pub group_id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol's number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port, or the ICMP type; -1 is all.
    pub from_port: i32,
    /// The last port, or the ICMP code; -1 is all.
    pub to_port: i32,
    /// Where traffic comes from, or where it goes to.
    pub peer: RulePeer,
    /// What it is for: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    pub description: String,
}

/// Where a rule's traffic comes from, or where it goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RulePeer {
    /// The interfaces of the security group with this id.
    SecurityGroupId(String),
    /// A block of IPv4 addresses.
    CidrIpv4(String),
    /// A block of IPv6 addresses.
    CidrIpv6(String),
    /// The addresses of the prefix list with this id.
    PrefixListId(String),
}

impl SecurityGroupRuleSpec {
    /// Whether EC2 takes the two for one rule of their group.
    pub(super) fn is_same_rule(&self, other: &Self) -> bool {
        *self == Self { description: self.description.clone(), ..other.clone() }
    }
}

impl Spec for SecurityGroupRuleSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "description" => Effect::Update,
            _ => Effect::Replace,
        }
    }
}
