//! Why there is no blueprint.

use aws_network::{CidrError, ConnectionError, ParseCidrError};
use resource::{GraphError, Key, KeyError};

/// Why no blueprint can be made for an environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A function's code is not among the packages.
    #[error("there is no package `{0}`; `cargo xtask package` builds it")]
    Package(&'static str),
    /// A stack names a resource by what is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A spec cannot be written as JSON.
    #[error("the fields of `{key}` cannot be written as JSON")]
    Spec {
        /// The resource.
        key: Key,
        /// Why not.
        source: serde_json::Error,
    },
    /// The network's addresses cannot be divided into subnets.
    #[error("the network's addresses cannot be divided")]
    Subnets(#[from] CidrError),
    /// A block of addresses in a rule is none.
    #[error("a rule's addresses are wrong")]
    Addresses(#[from] ParseCidrError),
    /// A connection that must not be.
    #[error("a connection cannot be allowed")]
    Connection(#[from] ConnectionError),
    /// The stacks do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The policies of a role are more than IAM attaches to one.
    #[error("a role's policies are {0} documents; IAM attaches 10 to a role, unless AWS is asked for more")]
    Policies(usize),
}
