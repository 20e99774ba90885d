//! SDK configuration, account and region guard, retry and error classes, tags.

mod account;
mod calls;
mod class;
mod connect;
mod get;
mod patience;
#[cfg(feature = "scripted")]
pub mod scripted;

pub use account::{GuardError, guard};
pub use aws_config::SdkConfig;
pub use calls::{Call, Calls};
pub use class::{At, Said};
pub use connect::{ConnectError, Connection, connect};
pub use get::{GetError, Got, get};
pub use patience::{Patience, retry_while, wait_until};
