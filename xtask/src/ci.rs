//! All that must hold before a change is merged, one step after the other: two builds at once are slower than two in
//! a row where memory is short.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cargo::{Workspace, program};
use crate::package::{self, Platform};
use crate::{arrows, workflows};

/// Runs every step and ends with the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let shell = Shell::new().context("could not find the current directory")?;
    shell.change_dir(&workspace.root);
    let cargo = program();
    cmd!(shell, "{cargo} fmt --all --check")
        .run()
        .context("the code is not formatted; `cargo fmt --all` does it")?;
    arrows::run(workspace)?;
    workflows::run(workspace)?;
    cmd!(shell, "{cargo} clippy --workspace --all-targets --locked -- --deny warnings").run()?;
    // The end-to-end tests deploy the real functions.
    let made = package::make(workspace, Platform::Host)?;
    let packages = &made.directory;
    cmd!(shell, "{cargo} test --workspace --locked --no-fail-fast")
        .env("HEADWATER_PACKAGES", packages)
        // What the tests deploy is nothing for the job's summary.
        .env_remove("GITHUB_ACTIONS")
        .run()?;
    Ok(())
}
