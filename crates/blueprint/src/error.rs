//! Why there is no blueprint.

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
    /// The stacks do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
