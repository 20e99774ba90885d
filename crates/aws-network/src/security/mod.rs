//! Security groups, their rules, and the connections that rules are made from.
//!
//! A group is created empty, and each rule is a resource of its own. So two groups may refer to each other, and a rule may
//! belong to another stack than its group: the client's, which opens the port by itself.

mod cidr;
mod connections;
mod group;
mod groups;
mod rule;
mod rules;
#[cfg(test)]
pub(crate) mod tests;

pub use cidr::{Cidr, ParseCidrError};
pub use connections::{ConnectionError, Connections, Port, Rule, RuleDirection};
pub use group::{SecurityGroup, SecurityGroupSpec};
pub use groups::SecurityGroups;
pub use rule::{RulePeer, SecurityGroupRuleSpec};
pub use rules::{
    Direction, Egress, Ingress, SecurityGroupEgressRules, SecurityGroupIngressRules, SecurityGroupRules,
};
