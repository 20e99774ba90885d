//! The engine on an in-memory cloud in which every call can fail, hang or be the last one of its run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod blueprint;
mod cloud;
mod estimates;
mod families;
mod lab;
mod lease;
mod meanwhile;
mod plans;
mod properties;
mod runs;
mod saved;
mod store;
mod sweeps;
mod twins;
