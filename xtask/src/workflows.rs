//! The workflows of GitHub Actions: their schema, and what makes them unsafe.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cargo::Workspace;
use crate::failure::Failure;
use crate::python;

/// zizmor and check-jsonschema with all that they need, by version and hash.
const REQUIREMENTS: &str = ".github/requirements/workflows.txt";

/// Checks every workflow. Nothing is asked of the network once the checkers are installed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let programs = python::programs(workspace, "workflows", REQUIREMENTS)?;
    let workflows = &files(&workspace.root)?;
    let shell = Shell::new().context("could not find the current directory")?;
    shell.change_dir(&workspace.root);
    let (schema, zizmor) = (programs.join("check-jsonschema"), programs.join("zizmor"));
    let wrong = |what: &str| {
        Failure::new(format!("{what}, as is printed above"), "mend the workflows in .github/workflows")
    };
    cmd!(shell, "{schema} --builtin-schema vendor.github-workflows {workflows...}")
        .quiet()
        .run()
        .map_err(|_| wrong("check-jsonschema finds a workflow that is none"))?;
    cmd!(shell, "{zizmor} --offline --quiet --no-progress {workflows...}")
        .quiet()
        .run()
        .map_err(|_| wrong("zizmor finds an unsafe workflow"))?;
    Ok(())
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let directory = root.join(".github").join("workflows");
    let entries =
        fs::read_dir(&directory).with_context(|| format!("could not read {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of all workflows, each with the name of its file.
    fn lines() -> Vec<(String, String)> {
        let root = Workspace::load().unwrap().root;
        let named = |file: PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(file).unwrap();
            text.lines().map(|line| (name.clone(), line.trim().to_owned())).collect::<Vec<_>>()
        };
        files(&root).unwrap().into_iter().flat_map(named).collect()
    }

    #[test]
    fn every_step_that_runs_something_runs_a_command_of_ours_in_one_line() {
        let mut seen = 0;
        for (file, line) in lines() {
            let Some(run) = line.strip_prefix("- run:").or_else(|| line.strip_prefix("run:")) else {
                continue;
            };
            let run = run.trim().trim_start_matches("exec ");
            let command = run.strip_prefix("cargo xtask ");
            let command = command.unwrap_or_else(|| panic!("{file}: `{run}` is no command of ours"));
            // GitHub would write an expression's value into the script itself.
            assert!(!run.contains("${{"), "{file}: `{run}` holds an expression; use `env`");
            let command =
                command.replace("$ARCHITECTURE", "arm64").replace(" --from", " --environments [] --from");
            let words = command.split_whitespace().map(|word| word.trim_matches('"'));
            if let Err(error) =
                crate::command_line().try_get_matches_from(["cargo xtask"].into_iter().chain(words))
            {
                panic!("{file}: {error}");
            }
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn every_action_is_pinned_by_its_commit_and_says_which_version_that_is() {
        for (file, line) in lines() {
            let Some(uses) = line.strip_prefix("- uses:").or_else(|| line.strip_prefix("uses:")) else {
                continue;
            };
            let uses = uses.trim();
            if uses.starts_with("$/.github/workflows/") {
                continue;
            }
            let (commit, version) = uses.split_once('@').unwrap().1.split_once(" # v").unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_commit && !version.is_empty(), "{file}: {uses}");
        }
    }

    #[test]
    fn no_workflow_has_a_secret_or_a_trigger_that_gives_one_to_strangers() {
        for (file, line) in lines() {
            let unsafe_words = ["secrets.", "secrets:", "pull_request_target", "workflow_run", "write-all"];
            let found = unsafe_words.iter().find(|word| line.contains(**word));
            assert_eq!(found, None, "{file}: {line}");
        }
    }
}
