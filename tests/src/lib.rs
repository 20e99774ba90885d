//! The harness of the end-to-end tests: an emulator, an environment on it, and Headwater as a library and as a program.
//!
//! Nothing is mocked. The functions are the zips of `cargo xtask package`, the program is the one that users run; each
//! test has an emulator of its own.

pub mod chaos;
mod contributing;
pub mod gateway;
mod local;
mod pipeline;
mod program;
mod relayed;
mod until;

pub use local::Local;
pub use program::{Ended, Headwater, Started};
pub use relayed::Relayed;
pub use until::until;

/// A configuration file in which every knob has its default.
pub const DEFAULTS: &str = "[environments.local]\n";

/// The second source document's message.
pub const SEED: &str = r#"{
  "id": "5b070a84-c5d5-460a-ac98-a0717cbc8e56",
  "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
  "timestamp": "2020-05-01T20:00:00Z",
  "type": "MICROSERVICE_REQUEST",
  "source": "Gateway",
  "data": { "Name": "Microservice A" }
}"#;

/// A message without attributes.
pub fn message(body: impl Into<String>) -> event::dead_letter::Message {
    event::dead_letter::Message { body: body.into(), attributes: Default::default() }
}
