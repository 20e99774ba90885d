//! Every call of a run fails, hangs or is its last: the next run converges, and the one after it changes nothing.

use engine::Mode;
use resource::{Graph, Outcome, Owner, resolve};
use serde_json::{Value, json};

use crate::{
    blueprint::{graph, graph_of, graph_with, graph_without, key, node, nodes},
    cloud::Fault,
    families::{DEPLOYMENTS, Model, Network, Queue, observed},
    lab::Lab,
};

const FAULTS: [Fault; 7] = [
    Fault::FailBefore,
    Fault::FailAfter,
    Fault::KillBefore,
    Fault::KillAfter,
    Fault::HangBefore,
    Fault::HangAfter,
    Fault::Stop,
];

const DESTROY: Mode = Mode::Destroy { include_stateful: false };
const DESTROY_ALL: Mode = Mode::Destroy { include_stateful: true };

/// From an environment deployed as `before`, runs to `after` with each fault at each call. Returns how many calls were
/// swept.
async fn sweep(before: Option<&Graph>, after: &Graph, mode: Mode, left: &[&str]) -> usize {
    let mut swept = 0;
    for fault in FAULTS {
        for call in 0.. {
            let lab = match before {
                Some(before) => Lab::deployed(before).await,
                None => Lab::new(),
            };
            let (_, met) = lab.run_with(after, mode, call, fault).await;
            let context = format!("{fault:?} at call {call}");
            let second = lab.run(after, mode).await.expect(&context).expect(&context);
            assert_eq!(second.outcome, Outcome::Succeeded, "{context}:\n{}", lab.log.text());
            settled(&lab, after, mode, left, fault, &context).await;
            swept += 1;
            if !met {
                break;
            }
        }
    }
    swept
}

async fn settled(lab: &Lab, graph: &Graph, mode: Mode, left: &[&str], fault: Fault, context: &str) {
    lab.cloud.disarm();
    let third = lab.run(graph, mode).await.expect(context).expect(context);
    assert!(third.steps.is_empty(), "{context}: {third:?}");
    assert_eq!(lab.cloud.mutations(), [], "{context}");
    let world = lab.cloud.world();
    let mut there: Vec<_> = world.all().map(|(kind, thing)| (thing.owner.clone(), kind, thing)).collect();
    there.sort_by_key(|(owner, _, _)| format!("{owner:?}"));
    let keys: Vec<_> = there.iter().map(|(owner, _, _)| owner.clone()).collect();
    let wanted: Vec<_> = left.iter().map(|left| Owner::Us(key(left))).collect();
    assert_eq!(keys, wanted, "{context}");
    for (owner, kind, thing) in there {
        let Owner::Us(key) = owner else { unreachable!() };
        let node = graph.get(&key).unwrap();
        let wanted = resolve(&node.spec, &mut |reference| {
            let (_, to) = world.all().find(|(_, other)| other.owner == Owner::Us(reference.key.clone()))?;
            reference.value(&observed(to).erase().unwrap()).map(str::to_owned)
        });
        assert_eq!((&node.kind, &wanted), (kind, &json!(thing.fields)), "{context}");
    }
    // A process that died after its last step leaves a lease, which the next run with something to do takes over.
    let died = matches!(fault, Fault::KillBefore | Fault::KillAfter | Fault::HangBefore | Fault::HangAfter);
    assert!(world.lease.is_none() || died, "{context}: {:?}", world.lease);
}

const ALL: [&str; 8] = [
    "deployments/table",
    "ingest/failures",
    "ingest/function",
    "ingest/mapping",
    "ingest/queue",
    "ingest/role",
    "stateful/journal",
    "stateful/network",
];
const RETAINED: [&str; 3] = ["deployments/table", "stateful/journal", "stateful/network"];

#[tokio::test(start_paused = true)]
async fn a_first_deploy_converges_after_a_fault_at_any_call() {
    let swept = sweep(None, &graph(), Mode::Deploy, &ALL).await;
    assert!(swept > 200, "only {swept} calls were swept");
}

