//! The headwater command: plan, deploy, destroy, drift, status, send, query, tail, redrive.
//!
//! The library is what the binary and the end-to-end tests share; its one entry is [`dispatch`].

pub mod actions;
pub mod caller;
pub mod capabilities;
pub mod cli;
pub mod commands;
pub mod explorer;
pub mod failure;
pub mod input;
pub mod load;
pub mod local;
pub mod packages;
pub mod progress;
pub mod queue;
pub mod running;
pub mod session;
pub mod signals;
pub mod streams;
pub mod task;
pub mod terminal;
pub mod workbench;

pub use cli::Cli;
pub use commands::{Exit, Run, dispatch};
