//! What a run does while it runs: concurrency, failures, stopping, history.

use std::collections::BTreeMap;

use engine::{Approved, Concurrency, Mode, RunError, StepResult};
use resource::Outcome;
use serde_json::json;

use crate::{
    blueprint::{graph, graph_with},
    cloud::{Call, Fault, Thing},
    families::{DEPLOYMENTS, Model, Queue, Table},
    lab::Lab,
};

/// The number of the first such call in a run of a new environment.
async fn first_call(operation: &str, of: &str) -> usize {
    let lab = Lab::new();
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    let world = lab.cloud.world();
    world.calls.iter().position(|call| call.operation == operation && call.of == of).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_step_starts_the_moment_its_last_dependency_is_done() {
    let lab = Lab::deployed(&graph_with("deployments/table", "keys", json!("run"))).await;
    lab.run(&graph(), Mode::Destroy { include_stateful: false }).await.unwrap().unwrap();
    lab.log.0.lock().unwrap().clear();
    let plan = lab.plan(&graph(), Mode::Deploy).await;
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    let times = |what| {
        lab.log.entries(what).into_iter().map(|entry| (entry.key, entry.at)).collect::<BTreeMap<_, _>>()
    };
    let (started, finished) = (times("started"), times("finished"));
    let first = started.values().min().unwrap();
    for step in &plan.steps {
        let waited = step.after.iter().map(|other| &finished[plan.steps[*other].key.as_str()]).max();
        assert_eq!(&started[step.key.as_str()], waited.unwrap_or(first), "{}", step.key);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_steps_of_a_service_run_at_once_than_are_allowed() {
    let most_at_once = async |others, named| {
        let mut lab = Lab::deployed(&graph()).await;
        lab.settings.concurrency = Concurrency { others, named };
        let changed = ["failures", "queue", "role", "function", "mapping"];
        {
            let mut world = lab.cloud.world();
            for thing in world.things.values_mut().flatten() {
                thing.fields.insert("odd".to_owned(), json!(true));
            }
        }
        // Independent of each other, so that nothing but the bound holds them back.
        let nodes = crate::blueprint::nodes()
            .into_iter()
            .map(|node| resource::Node { depends_on: [].into(), ..node });
        let graph = crate::blueprint::graph_of(nodes.collect());
        let report = lab.run(&graph, Mode::Deploy).await.unwrap().unwrap();
        assert!(report.outcome == Outcome::Succeeded && report.steps.len() > changed.len());
        let log = lab.log.0.lock().unwrap();
        let mut running: i32 = 0;
        let counts = log.iter().map(|entry| {
            running += i32::from(entry.what == "started") - i32::from(entry.what == "finished");
            running
        });
        counts.max().unwrap()
    };
    // All kinds of this cloud are one service's.
    assert_eq!((most_at_once(1, &[]).await, most_at_once(3, &[("Other", 1)]).await), (1, 3));
    assert_eq!((most_at_once(1, &[("Test", 4)]).await, most_at_once(99, &[("Test", 0)]).await), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn where_not_all_may_run_at_once_what_begins_the_longest_chain_goes_first() {
    let mut lab = Lab::new();
    lab.settings.concurrency = Concurrency { others: 1, named: &[] };
    let mut nodes = crate::blueprint::nodes();
    nodes.push(crate::blueprint::node::<Queue>("alone/letters", json!({"days": 1}), &[]));
    lab.run(&crate::blueprint::graph_of(nodes), Mode::Deploy).await.unwrap().unwrap();
    let started: Vec<_> = lab.log.entries("started").into_iter().map(|entry| entry.key).collect();
    insta::assert_snapshot!(started.join("\n"), @r"
    deployments/table
    ingest/failures
    stateful/network
    ingest/queue
    stateful/journal
    ingest/role
    ingest/function
    alone/letters
    ingest/mapping
    ");
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_stops_what_depends_on_it_and_nothing_else() {
    let lab = Lab::new();
    let call = first_call("Create", "ingest/role").await;
    lab.cloud.arm(call, Fault::Panic);
    let report = lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    insta::assert_snapshot!(lab.log.text());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_ends_its_steps_in_flight_and_begins_no_other() {
    let lab = Lab::new();
    let call = first_call("Create", "ingest/failures").await;
    let (ended, met) = lab.run_with(&graph(), Mode::Deploy, call, Fault::Stop).await;
    let report = ended.unwrap().unwrap();
    assert!(met && report.outcome == Outcome::Interrupted);
    assert_eq!(lab.cloud.world().lease, None);
    let history = lab.cloud.world().history.values().next().unwrap().clone();
    assert_eq!(history.outcome, Outcome::Interrupted);
    insta::assert_snapshot!(lab.log.text());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_while_it_makes_the_deployments_table_begins_no_other_step() {
    let lab = Lab::new();
    let call = first_call("Create", "deployments/table").await;
    let (ended, _) = lab.run_with(&graph(), Mode::Deploy, call, Fault::Stop).await;
    let report = ended.unwrap().unwrap();
    let done = report.steps.iter().filter(|report| matches!(report.result, StepResult::Done)).count();
    assert_eq!((report.outcome, done, report.steps.len()), (Outcome::Interrupted, 1, 8));
    assert_eq!(lab.cloud.world().all().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_after_its_first_step_tells_of_that_step() {
    let made = first_call("Create", "deployments/table").await;
    let next = first_call("Create", "ingest/role").await;
    for call in made + 1..next {
        let lab = Lab::new();
        lab.cloud.arm(call, Fault::Stop);
        let report = lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
        let done = report.steps.iter().filter(|step| matches!(step.result, StepResult::Done)).count();
        assert_eq!(report.outcome, Outcome::Interrupted, "call {call}");
        assert!((1..report.steps.len()).contains(&done), "call {call}: {done} of {}", report.steps.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_while_it_observes_changes_nothing() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let approved = lab.plan(&wanted, Mode::Deploy).await;
    lab.cloud.arm(0, Fault::Stop);
    let stopped = lab.apply(&wanted, Approved::Saved(approved)).await;
    assert!(matches!(stopped, Err(RunError::Interrupted)), "{stopped:?}");
    assert_eq!(lab.cloud.mutations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_converged_environment_gets_no_mutating_call_and_no_lease() {
    let lab = Lab::deployed(&graph()).await;
    let report = lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    assert!(report.steps.is_empty() && report.outcome == Outcome::Succeeded);
    assert_eq!(lab.cloud.mutations(), []);
}

#[tokio::test(start_paused = true)]
async fn the_history_tells_how_a_run_ended_and_what_a_killed_one_had_done() {
    let lab = Lab::new();
    let call = first_call("Create", "ingest/mapping").await;
    let (ended, met) = lab.run_with(&graph(), Mode::Deploy, call, Fault::KillBefore).await;
    assert!(met && ended.is_none());
    let killed = lab.cloud.world().history.values().next().unwrap().clone();
    let done: Vec<_> = killed.steps.iter().map(|step| step.key.as_str()).collect();
    assert_eq!((killed.outcome, killed.ended_at_millis), (Outcome::Running, None));
    assert_eq!(&done[..3], ["deployments/table", "ingest/failures", "stateful/network"]);

    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    let history = lab.cloud.world().history.clone();
    let second = history.values().find(|run| run.id != killed.id).unwrap();
    assert_eq!((second.outcome, second.steps.len()), (Outcome::Succeeded, 1));
    assert!(second.ended_at_millis.unwrap() > second.started_at_millis);
}

#[tokio::test(start_paused = true)]
async fn steps_that_end_within_a_second_cost_one_write_of_the_history() {
    let lab = Lab::new();
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    let world = lab.cloud.world();
    let writes: Vec<_> =
        world.calls.iter().filter(|call| call.operation == "Record").map(|call| call.at).collect();
    assert!(writes.len() >= 4, "{writes:?}");
    // The last one does not wait: it says how the run ended.
    let paced = &writes[..writes.len() - 1];
    assert!(paced.windows(2).all(|pair| pair[1] - pair[0] >= lab.settings.history), "{writes:?}");
}

/// How often the environment was observed since the calls were cleared.
fn surveys(lab: &Lab) -> usize {
    let queues = |call: &&Call| call.operation == "List" && call.of == Queue::KIND.as_str();
    lab.cloud.world().calls.iter().filter(queues).count()
}

#[tokio::test(start_paused = true)]
async fn an_environment_is_observed_once_to_plan_and_once_under_the_lease() {
    let lab = Lab::new();
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    assert_eq!(surveys(&lab), 2);

    lab.cloud.world().calls.clear();
    lab.run(&graph(), Mode::Destroy { include_stateful: true }).await.unwrap().unwrap();
    assert_eq!(surveys(&lab), 2);
}

#[tokio::test(start_paused = true)]
async fn for_a_saved_plan_the_environment_is_observed_before_the_lease_as_well() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let saved = lab.plan(&wanted, Mode::Deploy).await;
    lab.cloud.world().calls.clear();
    lab.apply(&wanted, Approved::Saved(saved)).await.unwrap();
    assert_eq!(surveys(&lab), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_beyond_what_was_approved() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let approved = lab.plan(&wanted, Mode::Deploy).await;
    lab.cloud
        .world()
        .get(&Queue::KIND, "headwater-dev-failures")
        .unwrap()
        .fields
        .insert("days".into(), json!(1));
    lab.cloud.world().calls.clear();
    let refused = lab.apply(&wanted, Approved::Saved(approved)).await.unwrap_err();
    insta::assert_snapshot!(refused);
    assert_eq!(lab.cloud.mutations(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_already_is_not_missed_from_what_was_approved() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let approved = lab.plan(&wanted, Mode::Deploy).await;
    lab.cloud
        .world()
        .get(&Queue::KIND, "headwater-dev-queue")
        .unwrap()
        .fields
        .insert("days".into(), json!(5));
    lab.cloud.world().calls.clear();
    let report = lab.apply(&wanted, Approved::Saved(approved)).await.unwrap();
    assert!(report.steps.is_empty() && lab.cloud.mutations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destroy_without_the_deployments_table_runs_and_warns() {
    let lab = Lab::deployed(&graph()).await;
    lab.cloud.world().things.get_mut(&Table::KIND).unwrap().retain(|table| table.id != DEPLOYMENTS);
    let mode = Mode::Destroy { include_stateful: true };
    let report = lab.run(&graph(), mode).await.unwrap().unwrap();
    assert_eq!((report.outcome, lab.cloud.world().all().count()), (Outcome::Succeeded, 0));
    let warnings: Vec<_> = lab.log.entries("warning").into_iter().map(|entry| entry.text).collect();
    assert_eq!(warnings, ["there is no usable deployments table, so this run has neither lease nor history"]);
}

#[tokio::test(start_paused = true)]
async fn a_destroy_of_everything_deletes_the_deployments_table_last() {
    let lab = Lab::deployed(&graph()).await;
    let report = lab.run(&graph(), Mode::Destroy { include_stateful: true }).await.unwrap().unwrap();
    assert!(report.steps.iter().all(|report| matches!(report.result, StepResult::Done)));
    assert_eq!(report.steps.last().unwrap().step.key.as_str(), "deployments/table");
    let last = lab.cloud.mutations().pop().unwrap();
    assert_eq!((last.operation, last.of.as_str()), ("Delete", DEPLOYMENTS));
    assert!(lab.log.entries("warning").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deployments_table_that_is_long_in_going_is_no_lost_lease() {
    let slow = graph_with("deployments/table", "secondsToDelete", json!(300));
    let lab = Lab::deployed(&slow).await;
    let report = lab.run_elsewhere(&slow, Mode::Destroy { include_stateful: true }).await.unwrap();
    assert_eq!((report.outcome, report.lost), (Outcome::Succeeded, None));
}

#[tokio::test(start_paused = true)]
async fn what_a_destroy_leaves_is_used_again() {
    let lab = Lab::deployed(&graph()).await;
    let journal = |lab: &Lab| -> Thing {
        lab.cloud.world().get(&Table::KIND, "headwater-dev-journal").unwrap().clone()
    };
    let before = journal(&lab);
    lab.run(&graph(), Mode::Destroy { include_stateful: false }).await.unwrap().unwrap();
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    assert_eq!(journal(&lab), before);
}

#[tokio::test(start_paused = true)]
async fn every_family_that_cannot_be_observed_is_named() {
    let lab = Lab::new();
    lab.cloud.arm(0, Fault::FailBefore);
    let refused = lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap_err();
    insta::assert_snapshot!(refused);
}

#[tokio::test(start_paused = true)]
async fn a_step_notes_what_it_waits_for() {
    let lab = Lab::new();
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    let notes: Vec<_> = lab.log.entries("note").into_iter().map(|note| (note.key, note.text)).collect();
    assert!(notes.contains(&("stateful/journal".into(), "waiting until it is usable".into())), "{notes:?}");
}
