//! Who may connect to whom: rules as data, made by the client for both sides.

use std::fmt;

use resource::{Family, Key, KeyError, Kind, Node, Reference};

use super::{
    Cidr, RulePeer, SecurityGroup, SecurityGroupEgressRules, SecurityGroupIngressRules, SecurityGroupRuleSpec,
};

/// What connects to a security group, and to what it connects.
///
/// Each method gives rules as data, of which the blueprint makes nodes. The rules of a connection belong to the
/// client's stack, both of them: a new client changes nothing in the stack of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    key: Key,
    name: String,
}

/// A protocol and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    protocol: &'static str,
    number: u16,
}

/// A rule that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its key, in the client's stack.
    pub key: Key,
    /// Whether it lets in or out.
    pub direction: RuleDirection,
    /// The fields that it must have.
    pub spec: SecurityGroupRuleSpec,
}

/// Whether a rule lets in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleDirection {
    /// It lets in.
    Ingress,
    /// It lets out.
    Egress,
}

/// A connection that cannot be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// A server would be open to everybody.
    #[error("`{key}` must not be open to all addresses ({cidr}); name the blocks that may connect to it")]
    OpenToAll {
        /// The server's group.
        key: Key,
        /// The block of all addresses.
        cidr: Cidr,
    },
    /// The names of stack and groups make no key.
    #[error("the names of stack and security groups are no part of a resource's key")]
    Key(#[from] KeyError),
}

impl Connections {
    /// The connections of that group.
    pub fn of(group: &SecurityGroup) -> Self {
        Self { key: group.key().clone(), name: group.suffix().to_owned() }
    }

    /// Lets this group, the client, connect to `server`: a rule that lets it out, and one of the server's group that
    /// lets it in. Both belong to `stack`, the client's.
    ///
    /// # Errors
    /// [`ConnectionError::Key`] where the stack's name is fit for no key.
    pub fn allow_to(&self, server: &Self, port: Port, stack: &str) -> Result<Vec<Rule>, ConnectionError> {
        let Self { name, .. } = self;
        let pair = format!("{name}-to-{}-{port}", server.name);
        let description = format!("{name} to {}, {} {}", server.name, port.protocol, port.number);
        let rule = |direction: RuleDirection, owner: &Self, peer: &Self| {
            let peer = RulePeer::SecurityGroupId(peer.id());
            owner.rule(stack, &pair, direction, port, peer, &description)
        };
        Ok(vec![rule(RuleDirection::Egress, self, server)?, rule(RuleDirection::Ingress, server, self)?])
    }

    /// Lets the addresses of `cidr` connect to this group. The rule belongs to the group's own stack.
    ///
    /// # Errors
    /// [`ConnectionError::OpenToAll`] where that is everybody.
    pub fn allow_from_cidr(&self, cidr: Cidr, port: Port) -> Result<Vec<Rule>, ConnectionError> {
        if cidr.is_everything() {
            return Err(ConnectionError::OpenToAll { key: self.key.clone(), cidr });
        }
        self.with_cidr(RuleDirection::Ingress, cidr, port)
    }

    /// Lets this group connect to the addresses of `cidr`, which may be all there are. The rule belongs to the group's own
    /// stack.
    ///
    /// # Errors
    /// [`ConnectionError::Key`] where the group's name is fit for no key.
    pub fn allow_to_cidr(&self, cidr: Cidr, port: Port) -> Result<Vec<Rule>, ConnectionError> {
        self.with_cidr(RuleDirection::Egress, cidr, port)
    }

    fn with_cidr(
        &self,
        direction: RuleDirection,
        cidr: Cidr,
        port: Port,
    ) -> Result<Vec<Rule>, ConnectionError> {
        let preposition = match direction {
            RuleDirection::Ingress => "from",
            RuleDirection::Egress => "to",
        };
        let block = match (cidr.is_everything(), cidr.address().is_ipv4()) {
            (true, true) => "all-ipv4".to_owned(),
            (true, false) => "all-ipv6".to_owned(),
            (false, _) => cidr.to_string().replace(['.', ':', '/'], "-"),
        };
        let pair = format!("{}-{preposition}-{block}-{port}", self.name);
        let description = format!("{} {preposition} {cidr}, {} {}", self.name, port.protocol, port.number);
        let peer = match cidr.address().is_ipv4() {
            true => RulePeer::CidrIpv4(cidr.to_string()),
            false => RulePeer::CidrIpv6(cidr.to_string()),
        };
        Ok(vec![self.rule(self.key.stack(), &pair, direction, port, peer, &description)?])
    }

    fn id(&self) -> String {
        Reference::id(&self.key).to_string()
    }

    /// A rule of this group.
    fn rule(
        &self,
        stack: &str,
        pair: &str,
        direction: RuleDirection,
        port: Port,
        peer: RulePeer,
        description: &str,
    ) -> Result<Rule, KeyError> {
        let spec = SecurityGroupRuleSpec {
            group_id: self.id(),
            ip_protocol: port.protocol.to_owned(),
            from_port: port.number.into(),
            to_port: port.number.into(),
            peer,
            description: description.to_owned(),
        };
        Ok(Rule { key: Key::new(stack, &format!("{pair}-{direction}"))?, direction, spec })
    }
}

impl Port {
    /// A port of TCP.
    pub const fn tcp(number: u16) -> Self {
        Self { protocol: "tcp", number }
    }

    /// A port of UDP.
    pub const fn udp(number: u16) -> Self {
        Self { protocol: "udp", number }
    }
}

/// As it stands in a key: `2113`, or `udp-53`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            "tcp" => write!(f, "{}", self.number),
            protocol => write!(f, "{protocol}-{}", self.number),
        }
    }
}

impl fmt::Display for RuleDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

impl Rule {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self.direction {
            RuleDirection::Ingress => SecurityGroupIngressRules::KIND,
            RuleDirection::Egress => SecurityGroupEgressRules::KIND,
        }
    }

    /// Its node: after both groups, and retained if its stack is.
    ///
    /// # Errors
    /// Where the spec does not serialize to JSON.
    pub fn node(&self) -> serde_json::Result<Node> {
        let node = Node::new(self.key.clone(), self.kind(), None, &self.spec)?;
        Ok(if self.key.is_stateful() { node.retained() } else { node })
    }
}
