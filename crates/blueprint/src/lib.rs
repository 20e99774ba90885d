//! Our stacks as a graph of resources, for an environment.
//!
//! | stack | holds | a destroy without `--include-stateful` |
//! |---|---|---|
//! | `deployments` | the table with the lease and the history of deployments | keeps it |
//! | `stateful` | the journal's table, the queues; VPC and subnets, EventStoreDB's file system and its backups, passwords, certificate | keeps it |
//! | `ingest` | the function that moves events from the queue to the journal, and what it runs with | deletes it |
//! | `network` | the ways out of the VPC | deletes it |
//! | `eventstore` | EventStoreDB: cluster, task, service, name | deletes it |
//! | `relay` | the function that moves events from the journal to EventStoreDB, and what it runs with | deletes it |
//! | `gateway` | the reverse proxy that sends an event of each request, where the configuration asks for one | deletes it |
//! | `alarms` | what watches all of it, and who is told | deletes it |
//!
//! The queues are stateful because what lies in them exists nowhere else.

mod alarms;
pub mod bootstrap;
pub mod configuration;
mod error;
mod eventstore;
mod gateway;
mod ingest;
mod network;
mod outputs;
mod relay;
mod secrets;
pub mod stack;
mod stateful;
mod storage;

use std::collections::{BTreeMap, BTreeSet};

use aws_iam::Roles;
use resource::{Family, Graph, Key, Node};

pub use error::Error;
pub use eventstore::{Release, address, host_name};
pub use gateway::address as gateway_address;
pub use outputs::{OUTPUTS, Output};

use configuration::{BackupMode, Environment, EventStore as EventStoreKnobs, TlsMode};
use eventstore::EventStore;
use network::Network;
use secrets::EventStoreSecrets;
use storage::Storage;

/// The journal's table: what its physical name ends in.
pub const EVENT_TABLE: &str = "event";
/// The event queue: what its physical name ends in.
pub const EVENT_QUEUE: &str = "event-queue";
/// The event queue's dead-letter queue: what its physical name ends in.
pub const DEAD_LETTER_QUEUE: &str = "event-dlq";
/// The ingest function, and its package: what the physical names of function, role and log group end in.
pub const INGEST: &str = "ingest";
/// EventStoreDB: the name of its stack, and what the physical names in it end in.
pub const EVENTSTORE: &str = "eventstore";
/// The relay function, and its package: what the physical names of function, role and log group end in.
pub const RELAY: &str = "relay";
/// The key of the mapping that feeds the relay from the journal's stream.
pub const RELAY_MAPPING: &str = "relay/event-source-mapping";
/// The gateway: the name of its stack, and what the physical names in it end in.
pub const GATEWAY: &str = "gateway";
/// Where the relay leaves what it can never append: what the queue's physical name ends in.
pub const RELAY_FAILURE_QUEUE: &str = "relay-failures";
/// The packages that the blueprint is made from.
pub const PACKAGES: [&str; 2] = [INGEST, RELAY];

/// All resources of `environment`. `packages` are the functions' zips: name → SHA-256 in base64, as Lambda's
/// `CodeSha256`.
///
/// It is a pure function: ARNs and URLs follow from names, so nothing needs to be there yet.
///
/// # Errors
/// [`Error::Package`] where a function's package is missing from `packages`.
pub fn blueprint(environment: &Environment, packages: &BTreeMap<String, String>) -> Result<Graph, Error> {
    let scope = environment.scope();
    let network = Network::new(&scope, environment)?;
    let storage = Storage::new(&scope)?;
    let secrets = EventStoreSecrets::new(&scope)?;
    let eventstore = EventStore::new(&scope)?;
    let (mut nodes, stateful) = stateful::stack(&scope, environment)?;
    nodes.extend(network.stateful(environment)?);
    nodes.extend(storage.stateful(&scope, environment, &network)?);
    nodes.extend(secrets.stateful(environment, &eventstore.found_by.dns_name())?);
    nodes.extend(ingest::stack(&scope, environment, packages, &stateful)?);
    let ways_out = network.stack(environment)?;
    let ways: BTreeSet<Key> = ways_out.iter().map(|node| node.key.clone()).collect();
    nodes.extend(ways_out);
    nodes.extend(eventstore::stack(&scope, environment, &network, &ways, &storage, &secrets, &eventstore)?);
    let upstream = relay::Upstream {
        stateful: &stateful,
        network: &network,
        ways: &ways,
        secrets: &secrets,
        eventstore: &eventstore,
    };
    nodes.extend(relay::stack(&scope, environment, packages, &upstream)?);
    let gateway = match &environment.gateway {
        Some(knobs) => {
            let upstream = gateway::Upstream {
                queue: &stateful.queue,
                network: &network,
                ways: &ways,
                eventstore: &eventstore,
            };
            nodes.extend(gateway::stack(&scope, environment, knobs, &upstream)?);
            Some(gateway::service(&scope, knobs, &eventstore))
        }
        None => None,
    };
    nodes.extend(alarms::stack(&scope, environment, &stateful, &storage, &eventstore, gateway.as_ref())?);
    if let Some(boundary) = &environment.permissions_boundary {
        bound(&mut nodes, boundary);
    }
    Ok(Graph::new(scope, packages.clone(), nodes)?.noting(notes(environment)))
}

/// Gives every role its permissions boundary. It is done here, once, so that no stack can make a role without.
fn bound(nodes: &mut [Node], boundary: &str) {
    for node in nodes.iter_mut().filter(|node| node.kind == Roles::KIND) {
        node.spec["permissionsBoundary"] = boundary.into();
    }
}

/// What whoever reads a plan should know besides.
fn notes(environment: &Environment) -> impl Iterator<Item = String> {
    let EventStoreKnobs { tls, image, .. } = &environment.eventstore;
    let automatic = environment.backup.mode == BackupMode::Automatic;
    let image = image.as_ref().map(|image| {
        format!(
            "EventStoreDB runs the image {image}: it needs `flock`, by which a second task waits until the first has \
             ended, and `curl` for its health check."
        )
    });
    [
        automatic.then(|| {
            "EFS backs the file system up by itself: its vault aws/efs/automatic-backup-vault can never be removed."
                .to_owned()
        }),
        (*tls == TlsMode::Ephemeral).then(|| {
            "EventStoreDB's certificate is made by each task, so clients cannot verify it: traffic is encrypted, but \
             events and password go to whoever answers."
                .to_owned()
        }),
        (*tls == TlsMode::Off).then(|| {
            "EventStoreDB has neither TLS nor passwords: whoever reaches it reads and writes everything.".to_owned()
        }),
        image,
    ]
    .into_iter()
    .flatten()
}
