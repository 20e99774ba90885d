//! What several stale runs leave: the same resources more than once, each made by one run and referring to that run's.

use std::collections::BTreeMap;

use engine::{Mode, Survey, plan};
use proptest::prelude::*;
use resource::{Action, Graph, Node, Observed, Owner};
use serde_json::{Value, json};

use crate::{
    blueprint::{graph_of, key, node},
    families::{Model, Network, families},
};

const MOST: usize = 8;

/// How many of the nodes a run made before it ended, and what AWS called them.
type Made = (usize, Vec<u16>);

/// Retained nodes without names, of which all but the first refer to some before them by a field that is never changed: the
/// bits say to which.
fn blueprint(refers: &[u8]) -> Graph {
    let nodes = (0..refers.len()).map(|place| -> Node {
        let fixed: Vec<_> = parents(place, refers).map(|other| format!("${{stateful/n{other}}}")).collect();
        node::<Network>(&format!("stateful/n{place}"), json!({ "fixed": fixed }), &[]).retained()
    });
    graph_of(nodes.collect())
}

fn parents(place: usize, refers: &[u8]) -> impl Iterator<Item = usize> {
    let bits = match refers[place] & ((1 << place) - 1) {
        0 => (1 << place) >> 1,
        bits => bits,
    };
    (0..place).filter(move |other| bits & (1 << other) != 0)
}

/// What such runs leave. EC2 tells of most things not when they were made.
fn left(refers: &[u8], runs: &[Made]) -> Survey {
    let id = |run: usize, place: usize| format!("id-{:05}-{place}-{run}", runs[run].1[place]);
    let made = |(run, place): (usize, usize)| {
        let fixed: Value = parents(place, refers).map(|other| id(run, other)).collect();
        Observed {
            id: id(run, place),
            name: None,
            owner: Owner::Us(key(&format!("stateful/n{place}"))),
            spec: json!({ "fixed": fixed }),
            outputs: BTreeMap::new(),
            created: None,
            pending: None,
        }
    };
    let all =
        (0..runs.len()).flat_map(|run| (0..runs[run].0.min(refers.len())).map(move |place| (run, place)));
    Survey::new([(Network::KIND, all.map(made).collect())])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_what_stale_runs_made_one_run_s_is_kept_whole_and_nothing_retained_has_to_be_replaced(
        refers in prop::collection::vec(any::<u8>(), 1..MOST),
        runs in prop::collection::vec((1..MOST, prop::collection::vec(any::<u16>(), MOST)), 1..4),
    ) {
        let (graph, survey) = (blueprint(&refers), left(&refers, &runs));
        let plan = plan(&graph, &survey, &families(&Default::default()), Mode::Deploy);
        let plan = plan.map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        let gone: Vec<_> = plan.steps.iter().filter(|step| step.action == Action::Delete).collect();
        let stays = survey.resources().filter(|(_, one)| gone.iter().all(|step| step.id.as_ref() != Some(&one.id)));
        let stays: Vec<_> = stays.map(|(_, one)| one.id.rsplit_once('-').unwrap().1.to_owned()).collect();
        let most = runs.iter().map(|(made, _)| *made).max().unwrap().min(refers.len());
        prop_assert_eq!(stays.len(), most);
        prop_assert!(stays.iter().all(|run| *run == stays[0]), "of {stays:?}");
        prop_assert!(plan.steps.iter().all(|step| step.action != Action::Replace), "{:#?}", plan.steps);
    }
}

/// The network that others came to depend on is kept, though another is the first by id, and its part with it, though the other's
/// part is.
#[test]
fn a_part_of_a_duplicate_goes_with_it() {
    let (graph, refers) = (blueprint(&[0, 0, 0]), [0, 0, 0]);
    let survey = left(&refers, &[(2, vec![1, 1, 1]), (3, vec![2, 2, 2])]);
    let plan = plan(&graph, &survey, &families(&Default::default()), Mode::Deploy).unwrap();
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| {
            format!("{:?} {} {}", step.action, step.id.as_deref().unwrap(), step.reason.as_deref().unwrap())
        })
        .collect();
    insta::assert_snapshot!(steps.join("\n"), @"
    Delete id-00001-1-0 duplicate of id-00002-1-1
    Delete id-00001-0-0 duplicate of id-00002-0-1
    ");
}
