//! Creating.

use aws_env::scripted::{Reply, Script};
use resource::{Class, Observed, Owner, Result};
use serde_json::json;

use super::{
    KEY, ensure,
    fargate::{Fargate, bodies, missing, mutations},
    spec,
};
use crate::ServiceSpec;

async fn create(fargate: Fargate) -> (Result<Observed<ServiceSpec>>, Script) {
    let (script, _) = fargate.script();
    (ensure(&script, spec(), None).await, script)
}

fn invalid(message: &str) -> Reply {
    Reply::error(400, "InvalidParameterException", message)
}

#[tokio::test(start_paused = true)]
async fn a_service_is_created_in_one_call_and_its_deployment_followed() {
    let (made, script) = create(Fargate { slowness: 5, ..Fargate::default() }).await;
    let made = made.unwrap();
    assert_eq!((made.spec, made.owner, made.pending), (spec(), Owner::Us(KEY.parse().unwrap()), None));
    assert_eq!(mutations(&script), ["CreateService"]);
    let mut body = bodies(&script, "CreateService").remove(0);
    assert_eq!(body["clientToken"].as_str().map(str::len), Some(36));
    body["clientToken"] = "a new one for each".into();
    insta::assert_snapshot!(format!("{body:#}"));
}

#[tokio::test(start_paused = true)]
async fn the_service_linked_role_and_the_cluster_are_waited_for() {
    let role =
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
    let faults = [
        ("CreateService", invalid(role)),
        ("CreateService", Reply::error(400, "ClusterNotFoundException", "Cluster not found.")),
        ("CreateService", invalid("TaskDefinition not found.")),
    ];
    let (made, script) = create(Fargate::default().failing(faults)).await;
    assert_eq!(made.unwrap().spec, spec());
    assert_eq!(mutations(&script).len(), 4);
    // Attempts of one create are one to ECS.
    let tokens = bodies(&script, "CreateService").into_iter().map(|body| body["clientToken"].clone());
    assert_eq!(tokens.collect::<std::collections::HashSet<_>>().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_call_itself_ends_it_at_once() {
    let (made, script) =
        create(Fargate::default().failing([("CreateService", invalid("No such subnet"))])).await;
    assert!(made.unwrap_err().says("No such subnet"));
    assert_eq!(mutations(&script).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_of_that_name_that_drains_is_waited_for() {
    let (script, state) = Fargate::default().script();
    ensure(&script, spec(), None).await.unwrap();
    let still_draining = invalid("Unable to Start a service that is still Draining.");
    {
        let mut fargate = state.lock().unwrap();
        fargate.service()["status"] = "DRAINING".into();
        fargate.tasks.clear();
        fargate.looks = 9;
        fargate.faults = vec![("CreateService", still_draining)];
    }
    assert_eq!(ensure(&script, spec(), None).await.unwrap().spec, spec());
    assert!(mutations(&script).len() > 3);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_service_that_somebody_deleted_are_waited_for() {
    let (script, state) = Fargate { slowness: 9, ..Fargate::default() }.script();
    ensure(&script, spec(), None).await.unwrap();
    {
        let mut fargate = state.lock().unwrap();
        fargate.service()["status"] = "INACTIVE".into();
        fargate.tasks[0]["desiredStatus"] = "STOPPED".into();
        fargate.tasks[0]["lastStatus"] = "STOPPING".into();
        fargate.looks = 9;
    }
    assert_eq!(ensure(&script, spec(), None).await.unwrap().spec, spec());
    assert!(!state.lock().unwrap().overlapped);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_a_lost_reply_left_is_followed() {
    let (script, state) = Fargate { slowness: 9, ..Fargate::default() }.script();
    ensure(&script, spec(), None).await.unwrap();
    state.lock().unwrap().service()["deployments"][0]["rolloutState"] = "IN_PROGRESS".into();
    state.lock().unwrap().faults = vec![("CreateService", Reply::reset())];
    let made = ensure(&script, spec(), None).await.unwrap();
    assert_eq!((made.spec, made.pending), (spec(), None));
    assert_eq!(mutations(&script), ["CreateService", "CreateService", "CreateService"]);
    assert!(!state.lock().unwrap().overlapped);
}

#[tokio::test(start_paused = true)]
async fn a_service_of_somebody_else_is_left_alone() {
    let (script, state) = Fargate::default().script();
    ensure(&script, spec(), None).await.unwrap();
    state.lock().unwrap().service()["tags"] = json!([{"key": "Name", "value": "billing"}]);
    let error = ensure(&script, spec(), None).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(error.says("a service `headwater-dev-eventstore` is there already, tagged Name=billing"));
    assert_eq!(mutations(&script), ["CreateService", "CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_service_that_is_not_seen_yet_is_waited_for() {
    // Two of these are asked before the create.
    let faults = [(); 4].map(|()| ("DescribeServices", missing()));
    let (made, script) = create(Fargate::default().failing(faults)).await;
    assert_eq!(made.unwrap().spec, spec());
    assert_eq!(mutations(&script), ["CreateService"]);
}
