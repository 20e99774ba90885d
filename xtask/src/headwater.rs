//! The commands that are other programs', `headwater`'s nearly all: built, then run in this program's place.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command};

use crate::architecture::Architecture;
use crate::cargo::Workspace;
use crate::package::{self, Platform};

/// A command of another program's.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) name: &'static str,
    about: &'static str,
    needs: Needs,
    /// The program, where it is not `headwater`: one that has no other command.
    program: Option<&'static str>,
}

/// Which functions must be packaged before: their hashes are part of a plan, their zips of a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// Those for this machine, as it is or, where the backend runs them in containers, as Lambda on its processor.
    ForHost,
    /// Those for the environment: this machine for `local`, else Lambda.
    ForEnvironment,
}

/// Every command, with the line that the help shows.
pub(crate) const COMMANDS: [Passed; 23] = [
    passed("test-local", "Prove the whole pipeline on this machine and print a report", Needs::ForHost),
    passed("up", "Start local AWS, deploy to it and keep it up until Ctrl-C", Needs::ForHost),
    passed("demo", "Let a service fail behind the gateway, and see the journal name it", Needs::ForHost),
    passed("send", "Send events: a file, standard input, or generated load", Needs::Nothing),
    passed("query", "Read events by request, type or source", Needs::Nothing),
    passed("flow", "Draw a request as a timeline, with what failed and because of what", Needs::Nothing),
    passed("services", "Show which service is at fault, the likeliest first", Needs::Nothing),
    passed("tail", "Print new events as they land", Needs::Nothing),
    passed("explore", "Serve a page that shows requests, services and dead letters", Needs::Nothing),
    passed("redrive", "List the dead-letter queue with reasons, then move it back", Needs::Nothing),
    passed("replay", "Relay the journal to EventStoreDB again", Needs::Nothing),
    passed("plan", "Show what a deploy would do", Needs::ForEnvironment),
    passed("deploy", "Make an environment as the code says", Needs::ForEnvironment),
    passed("destroy", "Delete an environment's stateless resources", Needs::Nothing),
    passed("drift", "Tell how AWS differs from the code; exit code 2 if it does", Needs::ForEnvironment),
    passed("status", "Show outputs and the health of each part", Needs::Nothing),
    passed("bootstrap", "Let GitHub Actions plan and deploy an environment", Needs::Nothing),
    passed("policy", "Print what a bootstrap grants", Needs::Nothing),
    passed("adopt", "Take over what exists already", Needs::ForEnvironment),
    passed("history", "List past deployments", Needs::Nothing),
    passed("environments", "List the environments in AWS, with the roles of their workflows", Needs::Nothing),
    passed("settings", "Print every setting of headwater.toml with its default and range", Needs::Nothing),
    Passed {
        program: Some("chaos"),
        ..passed("chaos", "Harm deploys and the pipeline, and see that they survive it", Needs::ForHost)
    },
];

const fn passed(name: &'static str, about: &'static str, needs: Needs) -> Passed {
    Passed { name, about, needs, program: None }
}

/// The name of the argument that holds all that is passed on.
const ARGUMENTS: &str = "arguments";

/// What tells `headwater` where the zips are. Where the user sets it, nothing is packaged.
const PACKAGES: &str = "HEADWATER_PACKAGES";

impl Passed {
    /// The command as this program's help shows it; its own help is the other program's.
    pub(crate) fn command(&self) -> Command {
        let arguments = Arg::new(ARGUMENTS)
            .num_args(0..)
            .trailing_var_arg(true)
            .allow_hyphen_values(true)
            .value_parser(clap::value_parser!(OsString));
        Command::new(self.name).about(self.about).disable_help_flag(true).arg(arguments)
    }

