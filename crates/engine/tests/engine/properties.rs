//! Properties of the planner, for any blueprint and anything that is there.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Mode, Survey, plan};
use proptest::prelude::*;
use resource::{Action, AnyFamily, Families, Graph, Kind, Node, Observed, Owner, Plan};
use serde_json::{Value, json};

use crate::{
    blueprint::{graph_of, key},
    families::families,
};

/// A node of a random blueprint, and what is there of it.
#[derive(Clone, Debug)]
struct Case {
    kind: usize,
    retained: bool,
    stateful: bool,
    /// Earlier cases that it depends on, as bits.
    depends_on: u8,
    /// Whether the blueprint names it; what it does not is an orphan.
    wanted: bool,
    /// How many there are.
    there: u8,
    /// Whether a field differs: not, in place, or by replacement.
    differs: u8,
    pending: bool,
}

const MOST: usize = 8;

fn case() -> impl Strategy<Value = Case> {
    (
        (0..6usize, prop::bool::weighted(0.2), prop::bool::weighted(0.2), any::<u8>()),
        (prop::bool::weighted(0.8), 0..3u8, 0..3u8, prop::bool::weighted(0.1)),
    )
        .prop_map(|((kind, retained, stateful, depends_on), (wanted, there, differs, pending))| Case {
            kind,
            retained,
            stateful,
            depends_on,
            wanted,
            there,
            // A retained resource is never replaced; that is another test's.
            differs: if retained { differs.min(1) } else { differs },
            pending,
        })
}

fn kinds(families: &Families) -> Vec<Kind> {
    families.keys().cloned().collect()
}

fn name(place: usize, case: &Case) -> String {
    let stack = if case.stateful { "stateful" } else { "some" };
    format!("{stack}/thing-{place}")
}

fn spec(place: usize, cases: &[Case]) -> Value {
    let refers: Vec<_> = dependencies(place, cases).map(|other| format!("id-{other}-0")).collect();
    json!({"size": 1, "fixed": 1, "refersTo": refers})
}

/// What a case depends on; nothing wanted depends on an orphan.
fn dependencies(place: usize, cases: &[Case]) -> impl Iterator<Item = usize> {
    (0..place).filter(move |other| cases[place].depends_on & (1 << other) != 0 && cases[*other].wanted)
}

fn blueprint(cases: &[Case], families: &Families) -> Graph {
    let nodes = cases.iter().enumerate().filter(|(_, case)| case.wanted).map(|(place, case)| Node {
        key: key(&name(place, case)),
        kind: kinds(families)[case.kind].clone(),
        name: None,
        spec: spec(place, cases),
        retained: case.retained,
        depends_on: dependencies(place, cases).map(|other| key(&name(other, &cases[other]))).collect(),
    });
    graph_of(nodes.collect())
}

fn environment(cases: &[Case], families: &Families) -> Survey {
    let mut there: BTreeMap<Kind, Vec<Observed>> = BTreeMap::new();
    for (place, case) in cases.iter().enumerate() {
        for twin in 0..case.there {
            let mut spec = spec(place, cases);
            match case.differs {
                1 => spec["size"] = json!(2),
                2 => spec["fixed"] = json!(2),
                _ => {}
            }
            there.entry(kinds(families)[case.kind].clone()).or_default().push(Observed {
                id: format!("id-{place}-{twin}"),
                name: None,
                owner: Owner::Us(key(&name(place, case))),
                spec,
                outputs: BTreeMap::new(),
                created: Some(twin.to_string()),
                pending: case.pending.then(|| "CREATING".to_owned()),
            });
        }
    }
    Survey::new(there)
}

/// What is there once the plan is carried out, in its order.
fn apply(plan: &Plan, graph: &Graph, before: &Survey) -> Survey {
    let mut there: BTreeMap<Kind, Vec<Observed>> = BTreeMap::new();
    for (kind, observed) in before.resources() {
        there.entry(kind.clone()).or_default().push(observed.clone());
    }
    for step in &plan.steps {
        let things = there.entry(step.kind.clone()).or_default();
        if step.action != Action::Create {
            let before = things.len();
            things.retain(|thing| Some(&thing.id) != step.id.as_ref());
            assert_eq!(things.len() + 1, before, "{step:?} is of nothing that is there");
        }
        if step.action != Action::Delete {
            let node = graph.get(&step.key).unwrap();
            things.push(Observed {
                id: step.id.clone().unwrap_or_else(|| format!("new {}", step.key)),
                name: node.name.clone(),
                owner: Owner::Us(step.key.clone()),
                spec: node.spec.clone(),
                outputs: BTreeMap::new(),
                created: None,
                pending: None,
            });
        }
    }
    Survey::new(there)
}