#[tokio::test(start_paused = true)]
async fn a_deploy_with_updates_replacements_and_deletes_converges_after_a_fault_at_any_call() {
    let mut before = nodes();
    before.push(node::<Queue>("old/failures", json!({"days": 1}), &[]));
    before.push(node::<Queue>(
        "old/queue",
        json!({"refersTo": ["headwater-dev-failures"]}),
        &["old/failures"],
    ));
    let before: Vec<_> = before
        .into_iter()
        .map(|mut node| {
            match node.key.as_str() {
                "old/failures" => node.name = Some("headwater-dev-old-failures".into()),
                "old/queue" => {
                    node.name = Some("headwater-dev-old-queue".into());
                    node.spec["refersTo"] = json!(["headwater-dev-old-failures"]);
                }
                "ingest/queue" => node.spec["days"] = json!(1),
                "ingest/function" => node.spec["fixed"] = json!("old zip"),
                "deployments/table" => node.spec["keys"] = json!("none"),
                _ => {}
            }
            node
        })
        .collect();
    sweep(Some(&graph_of(before)), &graph(), Mode::Deploy, &ALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_converges_after_a_fault_at_any_call() {
    sweep(Some(&graph()), &graph(), DESTROY, &RETAINED).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_of_everything_converges_after_a_fault_at_any_call() {
    sweep(Some(&graph()), &graph(), DESTROY_ALL, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_a_run_did_under_its_lease_before_it_died_the_history_knows_of_it() {
    for call in 0.. {
        let lab = Lab::new();
        lab.cloud.arm(call, Fault::KillAfter);
        let ended = lab.run(&graph(), Mode::Deploy).await;
        let world = lab.cloud.world();
        let taken = world.calls.iter().position(|call| call.operation == "SwapLease");
        let under_lease = taken.into_iter().flat_map(|taken| &world.calls[taken..]);
        let did = under_lease.filter(|call| call.mutating && call.of != DEPLOYMENTS).count();
        assert!(did == 0 || world.history.len() == 1, "call {call}: {did} calls, and no record");
        if ended.is_some() {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_that_made_two_leaves_the_one_that_others_depend_on() {
    let lab = Lab::new();
    let network = lab.plan(&graph(), Mode::Deploy).await;
    assert_eq!(network.steps.len(), 8);
    lab.cloud.disarm();
    let create = {
        let probe = Lab::new();
        probe.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
        let world = probe.cloud.world();
        world
            .calls
            .iter()
            .position(|call| call.operation == "Create" && call.of == "stateful/network")
            .unwrap()
    };
    let (ended, met) = lab.run_with(&graph(), Mode::Deploy, create, Fault::FailAfter).await;
    assert!(met && ended.unwrap().unwrap().outcome == Outcome::Succeeded);
    assert_eq!(lab.cloud.world().things[&Network::KIND].len(), 2);

    let plan = lab.plan(&graph(), Mode::Deploy).await;
    let reasons: Vec<_> = plan.steps.iter().map(|step| (&step.id, &step.reason)).collect();
    let (lost, used) = {
        let world = lab.cloud.world();
        let networks = &world.things[&Network::KIND];
        (networks[0].id.clone(), networks[1].id.clone())
    };
    assert_eq!(reasons, [(&Some(lost), &Some(format!("duplicate of {used}")))]);
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    assert_eq!(lab.cloud.world().things[&Network::KIND].len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_blueprint_no_longer_names_is_deleted_unless_it_is_stateful() {
    let lab = Lab::deployed(&graph()).await;
    let smaller = graph_without(&["ingest/mapping", "ingest/function", "ingest/role", "stateful/journal"]);
    let report = lab.run(&smaller, Mode::Deploy).await.unwrap().unwrap();
    let ended: Vec<_> = report.steps.iter().map(|report| report.step.key.as_str()).collect();
    assert_eq!(ended, ["ingest/mapping", "ingest/function", "ingest/role"]);
    let plan = lab.plan(&smaller, Mode::Deploy).await;
    assert!(plan.is_converged());
    assert_eq!(
        plan.notes,
        [
            "`stateful/journal` (headwater-dev-journal) is no longer in the blueprint; it is stateful, so a deploy keeps it."
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_field_that_is_changed_from_outside_shows_and_is_set_back() {
    for node in nodes() {
        for field in node.spec.as_object().unwrap().keys().filter(|field| *field != "refersTo") {
            let lab = Lab::deployed(&graph()).await;
            let thing = |value: Value| {
                let mut world = lab.cloud.world();
                let things = world.things.get_mut(&node.kind).unwrap();
                let thing =
                    things.iter_mut().find(|thing| thing.owner == Owner::Us(node.key.clone())).unwrap();
                thing.fields.insert(field.clone(), value);
            };
            thing(json!("from outside"));
            let refused = node.retained && field == "fixed";
            match engine::propose(&graph(), &lab.families, Mode::Deploy).await {
                Ok(proposal) => {
                    assert_eq!(proposal.plan.steps[0].changes[0].field, *field);
                    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
                    assert!(lab.plan(&graph(), Mode::Deploy).await.is_converged());
                }
                Err(error) => assert!(refused && error.to_string().contains("`fixed`"), "{error}"),
            }
        }
    }
    let changed = graph_with("ingest/queue", "days", json!(5));
    let lab = Lab::deployed(&graph()).await;
    assert_eq!(lab.plan(&changed, Mode::Deploy).await.steps.len(), 1);
}
