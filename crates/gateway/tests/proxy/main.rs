//! The reverse proxy, by real sockets on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod configuration;
mod ending;
mod failures;
mod forwarding;
mod hostile;
mod process;
#[path = "../producer/queue.rs"]
#[allow(dead_code, reason = "what the producer's tests need besides")]
mod queue;
mod streaming;
mod support;
