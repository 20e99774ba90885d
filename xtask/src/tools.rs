//! `tools`: what packaging for Lambda needs beyond Rust, pinned.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::Workspace;
use crate::python;

/// cargo-lambda with the linker that it uses, by version and hash.
const REQUIREMENTS: &str = ".github/requirements/cargo-lambda.txt";

/// Installs cargo-lambda. In GitHub Actions the steps after this one have it on their path.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let programs = python::programs(workspace, "cargo-lambda", REQUIREMENTS)?;
    match std::env::var_os("GITHUB_PATH") {
        Some(file) => add(Path::new(&file), &programs),
        None => {
            println!("To use it: export PATH=\"{}:$PATH\"", programs.display());
            Ok(())
        }
    }
}

/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.
fn add(file: &Path, directory: &Path) -> Result<()> {
    let open = || OpenOptions::new().create(true).append(true).open(file);
    open()
        .and_then(|mut file| writeln!(file, "{}", directory.display()))
        .with_context(|| format!("could not write {}, which GitHub Actions reads", file.display()))
}
