//! How the stacks make their nodes.

use resource::{Family, Key, Node};

use crate::Error;

/// A resource that other stacks refer to: its node's key, and its handle with name, ARN and grants.
pub(crate) struct Placed<H> {
    pub(crate) key: Key,
    pub(crate) handle: H,
}

/// The node of a resource of the family `F`, which holds kind and spec together. It is retained if its stack is.
///
/// # Errors
/// [`Error::Spec`] where the spec cannot be written as JSON.
pub fn node<F: Family>(key: &Key, name: Option<&str>, spec: &F::Spec) -> Result<Node, Error> {
    let node = Node::new(key.clone(), F::KIND, name.map(str::to_owned), spec)
        .map_err(|source| Error::Spec { key: key.clone(), source })?;
    Ok(if key.is_stateful() { node.retained() } else { node })
}
