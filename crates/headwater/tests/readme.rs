//! README.md and the code say the same.

use std::{collections::BTreeSet, path::Path};

use blueprint::configuration::Configuration;
use clap::{CommandFactory, Parser};
use headwater::{Cli, session::Session};
use resource::Need;

const README: &str = include_str!("../../../README.md");
const CONTRIBUTING: &str = include_str!("../../../CONTRIBUTING.md");

/// The words after each `cargo xtask` in a text.
fn commands(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.split("cargo xtask ").skip(1).map(|rest| {
        let end = rest.find(['\n', '`', '#', '|', '<', '>', '"']).unwrap_or(rest.len());
        rest[..end].split_whitespace().collect()
    })
}

#[test]
fn every_command_line_that_the_documents_show_is_understood() {
    let ours: BTreeSet<String> =
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut seen = BTreeSet::new();
    for words in commands(README).chain(commands(CONTRIBUTING)) {
        // The others are done by `xtask` itself, which holds them to its own command line.
        let Some(name) = words.first().filter(|name| ours.contains(**name)) else { continue };
        if let Err(error) = Cli::try_parse_from(["headwater"].iter().chain(&words)) {
            panic!("cargo xtask {}: {error}", words.join(" "));
        }
        seen.insert((*name).to_owned());
    }
    assert_eq!(seen, ours, "README.md shows every command");
}

#[test]
fn the_readme_lists_the_permissions_that_the_families_need() {
    let file = Path::new("headwater.toml");
    let environment = Configuration::parse("", file).unwrap().environment("local").unwrap();
    let all = Session::unconnected(environment).actions();
    let services: BTreeSet<&str> = all.iter().filter_map(|action| action.name.split(':').next()).collect();
    for service in services {
        let names = |wanted: fn(Need) -> bool| {
            let of = all.iter().filter(|action| wanted(action.need));
            let names: BTreeSet<_> =
                of.filter_map(|action| action.name.strip_prefix(service)?.strip_prefix(':')).collect();
            names.into_iter().collect::<Vec<_>>().join(" ")
        };
        let (look, change) = (names(|need| need == Need::Read), names(|need| need != Need::Read));
        let row = format!("| `{service}` | {look} | {change} |");
        assert!(README.contains(&row), "the chapter Permissions of README.md should hold this row:\n{row}");
    }
}
