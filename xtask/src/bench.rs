//! Every benchmark of the workspace, with the function as it is deployed: its binary and its zip are handed over.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cargo::{Workspace, program};
use crate::package::{self, Platform};

/// The benchmark of the whole function, which prints a table or JSON; the others are criterion's.
const HANDLER: &str = "handler";

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the handler's figures as JSON, and those alone: criterion has no such form.
    #[arg(long)]
    json: bool,
}

/// Packages the functions for this machine and runs the benchmarks one after the other.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let ingest = package::make(workspace, Platform::Host)?.find("ingest")?;
    let shell = Shell::new().context("could not find the current directory")?;
    shell.change_dir(&workspace.root);
    let _binary = shell.push_env("HEADWATER_INGEST_BINARY", &ingest.binary);
    let _zip = shell.push_env("HEADWATER_INGEST_ZIP", &ingest.zip);
    let cargo = program();
    let json = arguments.json.then_some("--json");
    let targets = workspace.packages.iter().flat_map(|package| &package.targets);
    let benches = targets.filter(|target| target.kind.iter().any(|kind| kind == "bench"));
    for bench in benches.filter(|bench| !arguments.json || bench.name == HANDLER) {
        let name = &bench.name;
        // For the whole workspace, so that dependencies have the features that other builds gave them.
        cmd!(shell, "{cargo} bench --quiet --workspace --bench {name} -- {json...}").run()?;
    }
    Ok(())
}
