//! Creating.

use aws_env::scripted::{Reply, Script};
use resource::{Class, Family, Observed, Owner, Progress, Result};
use serde_json::json;

use super::{
    arn, bare_spec,
    cloud::{Dynamo, in_use, mutations, not_there},
    desired, full_spec, key, scope,
};
use crate::{TableSpec, Tables};

async fn create(dynamo: Dynamo, spec: TableSpec) -> (Result<Observed<TableSpec>>, Script) {
    let (script, _) = dynamo.script();
    let tables = Tables::new(&script.config());
    (tables.ensure(&scope(), &desired(spec), None, &Progress::silent()).await, script)
}

fn deleting() -> Reply {
    let table = json!({"TableStatus": "DELETING", "KeySchema": [], "AttributeDefinitions": []});
    Reply::json(200, json!({"Table": table}))
}

#[tokio::test(start_paused = true)]
async fn a_table_is_created_in_one_call_then_given_what_that_call_does_not_take() {
    let (made, script) = create(Dynamo { busy_for: 3, ..Dynamo::default() }, full_spec()).await;
    let made = made.unwrap();
    assert_eq!((made.spec, made.owner, made.pending), (full_spec(), Owner::Us(key()), None));
    assert_eq!(made.outputs["streamArn"], format!("{}/stream/1", arn()));
    assert_eq!(mutations(&script), ["CreateTable", "UpdateContinuousBackups", "UpdateTimeToLive"]);
    insta::assert_json_snapshot!(script.requests()[0].json());
}

#[tokio::test(start_paused = true)]
async fn a_bare_table_takes_one_call() {
    let (made, script) = create(Dynamo::default(), bare_spec()).await;
    assert_eq!(made.unwrap().spec, bare_spec());
    assert_eq!(mutations(&script), ["CreateTable"]);
}

#[tokio::test(start_paused = true)]
async fn backups_that_are_not_ready_and_time_to_live_that_waits_for_them_are_tried_again() {
    let faults = [
        (
            "UpdateContinuousBackups",
            Reply::error(400, "ContinuousBackupsUnavailableException", "Backups are being enabled"),
        ),
        (
            "UpdateTimeToLive",
            Reply::error(400, "ValidationException", "Backups are being enabled for the table"),
        ),
        ("UpdateTimeToLive", in_use()),
    ];
    let (made, script) = create(Dynamo::default().failing(faults), full_spec()).await;
    assert_eq!(made.unwrap().spec, full_spec());
    assert_eq!(mutations(&script).len(), 3 + 3);
}

#[tokio::test(start_paused = true)]
async fn too_many_changes_at_once_and_a_lost_reply_are_tried_again() {
    let faults = [
        ("CreateTable", Reply::error(400, "LimitExceededException", "Subscriber limit exceeded")),
        ("CreateTable", Reply::reset()),
    ];
    let (made, _) = create(Dynamo::default().failing(faults), bare_spec()).await;
    assert_eq!(made.unwrap().spec, bare_spec());
}

#[tokio::test(start_paused = true)]
async fn a_table_of_that_name_that_is_being_deleted_is_waited_for() {
    let faults = [("CreateTable", in_use()), ("CreateTable", in_use()), ("DescribeTable", deleting())];
    let (made, script) = create(Dynamo::default().failing(faults), bare_spec()).await;
    assert_eq!(made.unwrap().spec, bare_spec());
    assert_eq!(mutations(&script), ["CreateTable", "CreateTable", "CreateTable"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_table_that_is_not_seen_yet_is_waited_for() {
    let faults = [
        ("DescribeTable", not_there()),
        ("ListTagsOfResource", not_there()),
        ("ListTagsOfResource", Reply::json(200, json!({"Tags": []}))),
    ];
    let (made, script) = create(Dynamo::default().failing(faults), bare_spec()).await;
    assert_eq!(made.unwrap().owner, Owner::Us(key()));
    assert_eq!(mutations(&script), ["CreateTable"]);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_a_killed_run_left_is_finished() {
    let (script, _) = Dynamo { busy_for: 2, ..Dynamo::default() }.script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    tables.ensure(&scope(), &desired(bare_spec()), None, &silent).await.unwrap();
    let made = tables.ensure(&scope(), &desired(full_spec()), None, &silent).await.unwrap();
    assert_eq!(made.spec, full_spec());
}

#[tokio::test(start_paused = true)]
async fn a_table_of_somebody_else_is_left_alone() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    tables.ensure(&scope(), &desired(bare_spec()), None, &silent).await.unwrap();
    state.lock().unwrap().tags = json!({"Name": "billing"}).as_object().cloned().unwrap();
    let error = tables.ensure(&scope(), &desired(full_spec()), None, &silent).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(error.says("a table `headwater-dev-event` is there already, tagged Name=billing"), "{error:?}");
    assert_eq!(mutations(&script), ["CreateTable", "CreateTable"]);
}
