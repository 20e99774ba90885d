//! The local emulator harness: AWS on the laptop, handed back as an endpoint.
//!
//! [`Emulator::start`] takes a [`Backend`] and gives an endpoint on this machine, with the dummy credentials to use
//! there. The embedded backend runs MiniStack, pinned by hash in a private virtual environment; it ends with the
//! [`Emulator`], and with the process that holds it, however that ends. [`Containers`] runs LocalStack with Docker; what a
//! process that was killed leaves of it, the next one removes. [`EventStore`] is what runs where EventStoreDB's task would,
//! or a [`Service`] among the containers. A [`Proxy`] before any of them lets calls meet what networks and AWS do to them.

mod containers;
mod docker;
mod embedded;
mod emulator;
mod error;
mod eventstore;
mod health;
mod home;
mod loopback;
mod network;
mod owner;
mod processes;
pub mod proxy;
mod python;
mod removal;
mod service;
mod stack;
mod venv;

pub use containers::{AuthToken, Containers};
pub use embedded::Embedded;
pub use emulator::{ACCOUNT, Backend, CREDENTIALS, Credentials, Emulator, Progress, REGION};
pub use error::{Error, LogTail};
pub use eventstore::{Credentials as EventStoreCredentials, EventStore, EventStoreError, Password, Tls};
pub use home::home;
pub use loopback::LoopbackUrl;
pub use processes::FunctionProcess;
pub use proxy::Proxy;
pub use service::{Definition, File, Service};
pub use stack::{Stack, Task};
