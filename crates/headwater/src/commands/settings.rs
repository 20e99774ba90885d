//! `settings`: every setting of headwater.toml.

use std::io::Write;

use anyhow::Result;

use crate::{commands::Exit, terminal};

/// Runs `settings`.
///
/// # Errors
/// Standard output is closed.
pub fn run() -> Result<Exit> {
    write!(terminal::out(), "{}", blueprint::configuration::reference())?;
    Ok(Exit::Done)
}
