//! What other runs do between a proposal and its approval: people take their time.

use engine::{Approved, LeaseError, Mode, RunError};
use resource::{Lease, Outcome};
use serde_json::json;

use crate::{
    blueprint::{graph, graph_with},
    families::{DEPLOYMENTS, Model, Queue, Table},
    lab::Lab,
};

const DESTROY: Mode = Mode::Destroy { include_stateful: false };
const DESTROY_ALL: Mode = Mode::Destroy { include_stateful: true };

/// A lease that another run has just taken.
fn foreign(lab: &Lab) -> Lease {
    let now = lab.settings.clock.now_millis();
    Lease {
        owner: "another run".into(),
        holder: "grace@hopper".into(),
        host: "hopper".into(),
        process: 99,
        command: "deploy".into(),
        commit: None,
        taken_at_millis: now,
        expires_at_millis: now + 60_000,
        heartbeat: 0,
    }
}

/// Without the table for the lease, as after somebody deleted it by hand.
async fn without_table() -> Lab {
    let lab = Lab::deployed(&graph()).await;
    lab.cloud.world().things.get_mut(&Table::KIND).unwrap().retain(|table| table.id != DEPLOYMENTS);
    lab
}

#[tokio::test(start_paused = true)]
async fn what_another_run_has_done_is_not_done_again() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let proposal = lab.propose(&wanted, Mode::Deploy).await;
    lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap();
    lab.cloud.world().calls.clear();
    let report = lab.apply_elsewhere(&wanted, Approved::Proposed(proposal)).await.unwrap();
    assert!(report.steps.is_empty() && report.outcome == Outcome::Succeeded);
    let changed: Vec<_> = lab.cloud.mutations().iter().map(|call| call.operation).collect();
    assert!(changed.iter().all(|operation| ["SwapLease", "Record"].contains(operation)), "{changed:?}");
    assert_eq!(lab.cloud.world().lease, None);
}

#[tokio::test(start_paused = true)]
async fn what_changed_beyond_what_was_approved_is_refused_under_the_lease() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let proposal = lab.propose(&wanted, Mode::Deploy).await;
    let failures = ("days".to_owned(), json!(1));
    lab.cloud.world().get(&Queue::KIND, "headwater-dev-failures").unwrap().fields.extend([failures]);
    lab.cloud.world().calls.clear();
    let refused = lab.apply_elsewhere(&wanted, Approved::Proposed(proposal)).await;
    assert!(matches!(refused, Err(RunError::Beyond(_))), "{refused:?}");
    assert!(lab.cloud.mutations().iter().all(|call| ["SwapLease", "Record"].contains(&call.operation)));
    let world = lab.cloud.world();
    assert_eq!(world.lease, None);
    assert_eq!(world.history.values().filter(|run| run.outcome == Outcome::Failed).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_leaves_alone_what_another_first_deploy_has_made() {
    let lab = Lab::new();
    let proposal = lab.propose(&graph(), Mode::Deploy).await;
    lab.run_elsewhere(&graph(), Mode::Deploy).await.unwrap();
    let there: Vec<_> = lab.cloud.world().all().map(|(_, thing)| thing.clone()).collect();
    let report = lab.apply_elsewhere(&graph(), Approved::Proposed(proposal)).await.unwrap();
    let done: Vec<_> = report.steps.iter().map(|step| step.step.key.as_str()).collect();
    assert_eq!((report.outcome, &done[..]), (Outcome::Succeeded, &["deployments/table"][..]));
    assert!(lab.cloud.world().all().map(|(_, thing)| thing).eq(&there));
}

#[tokio::test(start_paused = true)]
async fn a_deploy_whose_table_was_deleted_says_so_and_makes_nothing() {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/queue", "days", json!(5));
    let proposal = lab.propose(&wanted, Mode::Deploy).await;
    lab.run_elsewhere(&wanted, DESTROY_ALL).await.unwrap();
    let refused = lab.apply_elsewhere(&wanted, Approved::Proposed(proposal)).await.unwrap_err();
    insta::assert_snapshot!(
        refused,
        @"the environment's `deployments` table, which holds the lease, is gone or not usable; plan again"
    );
    assert_eq!(lab.cloud.world().all().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destroy_whose_environment_was_destroyed_has_nothing_to_do() {
    let lab = Lab::deployed(&graph()).await;
    let proposal = lab.propose(&graph(), DESTROY_ALL).await;
    lab.run_elsewhere(&graph(), DESTROY_ALL).await.unwrap();
    let report = lab.apply_elsewhere(&graph(), Approved::Proposed(proposal)).await.unwrap();
    assert!(report.steps.is_empty() && report.outcome == Outcome::Succeeded);
    assert!(lab.log.entries("warning").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destroy_that_saw_no_table_for_the_lease_heeds_the_lease_in_a_table_that_was_made_since() {
    let lab = without_table().await;
    let proposal = lab.propose(&graph(), DESTROY).await;
    lab.run_elsewhere(&graph(), Mode::Deploy).await.unwrap();
    let lease = foreign(&lab);
    lab.cloud.world().lease = Some(lease);
    lab.cloud.world().calls.clear();
    let held = lab.apply_elsewhere(&graph(), Approved::Proposed(proposal)).await;
    assert!(matches!(held, Err(RunError::Lease(LeaseError::Held(_)))), "{held:?}");
    assert_eq!(lab.cloud.mutations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_destroy_without_a_lease_deletes_nothing_that_another_run_has_made_since() {
    let lab = without_table().await;
    let proposal = lab.propose(&graph(), DESTROY).await;
    let queue = lab.cloud.world().get(&Queue::KIND, "headwater-dev-queue").unwrap().clone();
    let twin = crate::cloud::Thing { id: "other".into(), name: None, ..queue };
    lab.cloud.world().things.get_mut(&Queue::KIND).unwrap().push(twin);
    let refused = lab.apply_elsewhere(&graph(), Approved::Proposed(proposal)).await;
    assert!(matches!(refused, Err(RunError::Beyond(_))), "{refused:?}");
}
