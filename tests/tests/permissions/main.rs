//! The policies of a bootstrap on an emulator that evaluates IAM: what they let a run do, what they refuse, and that no action
//! in them is there for nothing.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod cases;
mod life;
mod roles;
mod sweep;
mod unswept;
mod widened;

use std::io::{self, Write};

/// Shows people what was proven and what was not. It goes past the test harness, which keeps to itself what a test prints that
/// passes.
fn show(report: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "\n{report}")
}
