//! The producer and its layers, against a queue that is a closure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod calls;
mod context;
mod delivery;
mod queue;
mod spool;
