//! Every benchmark of the workspace, with the function as it is deployed: its binary and its zip are handed over.

use std::ffi::OsString;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cargo::{Workspace, program};
use crate::package::{self, Platform};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to pass on to each benchmark, as in `-- --json`.
    #[arg(last = true)]
    passed: Vec<OsString>,
}

/// Packages the functions for this machine and runs the benchmarks one after the other.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let ingest = package::make(workspace, Platform::Host)?.find("ingest")?;
    let shell = Shell::new().context("could not find the current directory")?;
    shell.change_dir(&workspace.root);
    let _binary = shell.push_env("HEADWATER_INGEST_BINARY", &ingest.binary);
    let _zip = shell.push_env("HEADWATER_INGEST_ZIP", &ingest.zip);
    let (cargo, passed) = (program(), &arguments.passed);
    for package in &workspace.packages {
        for target in package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bench")) {
            let (package, target) = (&package.name, &target.name);
            cmd!(shell, "{cargo} bench --quiet --package {package} --bench {target} -- {passed...}").run()?;
        }
    }
    Ok(())
}
