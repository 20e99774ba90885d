//! The protocol's messages, as the compiler made them of `proto/`, and the small conversions that every service needs.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "the included code is generated")]

include!(concat!(env!("OUT_DIR"), "/protocol.rs"));

pub(crate) use event_store::client as shared;
pub(crate) use event_store::client::{
    gossip, persistent_subscriptions as persistent, server_features, streams,
};
