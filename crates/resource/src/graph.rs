//! The blueprint of an environment as a graph of resources.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Desired, Key, Kind, Scope, Spec, references};

/// One resource that the blueprint wants.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its key.
    pub key: Key,
    /// Its kind.
    pub kind: Kind,
    /// Its deterministic physical name; `None` where AWS makes the id.
    pub name: Option<String>,
    /// The fields that it must have. References stand for what AWS makes of other nodes.
    pub spec: Value,
    /// Whether it holds what cannot be made again: then it is never replaced, and deleted only on demand.
    pub retained: bool,
    /// What must be there before it.
    pub depends_on: BTreeSet<Key>,
}

impl Node {
    /// A stateless node. It depends on those that its spec refers to.
    ///
    /// # Errors
    /// Where the spec does not serialize to JSON.
    pub fn new<S: Spec>(key: Key, kind: Kind, name: Option<String>, spec: &S) -> serde_json::Result<Self> {
        let spec = serde_json::to_value(spec)?;
        let depends_on = references(&spec).into_iter().map(|reference| reference.key).collect();
        Ok(Self { key, kind, name, spec, retained: false, depends_on })
    }

    /// The same, retained.
    #[must_use]
    pub fn retained(self) -> Self {
        Self { retained: true, ..self }
    }

    /// The same, after these others.
    #[must_use]
    pub fn after<'a>(mut self, others: impl IntoIterator<Item = &'a Key>) -> Self {
        self.depends_on.extend(others.into_iter().cloned());
        self
    }

    /// What the node wants of its family, with `spec` as its fields: its own, references resolved.
    pub fn desired(&self, spec: Value) -> Desired {
        Desired { key: self.key.clone(), name: self.name.clone(), spec }
    }
}

/// All resources of an environment. Keys are unique, every dependency is a node, and there is no cycle.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// Where the environment lives.
    pub scope: Scope,
    /// The packages that its functions run: name → SHA-256 in base64, as Lambda's `CodeSha256`.
    pub packages: BTreeMap<String, String>,
    /// What whoever reads a plan should know of it besides, a sentence each.
    pub notes: BTreeSet<String>,
    nodes: BTreeMap<Key, Node>,
}

/// Nodes that make no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two nodes have one key.
    #[error("two resources have the key `{0}`; give one of them another name")]
    Duplicate(Key),
    /// A node depends on what is no node.
    #[error("`{0}` depends on `{1}`, which the blueprint does not have")]
    Missing(Key, Key),
    /// Nodes depend on each other.
    #[error("these resources depend on each other in a circle: {}", .0.iter().map(Key::as_str).collect::<Vec<_>>().join(", "))]
    Cycle(Vec<Key>),
}

impl Graph {
    /// A graph of `nodes`.
    ///
    /// # Errors
    /// [`GraphError`], with the keys that are to blame.
    pub fn new(
        scope: Scope,
        packages: BTreeMap<String, String>,
        nodes: impl IntoIterator<Item = Node>,
    ) -> Result<Self, GraphError> {
        let mut graph = Self { scope, packages, notes: BTreeSet::new(), nodes: BTreeMap::new() };
        for node in nodes {
            let key = node.key.clone();
            if graph.nodes.insert(key.clone(), node).is_some() {
                return Err(GraphError::Duplicate(key));
            }
        }
        for node in graph.nodes.values() {
            if let Some(missing) = node.depends_on.iter().find(|key| !graph.nodes.contains_key(key)) {
                return Err(GraphError::Missing(node.key.clone(), missing.clone()));
            }
        }
        let ordered: BTreeSet<_> = graph.ordered().into_iter().map(|node| &node.key).collect();
        let circle: Vec<_> = graph.nodes.keys().filter(|key| !ordered.contains(key)).cloned().collect();
        if circle.is_empty() { Ok(graph) } else { Err(GraphError::Cycle(circle)) }
    }

    /// The same, with notes for whoever reads a plan of it.
    #[must_use]
    pub fn noting(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// The node with that key.
    pub fn get(&self, key: &Key) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// The nodes in the order of their keys.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// The nodes, each after all that it depends on; among equals, in the order of their keys.
    pub fn ordered(&self) -> Vec<&Node> {
        let mut done = BTreeSet::new();
        let mut ordered = Vec::with_capacity(self.nodes.len());
        loop {
            let ready: Vec<_> = self
                .nodes
                .values()
                .filter(|node| !done.contains(&node.key) && node.depends_on.is_subset(&done))
                .collect();
            if ready.is_empty() {
                return ordered;
            }
            done.extend(ready.iter().map(|node| node.key.clone()));
            ordered.extend(ready);
        }
    }

    /// The blueprint's hash: the SHA-256 in hexadecimal of the whole graph, packages included.
    ///
    /// # Errors
    /// Where the graph does not serialize to JSON.
    pub fn hash(&self) -> serde_json::Result<String> {
        let json = serde_json::to_vec(self)?;
        Ok(Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(key: &str, after: &[&str]) -> Node {
        Node {
            key: key.parse().unwrap(),
            kind: Kind::new("Test::Thing"),
            name: None,
            spec: json!({}),
            retained: false,
            depends_on: after.iter().map(|key| key.parse().unwrap()).collect(),
        }
    }

    fn graph(nodes: Vec<Node>) -> Result<Graph, GraphError> {
        let text = |text: &str| text.to_owned();
        let scope = Scope {
            project: text("headwater"),
            environment: text("dev"),
            account: text("111111111111"),
            region: text("eu-west-1"),
        };
        Graph::new(scope, BTreeMap::new(), nodes)
    }

    #[test]
    fn each_node_comes_after_what_it_depends_on() {
        let graph = graph(vec![node("a/a", &["a/c"]), node("a/b", &[]), node("a/c", &["a/b"])]).unwrap();
        let order: Vec<_> = graph.ordered().iter().map(|node| node.key.as_str()).collect();
        assert_eq!(order, ["a/b", "a/c", "a/a"]);
    }

    #[test]
    fn what_is_no_graph_is_refused_with_the_keys_to_blame() {
        let refused = |nodes| graph(nodes).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                refused(vec![node("a/a", &[]), node("a/a", &[])]),
                refused(vec![node("a/a", &["a/z"])]),
                refused(vec![node("a/a", &["a/b"]), node("a/b", &["a/a"]), node("a/c", &[])]),
            ]
            .join("\n"),
            @r"
        two resources have the key `a/a`; give one of them another name
        `a/a` depends on `a/z`, which the blueprint does not have
        these resources depend on each other in a circle: a/a, a/b
        "
        );
    }
}
