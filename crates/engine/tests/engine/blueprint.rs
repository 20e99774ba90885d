//! A blueprint for the in-memory cloud: two retained tables, a network, and an ingest stack. The journal refers to the
//! network's id, which the cloud makes, and the mapping to the function's revision, which each change of it renews.

use std::collections::BTreeMap;

use resource::{Graph, Key, Node, Scope};
use serde_json::{Value, json};

use crate::families::{AnyFields, DEPLOYMENTS, Function, Mapping, Model, Network, Queue, Role, Table};

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

/// A node; kinds with names are named after the key.
pub(crate) fn node<M: Model>(at: &str, fields: Value, after: &[&str]) -> Node {
    let at = key(at);
    let suffix = at.as_str().split_once('/').unwrap().1.to_owned();
    let name =
        if at.stack() == Key::DEPLOYMENTS { DEPLOYMENTS.to_owned() } else { scope().physical_name(&suffix) };
    let fields: AnyFields = serde_json::from_value(fields).unwrap();
    let after: Vec<_> = after.iter().map(|other| key(other)).collect();
    Node::new(at, M::KIND, M::NAMED.then_some(name), &fields).unwrap().after(&after)
}

pub(crate) fn nodes() -> Vec<Node> {
    vec![
        node::<Table>("deployments/table", json!({"keys": "run"}), &[]).retained(),
        node::<Network>("stateful/network", json!({"cidr": "10.0.0.0/16"}), &[]).retained(),
        node::<Table>(
            "stateful/journal",
            json!({"fixed": "key", "late": "recovery", "network": "${stateful/network}"}),
            &[],
        )
        .retained(),
        node::<Queue>("ingest/failures", json!({"days": 14}), &[]),
        node::<Queue>(
            "ingest/queue",
            json!({"days": 4, "refersTo": ["headwater-dev-failures"]}),
            &["ingest/failures"],
        ),
        node::<Role>(
            "ingest/role",
            json!({"refersTo": ["headwater-dev-queue", "headwater-dev-journal"]}),
            &["ingest/queue", "stateful/journal"],
        ),
        node::<Function>(
            "ingest/function",
            json!({"fixed": "zip", "memory": 128, "late": "on", "refersTo": ["headwater-dev-role"]}),
            &["ingest/role"],
        ),
        node::<Mapping>(
            "ingest/mapping",
            json!({
                "batch": 10,
                "function": "${ingest/function.revision}",
                "refersTo": ["headwater-dev-function", "headwater-dev-queue"],
            }),
            &["ingest/queue"],
        ),
    ]
}

pub(crate) fn graph_of(nodes: Vec<Node>) -> Graph {
    let packages = BTreeMap::from([("ingest".to_owned(), "sha".to_owned())]);
    Graph::new(scope(), packages, nodes).unwrap()
}

pub(crate) fn graph() -> Graph {
    graph_of(nodes())
}

/// The blueprint with another value for one field.
pub(crate) fn graph_with(at: &str, field: &str, value: Value) -> Graph {
    let mut nodes = nodes();
    let node = nodes.iter_mut().find(|node| node.key.as_str() == at).unwrap();
    node.spec[field] = value;
    graph_of(nodes)
}

/// The blueprint without these nodes, which nothing else may depend on.
pub(crate) fn graph_without(keys: &[&str]) -> Graph {
    graph_of(nodes().into_iter().filter(|node| !keys.contains(&node.key.as_str())).collect())
}
