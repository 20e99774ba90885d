//! Access points.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Key, Observed, Owner, Progress, Result, Spec, diff};
use serde_json::{Value, json};

use super::{
    FILE_SYSTEM,
    cloud::{Efs, mutations, not_there, unsettled},
    scope,
};
use crate::{AccessPointSpec, AccessPoints, CreationInfo, PosixUser};

const CREATE: &str = "POST /access-points";
const LIST: &str = "GET /access-points";

fn key() -> Key {
    "stateful/data".parse().unwrap()
}

fn spec() -> AccessPointSpec {
    AccessPointSpec {
        file_system_id: FILE_SYSTEM.to_owned(),
        path: "/data".to_owned(),
        posix_user: Some(PosixUser { uid: 1000, gid: 1000 }),
        creation_info: Some(CreationInfo { owner_uid: 1000, owner_gid: 1000, permissions: "0750".into() }),
    }
}

fn desired(spec: AccessPointSpec) -> Desired<AccessPointSpec> {
    Desired { key: key(), name: None, spec }
}

async fn ensure(script: &Script, spec: AccessPointSpec) -> Result<Observed<AccessPointSpec>> {
    let family = AccessPoints::new(&script.config());
    let seen = family.survey(&scope()).await?;
    family.ensure(&scope(), &desired(spec), seen.first(), &Progress::silent()).await
}

#[tokio::test(start_paused = true)]
async fn one_is_made_in_one_call_with_its_tags_and_waited_for() {
    let (script, _) = Efs { busy_for: 3, ..Efs::with_file_system() }.script();
    let made = ensure(&script, spec()).await.unwrap();
    assert_eq!((made.spec, made.owner, made.pending), (spec(), Owner::Us(key()), None));
    assert_eq!(made.outputs["arn"], scope().arn("elasticfilesystem", "access-point/fsap-1"));
    let mut create =
        script.requests().into_iter().find(|request| request.operation.starts_with("POST")).unwrap().json();
    assert_eq!(create["ClientToken"].as_str().unwrap().len(), 64);
    create["ClientToken"] = "[token]".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&create).unwrap());
    ensure(&script, spec()).await.unwrap();
    assert_eq!(mutations(&script), [CREATE]);
}

#[tokio::test(start_paused = true)]
async fn a_file_system_that_is_not_ready_is_waited_for_and_a_lost_reply_makes_no_second_one() {
    let faults =
        [(CREATE, unsettled()), (CREATE, not_there("FileSystem")), (LIST, Reply::json(200, json!({})))];
    let (script, state) = Efs::with_file_system().failing(faults).script();
    let made = ensure(&script, spec()).await.unwrap();
    let again = AccessPoints::new(&script.config());
    let again = again.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!((again.id, state.lock().unwrap().points.len()), (made.id, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_replaces_another_has_another_token() {
    let (script, _) = Efs::with_file_system().script();
    let first = ensure(&script, spec()).await.unwrap();
    let other = AccessPointSpec { path: "/logs".to_owned(), ..spec() };
    let refused = ensure(&script, other.clone()).await.unwrap_err();
    assert!(refused.class == Class::Fatal && refused.says("EFS cannot change one"));
    let family = AccessPoints::new(&script.config());
    let second = family.ensure(&scope(), &desired(other), None, &Progress::silent()).await.unwrap();
    assert_ne!(first.id, second.id);
}

#[test]
fn every_field_replaces_it() {
    let other = AccessPointSpec {
        file_system_id: "fs-2".into(),
        path: "/logs".into(),
        posix_user: Some(PosixUser { uid: 0, gid: 0 }),
        creation_info: None,
    };
    let value = |spec: AccessPointSpec| serde_json::to_value(spec).unwrap();
    let changes = diff(&value(spec()), &value(other), AccessPointSpec::effect);
    assert_eq!(changes.len(), 5);
    assert!(changes.iter().all(|change| change.effect == Effect::Replace));
}

#[tokio::test(start_paused = true)]
async fn it_is_deleted_and_waited_for_and_what_is_gone_already_is_no_error() {
    let (script, state) = Efs { busy_for: 3, ..Efs::with_file_system() }.script();
    let made = ensure(&script, spec()).await.unwrap();
    let family = AccessPoints::new(&script.config());
    family.delete(&made, &Progress::silent()).await.unwrap();
    assert_eq!(state.lock().unwrap().points, Vec::<Value>::new());
    family.delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_survey_reads_every_page_and_leaves_out_what_is_not_ours_or_going() {
    let one = |id: &str, state: &str| json!({"AccessPointId": id, "LifeCycleState": state, "Tags": super::cloud::our_tags(&key())});
    let pages = [
        json!({"AccessPoints": [one("fsap-1", "deleting"), {"AccessPointId": "fsap-2"}], "NextToken": "2"}),
        json!({"AccessPoints": [one("fsap-3", "creating")]}),
    ];
    let script = Script::new(move |request| {
        Reply::json(200, pages[usize::from(request.query.contains("NextToken"))].clone())
    });
    let seen = AccessPoints::new(&script.config()).survey(&scope()).await.unwrap();
    let seen: Vec<_> = seen.iter().map(|one| (one.id.as_str(), one.pending.as_deref())).collect();
    assert_eq!(seen, [("fsap-3", Some("creating"))]);
    assert_eq!(script.operations().len(), 2);
}

#[tokio::test]
async fn one_is_found_by_id_or_arn_and_adopted_by_its_tags() {
    let (script, state) = Efs::with_file_system().script();
    let family = AccessPoints::new(&script.config());
    state.lock().unwrap().points = vec![json!({"AccessPointId": "fsap-1", "LifeCycleState": "available"})];
    let theirs = family.find(&scope(), "fsap-1").await.unwrap().unwrap();
    assert!(matches!(theirs.owner, Owner::Other(_)));
    family.adopt(&scope(), &key(), &theirs).await.unwrap();
    let ours = family.find(&scope(), &theirs.outputs["arn"]).await.unwrap().unwrap();
    assert_eq!(ours.owner, Owner::Us(key()));
    assert_eq!(family.find(&scope(), "fs-1").await.unwrap(), None);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<AccessPoints>(&[include_str!("../access_points.rs")], &[]);
}
