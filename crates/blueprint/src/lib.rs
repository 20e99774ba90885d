//! Our stacks as a graph of resources, for an environment.
//!
//! | stack | holds | a destroy without `--include-stateful` |
//! |---|---|---|
//! | `deployments` | the table with the lease and the history of deployments | keeps it |
//! | `stateful` | the journal's table, the event queue and its dead-letter queue | keeps it |
//! | `ingest` | the function that moves events from the queue to the journal, and what it runs with | deletes it |
//!
//! The queues are stateful because what lies in them exists nowhere else.

pub mod configuration;
mod error;
mod ingest;
mod outputs;
pub mod stack;
mod stateful;

use std::collections::BTreeMap;

use resource::Graph;

pub use error::Error;
pub use outputs::{OUTPUTS, Output};

use configuration::Environment;

/// The journal's table: what its physical name ends in.
pub const EVENT_TABLE: &str = "event";
/// The event queue: what its physical name ends in.
pub const EVENT_QUEUE: &str = "event-queue";
/// The event queue's dead-letter queue: what its physical name ends in.
pub const DEAD_LETTER_QUEUE: &str = "event-dlq";
/// The ingest function, and its package: what the physical names of function, role and log group end in.
pub const INGEST: &str = "ingest";
/// The packages that the blueprint is made from.
pub const PACKAGES: [&str; 1] = [INGEST];

/// All resources of `environment`. `packages` are the functions' zips: name → SHA-256 in base64, as Lambda's
/// `CodeSha256`.
///
/// It is a pure function: ARNs and URLs follow from names, so nothing needs to be there yet.
///
/// # Errors
/// [`Error::Package`] where a function's package is missing from `packages`.
pub fn blueprint(environment: &Environment, packages: &BTreeMap<String, String>) -> Result<Graph, Error> {
    let scope = environment.scope();
    let (mut nodes, stateful) = stateful::stack(&scope, environment)?;
    nodes.extend(ingest::stack(&scope, environment, packages, &stateful)?);
    Ok(Graph::new(scope, packages.clone(), nodes)?)
}
