//! SDK configuration, account and region guard, retry and error classes, tags.

mod account;
mod calls;
mod class;
mod connect;
mod get;
mod once;
mod patience;
#[cfg(feature = "scripted")]
pub mod scripted;

pub use account::{GuardError, guard};
pub use aws_config::SdkConfig;
pub use calls::{Call, Calls, before_each_call};
pub use class::{At, Said};
pub use connect::{ConnectError, Connection, connect};
pub use get::{GetError, Got, get};
pub use once::create_once;
pub use patience::{Patience, retry_while, wait_until};
