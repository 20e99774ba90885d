//! The harness of the end-to-end tests: an emulator, an environment on it, and Headwater as a library and as a program.
//!
//! Nothing is mocked. The functions are the zips of `cargo xtask package`, the program is the one that users run; each
//! test has an emulator of its own.

mod contributing;
mod local;
mod pipeline;
mod program;
mod relayed;
mod until;

pub use local::Local;
pub use program::{Ended, Started};
pub use relayed::Relayed;
pub use until::until;
