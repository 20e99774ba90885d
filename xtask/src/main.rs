//! Task runner: one module a command; execs the `headwater` binary.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

mod architecture;
mod archive;
mod arrows;
mod bench;
mod cargo;
mod ci;
mod failure;
mod github;
mod glibc;
mod headwater;
mod image;
mod package;
mod python;
mod tools;
mod workflows;

use std::process::ExitCode;

use clap::{ArgMatches, Command, FromArgMatches, Subcommand};

use crate::cargo::Workspace;

/// A command line that is not understood: `EX_USAGE` of sysexits.h. Clap's own 2 would read as `drift`'s "it differs".
const WRONG_USAGE: u8 = 64;

/// The commands that are done here; the others are `headwater`'s.
#[derive(Debug, Subcommand)]
enum Task {
    /// Build the Lambda functions' zips, byte-identical for identical sources.
    Package(package::Arguments),
    /// Build the container images: those that stand in for EventStoreDB's and LocalStack's, and the gateway's.
    Image(image::Arguments),
    /// Run all that must hold before a change is merged: format, arrows, workflows, lints, tests.
    Ci,
    /// Check which of our crates depends on which.
    Arrows,
    /// Check the workflows of GitHub Actions: their schema, and what makes them unsafe.
    Workflows,
    /// Install cargo-lambda, pinned, for packaging; in GitHub Actions put it on the path.
    Tools,
    /// Tell people on GitHub of plans and drift.
    #[command(subcommand)]
    Github(github::Command),
    /// Measure: events a second, cold start, memory, zip size.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let matches = match command_line().try_get_matches() {
        Ok(matches) => matches,
        Err(usage) => {
            let code = if usage.use_stderr() { WRONG_USAGE } else { 0 };
            // Where not even this can be written there is nobody to tell.
            let _ = usage.print();
            return ExitCode::from(code);
        }
    };
    match run(&matches) {
        Ok(code) => code,
        Err(error) => {
            eprint!("{}", failure::in_words(&error));
            ExitCode::FAILURE
        }
    }
}

fn command_line() -> Command {
    let passed =
        Command::new("cargo xtask").subcommands(headwater::COMMANDS.iter().map(headwater::Passed::command));
    Task::augment_subcommands(passed)
        .bin_name("cargo xtask")
        .about("Headwater's commands: provision, feed, read, test. Each has its own --help.")
        .max_term_width(110)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
}

fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::load()?;
    if let Some((name, arguments)) = matches.subcommand()
        && let Some(passed) = headwater::COMMANDS.iter().find(|passed| passed.name == name)
    {
        return passed.run(&workspace, arguments);
    }
    match Task::from_arg_matches(matches)? {
        Task::Package(arguments) => package::run(&workspace, &arguments)?,
        Task::Image(arguments) => image::run(&workspace, arguments)?,
        Task::Ci => ci::run(&workspace)?,
        Task::Arrows => arrows::run(&workspace)?,
        Task::Workflows => workflows::run(&workspace)?,
        Task::Tools => tools::run(&workspace)?,
        Task::Github(command) => github::run(&command)?,
        Task::Bench(arguments) => bench::run(&workspace, &arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("../../README.md");
    const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
    const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
    }

    #[test]
    fn every_command_that_the_documents_name_is_one() {
        for document in [README, CONTRIBUTING] {
            for rest in document.split("cargo xtask ").skip(1) {
                let end = rest.find(['\n', '`', '#', '|', '<', '>', '"']).unwrap_or(rest.len());
                let words = ["cargo xtask"].into_iter().chain(rest[..end].split_whitespace());
                if let Err(error) = command_line().try_get_matches_from(words) {
                    panic!("cargo xtask {}: {error}", &rest[..end]);
                }
            }
        }
    }

    /// What a document shows as code and ends as a file does is the path of one.
    #[test]
    fn every_file_that_the_documents_name_is_there() {
        let root = Workspace::load().unwrap().root;
        for document in [README, ARCHITECTURE] {
            let code = document.split('`').skip(1).step_by(2);
            let paths = code.filter(|code| {
                code.contains('/') && [".rs", ".md", ".py"].iter().any(|end| code.ends_with(end))
            });
            let missing: Vec<_> = paths.filter(|path| !root.join(path).is_file()).collect();
            assert!(missing.is_empty(), "there is no {missing:?}");
        }
    }

    #[test]
    fn help_lists_every_command_in_one_line() {
        insta::assert_snapshot!(command_line().term_width(110).render_help().to_string());
    }
}