fn before(plan: &Plan, place: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut reached = vec![place];
    while let Some(next) = reached.pop() {
        reached.extend(plan.steps[next].after.iter().filter(|other| all.insert(**other)));
    }
    all
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        3 => Just(Mode::Deploy),
        1 => any::<bool>().prop_map(|include_stateful| Mode::Destroy { include_stateful }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(cases in prop::collection::vec(case(), 0..MOST), mode in modes()) {
        let families = families(&Default::default());
        let (graph, there) = (blueprint(&cases, &families), environment(&cases, &families));
        let first = plan(&graph, &there, &families, mode).unwrap();
        prop_assert_eq!(&plan(&graph, &there, &families, mode).unwrap(), &first);
        let after = apply(&first, &graph, &there);
        let second = plan(&graph, &after, &families, mode).unwrap();
        prop_assert!(second.is_converged(), "{:#?}", second.steps);
        if mode == (Mode::Destroy { include_stateful: true }) {
            prop_assert_eq!(after.resources().count(), 0);
        }
    }

    #[test]
    fn every_step_comes_after_what_it_depends_on(cases in prop::collection::vec(case(), 0..MOST), mode in modes()) {
        let families = families(&Default::default());
        let (graph, there) = (blueprint(&cases, &families), environment(&cases, &families));
        let plan = plan(&graph, &there, &families, mode).unwrap();
        for (place, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.after.iter().all(|other| *other < place));
            let waits = before(&plan, place);
            for (other, earlier) in plan.steps.iter().enumerate() {
                let needed = depends_on(&graph, &step.key, &earlier.key);
                if step.action != Action::Delete && earlier.action != Action::Delete && needed {
                    prop_assert!(waits.contains(&other), "{} does not wait for {}", step.key, earlier.key);
                }
                let serves = depends_on(&graph, &earlier.key, &step.key);
                if step.action == Action::Delete && earlier.action != Action::Create && serves {
                    prop_assert!(waits.contains(&other), "{} is deleted before {}", step.key, earlier.key);
                }
            }
        }
    }

    #[test]
    fn an_orphan_is_deleted_after_all_whose_kind_may_refer_to_it(cases in prop::collection::vec(case(), 0..MOST)) {
        let families = families(&Default::default());
        let (graph, there) = (blueprint(&cases, &families), environment(&cases, &families));
        let plan = plan(&graph, &there, &families, Mode::Deploy).unwrap();
        for (place, step) in plan.steps.iter().enumerate() {
            let orphan = step.action == Action::Delete && graph.get(&step.key).is_none();
            for (other, earlier) in plan.steps.iter().enumerate().filter(|_| orphan) {
                let family: &dyn AnyFamily = &*families[&earlier.kind];
                let refers = earlier.kind != step.kind && family.refers_to().contains(&step.kind);
                // What is known (this one's fields, the blueprint) goes before what may be.
                let known = before(&plan, other).contains(&place);
                if refers && !known && matches!(earlier.action, Action::Delete | Action::Update) {
                    prop_assert!(before(&plan, place).contains(&other), "{} before {}", step.key, earlier.key);
                }
            }
        }
    }

    #[test]
    fn a_deploy_deletes_or_replaces_nothing_that_is_retained(cases in prop::collection::vec(case(), 0..MOST)) {
        let families = families(&Default::default());
        let (graph, there) = (blueprint(&cases, &families), environment(&cases, &families));
        let plan = plan(&graph, &there, &families, Mode::Deploy).unwrap();
        for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Delete | Action::Replace)) {
            let retained = graph.get(&step.key).map_or(step.key.is_stateful(), |node| node.retained);
            let duplicate = step.reason.as_ref().is_some_and(|reason| reason.starts_with("duplicate of"));
            prop_assert!(!retained || duplicate, "{step:?}");
        }
    }
}

/// Whether `key` depends on `other` in the blueprint, directly or through others.
fn depends_on(graph: &Graph, key: &resource::Key, other: &resource::Key) -> bool {
    let mut seen = BTreeSet::new();
    let mut reached = vec![key];
    while let Some(next) = reached.pop() {
        for dependency in graph.get(next).into_iter().flat_map(|node| &node.depends_on) {
            if dependency == other {
                return true;
            }
            if seen.insert(dependency) {
                reached.push(dependency);
            }
        }
    }
    false
}
