//! `environments`: those that live in AWS, with the roles of their workflows.

use std::{io::Write, path::Path};

use anyhow::{Result, ensure};
use blueprint::{
    bootstrap,
    configuration::{Architecture, Configuration, Environment},
};
use serde::Serialize;

use crate::{
    actions::Actions,
    cli,
    commands::{Exit, Run},
    terminal::{self, FAINT, STRONG, columns, paint},
};

/// An environment as the matrix of a workflow has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    account: String,
    region: String,
    architecture: &'static str,
    plan_role: String,
    deploy_role: String,
}

/// Runs `environments`. In GitHub Actions the list is the step's output `environments`, as JSON.
///
/// # Errors
/// The configuration is wrong, or has none of a name that was given.
pub fn run(args: &cli::Environments, run: &Run) -> Result<Exit> {
    let listed = list(&run.target.config, &args.only)?;
    let json = serde_json::to_string(&listed)?;
    let mut out = terminal::out();
    if run.json {
        writeln!(out, "{json}")?;
    } else if listed.is_empty() {
        writeln!(out, "{} has no environment in AWS.", run.target.config.display())?;
    } else {
        write!(out, "{}", table(&listed))?;
    }
    if let Some(actions) = Actions::here() {
        actions.output("environments", &json)?;
    }
    Ok(Exit::Done)
}

fn list(file: &Path, only: &[String]) -> Result<Vec<Listed>> {
    let configuration = Configuration::load(file)?;
    let mut names = only.iter().flat_map(|names| names.split_whitespace()).peekable();
    if names.peek().is_none() {
        return Ok(configuration.environments().filter(|found| !found.is_local()).map(listed).collect());
    }
    names
        .map(|name| {
            let environment = configuration.environment(name)?;
            ensure!(!environment.is_local(), "`{name}` is on this machine and not in AWS");
            Ok(listed(&environment))
        })
        .collect()
}

fn listed(environment: &Environment) -> Listed {
    let scope = environment.scope();
    let roles = bootstrap::roles(&scope);
    Listed {
        name: scope.environment.clone(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        architecture: match environment.ingest.architecture {
            Architecture::Arm64 => "arm64",
            Architecture::X86_64 => "x86-64",
        },
        plan_role: roles.plan.arn().to_owned(),
        deploy_role: roles.deploy.arn().to_owned(),
    }
}

fn table(listed: &[Listed]) -> String {
    let row = |environment: &Listed| {
        vec![
            paint(STRONG, &environment.name),
            environment.account.clone(),
            environment.region.clone(),
            environment.architecture.to_owned(),
        ]
    };
    let rows = columns(&listed.iter().map(row).collect::<Vec<_>>());
    let roles = |environment: &Listed| {
        [("plan", &environment.plan_role), ("deploy", &environment.deploy_role)]
            .map(|(name, role)| format!("  {}  {role}\n", paint(FAINT, format!("{name:6}"))))
            .concat()
    };
    rows.lines().zip(listed).map(|(row, environment)| format!("{row}\n{}", roles(environment))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "[environments.prod]\naccount = \"222222222222\"\nregion = \"cn-north-1\"\n\
                        [environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n\
                        ingest.architecture = \"x86-64\"\n";

    fn with_file<T>(text: &str, test: impl FnOnce(&Path) -> T) -> T {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headwater.toml");
        fs::write(&file, text).unwrap();
        test(&file)
    }

    #[test]
    fn environments_in_aws_are_listed_with_their_roles() {
        let listed = with_file(FILE, |file| list(file, &[])).unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&table(&listed)).to_string());
        insta::assert_snapshot!(serde_json::to_string_pretty(&listed).unwrap());
    }

    #[test]
    fn only_those_that_are_named_are_listed_in_that_order() {
        let names = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            let listed = with_file(FILE, |file| list(file, &only));
            listed.map(|listed| listed.into_iter().map(|found| found.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["prod dev"]).unwrap(), ["prod", "dev"]);
        assert_eq!(names(&["dev"]).unwrap(), ["dev"]);
        assert_eq!(names(&[""]).unwrap(), ["dev", "prod"]);
        assert!(names(&["deev"]).unwrap_err().to_string().starts_with("no environment is called \"deev\""));
        insta::assert_snapshot!(names(&["local"]).unwrap_err(), @"`local` is on this machine and not in AWS");
    }
}
