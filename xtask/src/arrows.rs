//! Which of our crates may depend on which: one row a crate, checked against what cargo says.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::cargo::{Package, Workspace};
use crate::failure::Failure;

/// How far a crate may reach beyond its own memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Data and functions: no runtime, no network.
    Data,
    /// It may wait for things, files, processes, sockets.
    Machine,
    /// It may call AWS.
    Aws,
}

use Reach::{Aws, Data, Machine};

/// A crate, how far it reaches, and which of ours it may name.
type Row = (&'static str, Reach, &'static [&'static str]);

/// The house. Arrows point down: a crate names only crates below it.
const HOUSE: &[Row] = &[
    ("xtask", Machine, &[]),
    (
        "end-to-end",
        Aws,
        &[
            "headwater",
            "localstack",
            "blueprint",
            "engine",
            "resource",
            "journal",
            "gateway",
            "flow",
            "event",
            "aws-env",
            "aws-backup",
            "aws-cloudmap",
            "aws-dynamodb",
            "aws-ecs",
            "aws-efs",
            "aws-iam",
            "aws-lambda",
            "aws-network",
            "aws-observability",
            "aws-secrets",
            "aws-sqs",
        ],
    ),
    (
        "headwater",
        Aws,
        &[
            "blueprint",
            "engine",
            "resource",
            "journal",
            "gateway",
            "flow",
            "event",
            "eventstore-protocol",
            "localstack",
            "aws-env",
            "aws-backup",
            "aws-cloudmap",
            "aws-dynamodb",
            "aws-ecs",
            "aws-efs",
            "aws-iam",
            "aws-lambda",
            "aws-network",
            "aws-observability",
            "aws-secrets",
            "aws-sqs",
        ],
    ),
    (
        "blueprint",
        Aws,
        &[
            "settings-file",
            "resource",
            "journal",
            "aws-env",
            "aws-backup",
            "aws-cloudmap",
            "aws-dynamodb",
            "aws-ecs",
            "aws-efs",
            "aws-iam",
            "aws-lambda",
            "aws-network",
            "aws-observability",
            "aws-secrets",
            "aws-sqs",
        ],
    ),
    ("aws-backup", Aws, &["aws-env", "resource"]),
    ("aws-cloudmap", Aws, &["aws-env", "resource"]),
    ("aws-ecs", Aws, &["aws-env", "resource"]),
    ("aws-efs", Aws, &["aws-env", "resource"]),
    ("aws-network", Aws, &["aws-env", "resource"]),
    ("aws-secrets", Aws, &["aws-env", "resource"]),
    ("aws-dynamodb", Aws, &["aws-env", "resource"]),
    ("aws-iam", Aws, &["aws-env", "resource"]),
    ("aws-lambda", Aws, &["aws-env", "resource"]),
    ("aws-observability", Aws, &["aws-env", "resource"]),
    ("aws-sqs", Aws, &["aws-env", "resource"]),
    ("aws-env", Aws, &["resource"]),
    ("engine", Machine, &["resource"]),
    ("resource", Data, &[]),
    ("ingest", Aws, &["function", "journal", "event"]),
    ("relay", Aws, &["function", "journal", "event", "eventstore-protocol", "eventstore-embedded"]),
    ("function", Aws, &["event"]),
    ("journal", Aws, &["event"]),
    ("gateway", Aws, &["settings-file", "event"]),
    ("settings-file", Data, &[]),
    ("flow", Data, &["event"]),
    ("event", Data, &[]),
    ("localstack", Machine, &["eventstore-embedded"]),
    ("eventstore-embedded", Machine, &["eventstore-protocol"]),
    ("eventstore-protocol", Machine, &[]),
];

/// Checks the workspace and names every wrong arrow.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let wrong = wrong_arrows(HOUSE, &workspace.packages);
    if wrong.is_empty() {
        return Ok(());
    }
    let list: String = wrong.iter().map(|arrow| format!("\n    {arrow}")).collect();
    Err(Failure::new(
        format!("the crates do not keep to the house{list}"),
        "remove the dependency, or where the house itself should change, its row in xtask/src/arrows.rs and \
         ARCHITECTURE.md",
    )
    .into())
}

fn wrong_arrows(house: &[Row], packages: &[Package]) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    for package in packages {
        let Some((name, reach, allowed)) = house.iter().find(|(name, ..)| *name == package.name) else {
            wrong.insert(format!("{}: it has no row", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let other = dependency.name.as_str();
            let held = match &dependency.path {
                Some(_) => allowed.contains(&other),
                None => needs(other) <= *reach,
            };
            if !held {
                wrong.insert(format!("{name} -> {other}"));
            }
        }
    }
    wrong
}

/// What a crate that is not ours is for, as far as it matters here.
fn needs(foreign: &str) -> Reach {
    if foreign.starts_with("aws-") || foreign.starts_with("aws_") || foreign == "lambda_runtime" {
        Aws
    } else if matches!(foreign, "tokio" | "hyper" | "reqwest") {
        Machine
    } else {
        Data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::Dependency;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency =
            |&(name, ours): &(&str, bool)| Dependency { name: name.into(), path: ours.then(|| name.into()) };
        Package {
            name: name.into(),
            dependencies: dependencies.iter().map(dependency).collect(),
            targets: Vec::new(),
        }
    }

    #[test]
    fn each_wrong_arrow_is_named() {
        let packages = [
            package("event", &[("serde", false), ("journal", true), ("tokio", false)]),
            package("journal", &[("event", true), ("aws-sdk-dynamodb", false)]),
            package("xtask", &[("aws-config", false)]),
            package("newcomer", &[]),
        ];
        let wrong: Vec<String> = wrong_arrows(HOUSE, &packages).into_iter().collect();
        assert_eq!(
            wrong,
            ["event -> journal", "event -> tokio", "newcomer: it has no row", "xtask -> aws-config"]
        );
    }

    #[test]
    fn the_house_itself_has_no_circle() {
        for (index, (name, _, allowed)) in HOUSE.iter().enumerate() {
            for other in *allowed {
                let below = HOUSE[index + 1..].iter().any(|(name, ..)| name == other);
                assert!(below, "{name} may name {other}, which is not below it");
            }
        }
    }

    #[test]
    fn this_workspace_keeps_to_the_house() {
        run(&Workspace::load().unwrap()).unwrap();
    }
}
