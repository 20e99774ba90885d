//! Every benchmark of the workspace, with the function as it is deployed: its binary and its zip are handed over. And, apart
//! from them, how long deploys take.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cargo::{Workspace, program};
use crate::package::{self, Platform};

/// The benchmark of the whole function, which prints a table or JSON; the others are criterion's.
const HANDLER: &str = "handler";

/// The program of the end-to-end package that measures deploys.
const DEPLOY: &str = "bench-deploy";

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// Print the handler's figures as JSON, and those alone: criterion has no such form.
    #[arg(long)]
    json: bool,
}

/// What is measured in place of the benchmarks.
#[derive(Debug, clap::Subcommand)]
enum Instead {
    /// Deploy, plan, update and destroy `prod` at 0, 20 and 100 ms a call, and compare with the longest chain of calls.
    Deploy(Deploy),
}

/// Arguments of `bench deploy`.
#[derive(Debug, clap::Args)]
struct Deploy {
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
    /// Print the chains call by call, too.
    #[arg(long)]
    path: bool,
}

/// Packages the functions for this machine and runs the benchmarks one after the other.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let made = package::make(workspace, Platform::Host)?;
    if let Some(Instead::Deploy(arguments)) = &arguments.instead {
        return deploy(workspace, arguments, &made.directory);
    }
    let ingest = made.find("ingest")?;
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

/// Becomes the program that measures deploys. It is built as `headwater` is, in the profile of development: that is what users
/// deploy with, and the AWS SDK is not built a second time.
fn deploy(workspace: &Workspace, arguments: &Deploy, packages: &Path) -> Result<()> {
    let program = workspace
        .build(["build", "--workspace", "--bin", DEPLOY], None)
        .and_then(|binary| binary.context("cargo built no binary"))
        .with_context(|| format!("could not build `{DEPLOY}`"))?;
    let mut command = Command::new(&program);
    command.args(arguments.json.then_some("--json")).args(arguments.path.then_some("--path"));
    command.env("HEADWATER_PACKAGES", packages);
    Err(command.exec()).with_context(|| format!("could not run {}", program.display()))
}
