//! EventStoreDB's gRPC protocol: messages, clients and services, as the compiler made them of `proto/`.
//!
//! Names and numbers are the protocol's own. They are those of KurrentDB as well: it kept the packages' names.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "the included code is generated")]

include!(concat!(env!("OUT_DIR"), "/protocol.rs"));

pub use event_store::client as shared;
pub use event_store::client::{gossip, persistent_subscriptions as persistent, server_features, streams};
