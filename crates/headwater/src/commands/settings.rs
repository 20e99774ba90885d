//! `settings`: every setting of headwater.toml.

use std::io::Write;

use anyhow::Result;
use blueprint::configuration;

use crate::{
    commands::{Exit, Run},
    terminal::{self, write_json},
};

/// Runs `settings`.
///
/// # Errors
/// Standard output is closed.
pub fn run(run: &Run) -> Result<Exit> {
    let mut out = terminal::out();
    if run.json {
        let settings: Vec<_> = configuration::settings().collect();
        write_json(&mut out, &settings)?;
    } else {
        write!(out, "{}", configuration::reference())?;
    }
    Ok(Exit::Done)
}
