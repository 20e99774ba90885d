//! The embedded backend with the real MiniStack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests"
)]

mod functions;
mod http;
mod lifetime;

use localstack::{Backend, Embedded, Emulator};

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn start(change: impl FnOnce(&mut Embedded)) -> Result<Emulator, localstack::Error> {
    let mut embedded = Embedded::new(localstack::home());
    change(&mut embedded);
    Emulator::start(Backend::Embedded(embedded), &|_| ()).await
}
