//! Following a deployment, and telling why it failed.

use aws_env::scripted::Reply;
use resource::{Class, Error};
use serde_json::json;
use tokio::time::Instant;

use super::{
    ensure,
    fargate::{Fargate, Fate, bodies, missing, mutations},
    revision, spec, survey,
};
use crate::ServiceSpec;

/// What a change to the second revision fails with.
async fn failure(fate: Fate) -> Error {
    let (script, state) = Fargate::default().script();
    ensure(&script, spec(), None).await.unwrap();
    let found = survey(&script).await.remove(0);
    state.lock().unwrap().fate = fate;
    let want = ServiceSpec { task_definition_arn: revision(2), ..spec() };
    ensure(&script, want, Some(&found)).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_fails_tells_why_its_tasks_stopped() {
    let error = failure(Fate::RollsBack).await;
    assert_eq!(error.class, Class::Fatal);
    insta::assert_snapshot!(format!("{error}\n{}", error.source));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_learned_of_the_tasks_is_left_out() {
    let (script, state) = Fargate { fate: Fate::Fails, ..Fargate::default() }.script();
    let denied = || Reply::error(400, "AccessDeniedException", "not authorized");
    state.lock().unwrap().faults = vec![("GetLogEvents", denied())];
    let error = ensure(&script, spec(), None).await.unwrap_err();
    assert!(error.says("exit code 139") && !error.says("no such file"), "{}", error.source);
    state.lock().unwrap().service = None;
    state.lock().unwrap().tasks.clear();
    state.lock().unwrap().faults = vec![("DescribeTasks", denied())];
    let error = ensure(&script, spec(), None).await.unwrap_err();
    assert_eq!(
        error.source.to_string(),
        "the deployment ecs-svc/2 failed: ECS deployment circuit breaker: tasks failed to start."
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_takes_too_long_ends_with_an_error() {
    let begun = Instant::now();
    let error = failure(Fate::Hangs).await;
    assert_eq!(error.class, Class::RetryLater);
    assert!(error.says("for the deployment ecs-svc/2 to be COMPLETED, in vain"), "{}", error.source);
    assert!(error.says("task 0002 is RUNNING"), "{}", error.source);
    assert!(begun.elapsed().as_secs() <= 900);
}

#[tokio::test(start_paused = true)]
async fn another_deployment_in_its_place_is_an_error() {
    let (script, state) = Fargate { fate: Fate::Hangs, ..Fargate::default() }.script();
    let other =
        json!({"id": "ecs-svc/9", "status": "PRIMARY", "rolloutState": "COMPLETED", "runningCount": 1});
    let ours = |status: &str| json!({"id": "ecs-svc/1", "status": status, "rolloutState": "IN_PROGRESS"});
    let seen = |deployments| {
        let service = json!({"status": "ACTIVE", "desiredCount": 1, "deployments": deployments});
        ("DescribeServices", Reply::json(200, json!({"services": [service]})))
    };
    // Two are asked before the create.
    let none = || ("DescribeServices", missing());
    let (first, second) = (seen(json!([ours("PRIMARY")])), seen(json!([other, ours("ACTIVE")])));
    state.lock().unwrap().faults = vec![none(), none(), first, second];
    let error = ensure(&script, spec(), None).await.unwrap_err();
    assert!(error.says("ecs-svc/1 was rolled back, or another one took its place"), "{}", error.source);

    state.lock().unwrap().service = None;
    state.lock().unwrap().tasks.clear();
    let ours = json!({"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS"});
    state.lock().unwrap().faults = vec![none(), none(), seen(json!([ours])), seen(json!([other]))];
    let error = ensure(&script, spec(), None).await.unwrap_err();
    assert!(error.says("the deployment ecs-svc/2 is gone before it was done"), "{}", error.source);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_another_run_left_is_followed() {
    let (script, state) = Fargate { fate: Fate::Hangs, ..Fargate::default() }.script();
    ensure(&script, spec(), None).await.unwrap_err();
    let found = survey(&script).await.remove(0);
    assert_eq!(found.pending.as_deref(), Some("deployment in progress"));
    state.lock().unwrap().fate = Fate::Completes;
    assert_eq!(ensure(&script, spec(), Some(&found)).await.unwrap().pending, None);
    assert_eq!(mutations(&script), ["CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_failed_is_made_again_by_force() {
    let (script, state) = Fargate { fate: Fate::Fails, ..Fargate::default() }.script();
    ensure(&script, spec(), None).await.unwrap_err();
    let found = survey(&script).await.remove(0);
    assert_eq!((&found.spec, found.pending.as_deref()), (&spec(), Some("deployment failed")));
    state.lock().unwrap().fate = Fate::Completes;
    assert_eq!(ensure(&script, spec(), Some(&found)).await.unwrap().pending, None);
    let updates = bodies(&script, "UpdateService");
    assert_eq!((&updates[0]["desiredCount"], &updates[1]["forceNewDeployment"]), (&json!(0), &json!(true)));
    assert!(!state.lock().unwrap().overlapped);
}
