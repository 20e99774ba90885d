//! Connections: the rules that they make, and whose stack those belong to.

use std::collections::BTreeSet;

use proptest::prelude::*;
use resource::{Graph, Node};

use super::*;
use crate::security::{Cidr, ConnectionError, Port, Rule, SecurityGroup, SecurityGroupSpec, SecurityGroups};

fn security_group(stack: &str) -> SecurityGroup {
    SecurityGroup::new(&scope(), &key(&format!("{stack}/security-group")), stack)
}

fn connect(client: &str, server: &str, port: u16) -> Vec<Rule> {
    let (client_group, server_group) = (security_group(client), security_group(server));
    client_group.connections().allow_to(&server_group.connections(), Port::tcp(port), client).unwrap()
}

fn block(text: &str) -> Cidr {
    text.parse().unwrap()
}

#[test]
fn a_client_makes_both_rules_in_its_own_stack_each_after_both_groups() {
    let nodes: Vec<_> =
        connect("relay", "eventstore", 2113).iter().map(|rule| rule.node().unwrap()).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&nodes).unwrap());
}

#[test]
fn a_block_of_addresses_is_let_in_or_out_by_a_rule_of_the_groups_own_stack() {
    let connections = security_group("eventstore").connections();
    let rules = [
        connections.allow_from_cidr(block("10.0.0.0/16"), Port::tcp(2113)).unwrap(),
        connections.allow_to_cidr(block("::/0"), Port::tcp(443)).unwrap(),
        connections.allow_to_cidr(block("10.0.0.2/32"), Port::udp(53)).unwrap(),
    ];
    let nodes: Vec<_> = rules.concat().iter().map(|rule| rule.node().unwrap()).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&nodes).unwrap());
}

#[test]
fn a_server_is_never_open_to_everybody() {
    let connections = security_group("eventstore").connections();
    for everybody in ["0.0.0.0/0", "::/0"] {
        let refused = connections.allow_from_cidr(block(everybody), Port::tcp(2113)).unwrap_err();
        let expected = "`eventstore/security-group` must not be open to all addresses";
        assert!(refused.to_string().starts_with(expected), "{refused}");
        assert!(connections.allow_to_cidr(block(everybody), Port::tcp(443)).is_ok());
    }
}

#[test]
fn a_stack_whose_name_is_fit_for_no_key_is_refused() {
    let (relay, eventstore) = (security_group("relay"), security_group("eventstore"));
    let made = relay.connections().allow_to(&eventstore.connections(), Port::tcp(1), "The Relay");
    assert!(matches!(made, Err(ConnectionError::Key(_))));
}

/// Which stack connects to which, on which port.
fn pairs() -> impl Strategy<Value = BTreeSet<(usize, usize, u16)>> {
    prop::collection::btree_set((0..4_usize, 0..4_usize, 2113..2115_u16), 0..12)
}

const STACKS: [&str; 4] = ["eventstore", "gateway", "ingest", "relay"];

fn nodes(pairs: &BTreeSet<(usize, usize, u16)>) -> Vec<Node> {
    let groups = STACKS.map(|stack| {
        let group = security_group(stack);
        let spec = SecurityGroupSpec::new("vpc-1", stack);
        let kind = <SecurityGroups as resource::Family>::KIND;
        Node::new(group.key().clone(), kind, Some(group.name().to_owned()), &spec).unwrap()
    });
    let rules =
        pairs.iter().flat_map(|&(client, server, port)| connect(STACKS[client], STACKS[server], port));
    groups.into_iter().chain(rules.map(|rule| rule.node().unwrap())).collect()
}

proptest! {
    #[test]
    fn a_new_client_changes_no_rule_of_others_and_no_stack_but_its_own(
        before in pairs(), client in 0..4_usize, server in 0..4_usize, port in 2113..2115_u16,
    ) {
        let mut after = before.clone();
        after.insert((client, server, port));
        let graph = |pairs| Graph::new(scope(), BTreeMap::new(), nodes(pairs));
        // Whoever connects to whom, it is a graph: each key once, and no circle.
        let (old, new) = (graph(&before).unwrap(), graph(&after).unwrap());
        for node in old.nodes() {
            prop_assert_eq!(new.get(&node.key), Some(node));
        }
        for node in new.nodes().filter(|node| old.get(&node.key).is_none()) {
            prop_assert_eq!(node.key.stack(), STACKS[client]);
        }
    }
}
