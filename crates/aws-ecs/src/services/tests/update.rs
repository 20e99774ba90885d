//! Changing: a single writer is one at any time, and of others some run all the time.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Script};
use resource::{Family, Progress};
use serde_json::{Value, json};

use super::{
    desired, ensure,
    fargate::{Fargate, bodies, mutations},
    revision, rolling, scope, spec, survey,
};
use crate::{DeploymentCircuitBreaker, ServiceSpec, Services, Switch};

/// A service that runs as `spec` has it, and how many calls that took.
async fn running(slowness: u32) -> (Script, Arc<Mutex<Fargate>>, usize) {
    let (script, state) = Fargate { slowness, ..Fargate::default() }.script();
    ensure(&script, spec(), None).await.unwrap();
    let before = script.operations().len();
    (script, state, before)
}

/// What the update calls since the service was made asked for.
fn updates(script: &Script) -> Vec<Value> {
    bodies(script, "UpdateService")
}

#[tokio::test(start_paused = true)]
async fn a_converged_service_gets_no_mutating_call() {
    let (script, _, _) = running(0).await;
    let found = survey(&script).await.remove(0);
    assert_eq!((&found.spec, &found.pending), (&spec(), &None));
    ensure(&script, spec(), Some(&found)).await.unwrap();
    assert_eq!(mutations(&script), ["CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn the_old_task_is_stopped_before_the_new_one_starts() {
    let (script, state, before) = running(7).await;
    let found = survey(&script).await.remove(0);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let progress = Progress::new({
        let notes = Arc::clone(&notes);
        move |note| notes.lock().unwrap().push(note)
    });
    let want = ServiceSpec { task_definition_arn: revision(2), ..spec() };
    let made = Services::new(&script.config())
        .ensure(&scope(), &desired(want.clone()), Some(&found), &progress)
        .await
        .unwrap();
    assert_eq!((made.spec, made.pending), (want, None));
    assert!(!state.lock().unwrap().overlapped, "two tasks ran at once");

    let mut calls = script.operations().split_off(before);
    calls.retain(|call| ["UpdateService", "DescribeTasks"].contains(&call.as_str()));
    calls.dedup();
    assert_eq!(calls, ["UpdateService", "DescribeTasks", "UpdateService"]);
    insta::assert_snapshot!(format!("{:#}", Value::from(updates(&script))));
    let mut notes = notes.lock().unwrap().clone();
    notes.dedup();
    insta::assert_snapshot!(notes.join("\n"), @r"
    waits for tasks to be STOPPED: 0001 is DEACTIVATING
    waits for the deployment: 0 running, 1 pending, 0 failed; (service) has started 1 tasks.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_counted_though_it_is_not_listed_is_waited_for() {
    let (script, state, _) = running(0).await;
    let found = survey(&script).await.remove(0);
    state.lock().unwrap().faults = vec![
        ("ListTasks", Reply::json(200, json!({"taskArns": []}))),
        ("ListTasks", Reply::json(200, json!({"taskArns": []}))),
        ("DescribeServices", Reply::json(200, json!({"services": [state.lock().unwrap().service.clone()]}))),
        (
            "DescribeServices",
            Reply::json(200, json!({"services": [{"status": "ACTIVE", "pendingCount": 1}]})),
        ),
    ];
    let want = ServiceSpec { task_definition_arn: revision(2), ..spec() };
    ensure(&script, want, Some(&found)).await.unwrap();
    assert!(!state.lock().unwrap().overlapped);
}

#[tokio::test(start_paused = true)]
async fn every_field_that_tasks_notice_stops_them_first_and_begins_a_deployment() {
    let changes = [
        ServiceSpec { subnet_ids: ["subnet-3".into()].into(), ..spec() },
        ServiceSpec { security_group_ids: ["sg-2".into()].into(), ..spec() },
        ServiceSpec { assign_public_ip: Switch::Enabled, ..spec() },
        ServiceSpec { platform_version: "LATEST".into(), ..spec() },
        ServiceSpec { service_registry_arn: None, ..spec() },
        ServiceSpec { enable_execute_command: true, ..spec() },
        ServiceSpec { propagate_tags: crate::PropagateTags::None, ..spec() },
        ServiceSpec { enable_ecs_managed_tags: false, ..spec() },
    ];
    for want in changes {
        let (script, state, _) = running(3).await;
        let found = survey(&script).await.remove(0);
        let made = ensure(&script, want.clone(), Some(&found)).await.unwrap();
        assert_eq!(made.spec, want);
        assert_eq!(survey(&script).await.remove(0).spec, want);
        let updates = updates(&script);
        assert_eq!(updates.len(), 2, "{want:?}");
        assert_eq!((&updates[0]["desiredCount"], &updates[1]["desiredCount"]), (&json!(0), &json!(1)));
        assert_eq!(updates[1]["forceNewDeployment"], true);
        assert!(!state.lock().unwrap().overlapped);
    }
}

#[tokio::test(start_paused = true)]
async fn how_deployments_are_made_is_changed_without_a_stop() {
    let changes = [
        ServiceSpec {
            deployment_circuit_breaker: DeploymentCircuitBreaker { enable: true, rollback: false },
            ..spec()
        },
        ServiceSpec { minimum_healthy_percent: 50, ..spec() },
        ServiceSpec { maximum_percent: 150, ..spec() },
    ];
    for want in changes {
        let (script, _, _) = running(0).await;
        let found = survey(&script).await.remove(0);
        assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
        let updates = updates(&script);
        let fields: Vec<_> = updates[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((updates.len(), fields), (1, vec!["cluster", "deploymentConfiguration", "service"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_while_the_count_was_0_is_finished() {
    let (script, state, _) = running(4).await;
    state.lock().unwrap().service()["desiredCount"] = 0.into();
    // It was killed before the last task had stopped.
    state.lock().unwrap().tasks[0]["desiredStatus"] = "STOPPED".into();
    state.lock().unwrap().tasks[0]["lastStatus"] = "STOPPING".into();
    let found = survey(&script).await.remove(0);
    assert_eq!(found.spec.desired_count, 0);
    let made = ensure(&script, spec(), Some(&found)).await.unwrap();
    assert_eq!(made.spec, spec());
    // The revision is the same, so only force begins a deployment that the circuit breaker watches.
    let updates = updates(&script);
    assert_eq!((updates.len(), &updates[0]["forceNewDeployment"]), (1, &json!(true)));
    assert!(!state.lock().unwrap().overlapped);
}

#[tokio::test(start_paused = true)]
async fn a_service_can_be_parked() {
    let (script, state, _) = running(2).await;
    let found = survey(&script).await.remove(0);
    let want = ServiceSpec { desired_count: 0, ..spec() };
    assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
    assert!(state.lock().unwrap().tasks.iter().all(|task| task["lastStatus"] == "STOPPED"));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_do_not_stop_end_the_change_before_another_starts() {
    let (script, state, _) = running(0).await;
    let found = survey(&script).await.remove(0);
    state.lock().unwrap().slowness = u32::MAX;
    let want = ServiceSpec { task_definition_arn: revision(2), ..spec() };
    let error = ensure(&script, want, Some(&found)).await.unwrap_err();
    assert!(error.says("for the service's tasks to be STOPPED, in vain"), "{error:?}");
    assert_eq!(updates(&script).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn throttling_and_a_revision_that_the_service_does_not_know_yet_are_waited_out() {
    let (script, state, _) = running(0).await;
    let throttled = || Reply::error(400, "ThrottlingException", "Rate exceeded");
    let found = survey(&script).await.remove(0);
    state.lock().unwrap().faults = vec![("UpdateService", throttled()), ("ListTasks", throttled())];
    let parked = ServiceSpec { desired_count: 0, ..spec() };
    ensure(&script, parked, Some(&found)).await.unwrap();

    // The count is 0 now, so the next update is the one that names the revision.
    let found = survey(&script).await.remove(0);
    let unknown = Reply::error(400, "ClientException", "TaskDefinition not found.");
    state.lock().unwrap().faults = vec![("UpdateService", unknown)];
    let want = ServiceSpec { task_definition_arn: revision(2), ..spec() };
    assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
}

/// A rolling service of two tasks that runs.
async fn rolling_along() -> (Script, Arc<Mutex<Fargate>>) {
    let (script, state) = Fargate { slowness: 3, ..Fargate::default() }.script();
    ensure(&script, rolling(2), None).await.unwrap();
    (script, state)
}

#[tokio::test(start_paused = true)]
async fn of_a_rolling_service_the_new_tasks_start_before_the_old_ones_stop() {
    let changes = [
        ServiceSpec { task_definition_arn: revision(2), ..rolling(2) },
        ServiceSpec { security_group_ids: ["sg-2".into()].into(), ..rolling(2) },
        ServiceSpec { task_definition_arn: revision(2), ..rolling(3) },
    ];
    for want in changes {
        let (script, state) = rolling_along().await;
        let found = survey(&script).await.remove(0);
        let made = ensure(&script, want.clone(), Some(&found)).await.unwrap();
        assert_eq!((made.spec, made.pending), (want.clone(), None));
        let updates = updates(&script);
        assert_eq!((updates.len(), &updates[0]["desiredCount"]), (1, &json!(want.desired_count)));
        assert_eq!(updates[0]["forceNewDeployment"], want.task_definition_arn == revision(1));
        assert!(state.lock().unwrap().overlapped, "nothing ran for a while");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_rolling_service_that_is_scaled_no_task_is_replaced() {
    for count in [1, 3] {
        let (script, _) = rolling_along().await;
        let found = survey(&script).await.remove(0);
        assert_eq!(ensure(&script, rolling(count), Some(&found)).await.unwrap().spec, rolling(count));
        let updates = updates(&script);
        assert_eq!((updates.len(), &updates[0]["forceNewDeployment"]), (1, &json!(false)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_a_single_writer_is_stopped_before_it_begins_to_roll() {
    let (script, state, _) = running(3).await;
    let found = survey(&script).await.remove(0);
    let want = ServiceSpec { task_definition_arn: revision(2), ..rolling(2) };
    assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
    assert_eq!(updates(&script)[0]["desiredCount"], 0);
    assert!(!state.lock().unwrap().overlapped);
}