    /// Builds what is needed and becomes the program: its exit code and its signals are this process's own.
    pub(crate) fn run(&self, workspace: &Workspace, matches: &ArgMatches) -> Result<ExitCode> {
        let arguments: Vec<OsString> =
            matches.get_many(ARGUMENTS).map(|values| values.cloned().collect()).unwrap_or_default();
        let packages = match self.platform(&arguments, |name| env::var_os(name)) {
            Some(platform) => Some(package::make(workspace, platform)?.directory),
            None => None,
        };
        // For the whole workspace, so that its dependencies have the features, and so the artifacts, that they have in
        // `cargo test --workspace`: the AWS SDK is built once.
        let name = self.program.unwrap_or("headwater");
        let program = workspace
            .build(["build", "--workspace", "--bin", name], None)
            .and_then(|binary| binary.context("cargo built no binary"))
            .with_context(|| format!("could not build `{name}`"))?;
        let mut command = std::process::Command::new(&program);
        command
            .args(self.program.is_none().then_some(self.name))
            .args(arguments)
            .envs(packages.map(|directory| (PACKAGES, directory)));
        Err(command.exec()).with_context(|| format!("could not run {}", program.display()))
    }

    /// What to package first; nothing where only help is asked for or the user names a directory.
    fn platform(
        &self,
        arguments: &[OsString],
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Option<Platform> {
        let help = arguments.iter().any(|argument| argument == "--help" || argument == "-h");
        if help || variable(PACKAGES).is_some() || option(arguments, "--packages").is_some() {
            return None;
        }
        let environment = option(arguments, "--env").or_else(|| variable("HEADWATER_ENV"));
        match (self.needs, environment) {
            (Needs::Nothing, _) => None,
            (Needs::ForHost, _)
                if option(arguments, "--backend").is_some_and(|name| name == "localstack") =>
            {
                Architecture::of_host().map(Platform::Lambda)
            }
            (Needs::ForHost, _) | (Needs::ForEnvironment, None) => Some(Platform::Host),
            (Needs::ForEnvironment, Some(name)) if name == "local" => Some(Platform::Host),
            (Needs::ForEnvironment, Some(name)) => {
                let configuration = option(arguments, "--config")
                    .or_else(|| variable("HEADWATER_CONFIG"))
                    .map_or_else(|| PathBuf::from("headwater.toml"), PathBuf::from);
                let name = name.to_string_lossy();
                Architecture::of_environment(&configuration, &name).map(Platform::Lambda)
            }
        }
    }
}

/// The value of an option, as in `--env dev` or `--env=dev`.
fn option(arguments: &[OsString], name: &str) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == OsStr::new(name) {
            return arguments.next().cloned();
        }
        if let Some(value) = argument.to_str().and_then(|text| text.strip_prefix(name)?.strip_prefix('=')) {
            return Some(value.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(command: &str, arguments: &[&str]) -> Option<Platform> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        COMMANDS.iter().find(|passed| passed.name == command).unwrap().platform(&arguments, |_| None)
    }

    #[test]
    fn a_local_run_packages_for_this_machine() {
        assert_eq!(platform("test-local", &["--json"]), Some(Platform::Host));
        assert_eq!(platform("plan", &[]), Some(Platform::Host));
        assert_eq!(platform("deploy", &["--yes", "--env=local"]), Some(Platform::Host));
    }

    /// LocalStack runs functions in containers of Amazon Linux 2023.
    #[test]
    fn localstack_packages_for_lambda_on_this_machines_processor() {
        let lambda = Architecture::of_host().map(Platform::Lambda);
        assert_eq!(platform("test-local", &["--backend", "localstack"]), lambda);
        assert_eq!(platform("up", &["--backend=localstack", "--json"]), lambda);
        assert_eq!(platform("up", &["--backend", "embedded"]), Some(Platform::Host));
    }

    #[test]
    fn an_environment_in_aws_packages_for_lambda() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headwater.toml");
        std::fs::write(&file, "[environments.dev.ingest]\narchitecture = \"x86-64\"\n[environments.prod]\n")
            .unwrap();
        let file = file.to_str().unwrap();
        let x86_64 = Some(Platform::Lambda(Architecture::X86_64));
        assert_eq!(platform("plan", &["--env", "dev", "--config", file]), x86_64);
        let arm64 = Some(Platform::Lambda(Architecture::Arm64));
        assert_eq!(platform("plan", &["--env=prod", "--config", file, "--json"]), arm64);
    }

    #[test]
    fn nothing_is_packaged_that_is_not_needed() {
        assert_eq!(platform("plan", &["--env", "dev", "--config", "none.toml"]), None);
        assert_eq!(platform("query", &["--env", "dev", "--type", "T"]), None);
        assert_eq!(platform("deploy", &["--help"]), None);
        assert_eq!(platform("deploy", &["--packages", "elsewhere"]), None);
    }
}
