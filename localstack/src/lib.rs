//! The local emulator harness: AWS on the laptop, handed back as an endpoint.
//!
//! [`Emulator::start`] takes a [`Backend`] and gives an endpoint on this machine, with the dummy credentials to use
//! there. The embedded backend runs MiniStack, pinned by hash in a private virtual environment; it ends with the
//! [`Emulator`], and with the process that holds it, however that ends. [`EventStore`] is what runs where EventStoreDB's task
//! would.

mod embedded;
mod emulator;
mod error;
mod eventstore;
mod health;
mod home;
mod loopback;
mod processes;
mod python;
mod venv;

pub use embedded::Embedded;
pub use emulator::{ACCOUNT, Backend, CREDENTIALS, Credentials, Emulator, Progress, REGION};
pub use error::{Error, LogTail};
pub use eventstore::{Credentials as EventStoreCredentials, EventStore, EventStoreError, Password, Tls};
pub use home::home;
pub use loopback::LoopbackUrl;
pub use processes::FunctionProcess;
