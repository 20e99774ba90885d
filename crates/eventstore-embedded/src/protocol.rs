//! The protocol's messages.

pub(crate) use eventstore_protocol::{gossip, persistent, server_features, shared, streams};
