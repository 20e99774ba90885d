//! File systems.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Observed, Owner, Progress, Result, Spec, diff};
use serde_json::{Value, json};

use super::{
    FILE_SYSTEM,
    cloud::{Efs, mutations, not_there, unsettled},
    file_system_arn, handle, key, scope,
};
use crate::{FileSystemSpec, FileSystems, PerformanceMode, ThroughputMode};

const CREATE: &str = "POST /file-systems";
const LIST: &str = "GET /file-systems";
const UPDATE: &str = "PUT /file-systems/fs-1";
const DELETE: &str = "DELETE /file-systems/fs-1";

/// As EFS makes one.
fn bare() -> FileSystemSpec {
    FileSystemSpec {
        encrypted: true,
        performance_mode: PerformanceMode::GeneralPurpose,
        throughput_mode: ThroughputMode::Bursting,
        transition_to_infrequent_access: None,
        transition_to_primary_storage_class: None,
        transition_to_archive: None,
        automatic_backups: false,
        policy: None,
    }
}

fn full() -> FileSystemSpec {
    FileSystemSpec {
        throughput_mode: ThroughputMode::Elastic,
        transition_to_infrequent_access: Some("AFTER_14_DAYS".into()),
        transition_to_primary_storage_class: Some("AFTER_1_ACCESS".into()),
        transition_to_archive: Some("AFTER_90_DAYS".into()),
        automatic_backups: true,
        policy: Some(handle().policy()),
        ..bare()
    }
}

fn desired(spec: FileSystemSpec) -> Desired<FileSystemSpec> {
    Desired { key: key(), name: None, spec }
}

async fn ensure(script: &Script, spec: FileSystemSpec) -> Result<Observed<FileSystemSpec>> {
    let family = FileSystems::new(&script.config());
    let seen = family.survey(&scope()).await?;
    family.ensure(&scope(), &desired(spec), seen.first(), &Progress::silent()).await
}

#[tokio::test(start_paused = true)]
async fn a_file_system_is_created_with_its_tags_and_then_given_what_that_call_does_not_take() {
    let (script, _) = Efs { busy_for: 3, ..Efs::default() }.script();
    let made = ensure(&script, full()).await.unwrap();
    assert_eq!((made.spec, made.owner, made.pending), (full(), Owner::Us(key()), None));
    assert_eq!((made.id.as_str(), &made.outputs["arn"]), (FILE_SYSTEM, &file_system_arn(FILE_SYSTEM)));
    let settings = ["policy", "lifecycle-configuration", "backup-policy"];
    let settings = settings.map(|setting| format!("PUT /file-systems/fs-1/{setting}"));
    assert_eq!(mutations(&script), [vec![CREATE.to_owned()], settings.to_vec()].concat());
    let mut create =
        script.requests().into_iter().find(|request| request.operation.starts_with("POST")).unwrap().json();
    assert_eq!(create["CreationToken"].as_str().unwrap().len(), 64);
    create["CreationToken"] = "[token]".into();
    insta::assert_json_snapshot!(create);
}

#[tokio::test(start_paused = true)]
async fn what_is_as_desired_is_not_touched() {
    let (script, _) = Efs::default().script();
    ensure(&script, full()).await.unwrap();
    let before = mutations(&script);
    assert_eq!(ensure(&script, full()).await.unwrap().spec, full());
    assert_eq!(mutations(&script), before);
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_reply_was_lost_is_found_by_its_token() {
    let (script, state) = Efs::default().script();
    ensure(&script, bare()).await.unwrap();
    let lost = FileSystems::new(&script.config());
    let made = lost.ensure(&scope(), &desired(bare()), None, &Progress::silent()).await.unwrap();
    assert_eq!(made.id, FILE_SYSTEM);
    assert_eq!(state.lock().unwrap().file_systems.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_somebody_else_used_is_an_error_that_says_whose_it_is() {
    let (script, state) = Efs::default().script();
    ensure(&script, bare()).await.unwrap();
    state.lock().unwrap().file_systems[0]["Tags"] = json!([{"Key": "Name", "Value": "billing"}]);
    let error = ensure(&script, bare()).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(error.says("`fs-1` was made with our creation token and is there already, tagged Name=billing"));
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_file_system_that_is_being_deleted_is_waited_for() {
    let (script, state) = Efs { busy_for: 4, ..Efs::default() }.script();
    let family = FileSystems::new(&script.config());
    ensure(&script, bare()).await.unwrap();
    state.lock().unwrap().file_systems[0]["LifeCycleState"] = "deleting".into();
    state.lock().unwrap().file_systems[0]["busy"] = json!(4);
    assert_eq!(family.survey(&scope()).await.unwrap(), []);
    let made = family.ensure(&scope(), &desired(bare()), None, &Progress::silent()).await.unwrap();
    assert_eq!(made.pending, None);
    assert!(mutations(&script).len() > 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_seen_yet_or_not_available_is_waited_for() {
    let faults = [(LIST, Reply::json(200, json!({"FileSystems": []}))), (LIST, not_there("FileSystem"))];
    let late = [(UPDATE, unsettled()), ("PUT /file-systems/fs-1/policy", unsettled())];
    let (script, _) = Efs::default().failing(faults.into_iter().chain(late)).script();
    assert_eq!(ensure(&script, full()).await.unwrap().spec, full());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_still_being_made_is_pending_and_waited_for() {
    let (script, state) = Efs::with_file_system().script();
    state.lock().unwrap().file_systems[0]["LifeCycleState"] = "creating".into();
    state.lock().unwrap().file_systems[0]["busy"] = json!(5);
    let seen = FileSystems::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen[0].pending.as_deref(), Some("creating"));
    assert_eq!(ensure(&script, full()).await.unwrap().spec, full());
    assert!(!mutations(&script).contains(&CREATE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_second_change_of_throughput_in_a_day_fails_at_once_with_what_efs_says() {
    let often = || (UPDATE, Reply::error(429, "TooManyRequests", "Wait 24 hours."));
    let (script, _) = Efs::with_file_system().failing([often(), often()]).script();
    let error = ensure(&script, FileSystemSpec { throughput_mode: ThroughputMode::Elastic, ..bare() }).await;
    assert!(error.unwrap_err().says("Wait 24 hours."));
    assert_eq!(mutations(&script), [UPDATE]);
}

#[tokio::test(start_paused = true)]
async fn every_field_that_differs_takes_its_own_call_and_none_other() {
    let value = |spec: FileSystemSpec| serde_json::to_value(spec).unwrap();
    let lifecycle = vec!["PUT /file-systems/fs-1/lifecycle-configuration"];
    let calls = [
        ("throughputMode", vec![UPDATE], None),
        ("transitionToInfrequentAccess", lifecycle.clone(), None),
        ("transitionToPrimaryStorageClass", lifecycle.clone(), None),
        ("transitionToArchive", lifecycle, None),
        ("automaticBackups", vec!["PUT /file-systems/fs-1/backup-policy"], None),
        ("policy", vec!["PUT /file-systems/fs-1/policy"], Some(vec!["DELETE /file-systems/fs-1/policy"])),
    ];
    for (field, there, back) in calls {
        let mut changed = value(bare());
        changed[field] = value(full())[field].clone();
        let (script, _) = Efs::with_file_system().script();
        for (to, taken) in [(changed, &there), (value(bare()), back.as_ref().unwrap_or(&there))] {
            let before = mutations(&script).len();
            let spec: FileSystemSpec = serde_json::from_value(to).unwrap();
            assert_eq!(ensure(&script, spec.clone()).await.unwrap().spec, spec);
            assert_eq!(mutations(&script)[before..], *taken, "{field}");
        }
    }
    let mut other = value(bare());
    (other["encrypted"], other["performanceMode"]) = (json!(false), json!("maxIO"));
    let changes = diff(&value(bare()), &other, FileSystemSpec::effect);
    assert!(changes.len() == 2 && changes.iter().all(|change| change.effect == Effect::Replace));
    let (script, _) = Efs::with_file_system().script();
    let other: FileSystemSpec = serde_json::from_value(other).unwrap();
    assert_eq!(ensure(&script, other).await.unwrap_err().class, Class::Fatal);
}

#[tokio::test(start_paused = true)]
async fn mount_targets_that_go_are_waited_for_and_what_is_gone_already_is_no_error() {
    let in_use = || (DELETE, Reply::error(409, "FileSystemInUse", "It has mount targets."));
    let (script, state) = Efs { busy_for: 3, ..Efs::with_file_system() }.script();
    let family = FileSystems::new(&script.config());
    let seen = family.survey(&scope()).await.unwrap().remove(0);
    state.lock().unwrap().faults = vec![in_use(), in_use()];
    family.delete(&seen, &Progress::silent()).await.unwrap();
    assert_eq!(state.lock().unwrap().file_systems, Vec::<Value>::new());
    assert_eq!(mutations(&script), [DELETE, DELETE, DELETE]);
    family.delete(&seen, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_survey_reads_every_page_and_leaves_out_what_is_not_ours() {
    let one = |id: &str, tags: Value| {
        json!({"FileSystemId": id, "OwnerId": "1", "CreationToken": "t", "CreationTime": 1, "LifeCycleState": "available",
            "NumberOfMountTargets": 0, "SizeInBytes": {"Value": 0}, "PerformanceMode": "generalPurpose",
            "ThroughputMode": "provisioned", "Tags": tags})
    };
    let pages = [
        json!({"FileSystems": [one("fs-9", json!([]))], "NextMarker": "2"}),
        json!({"FileSystems": [one("fs-2", super::cloud::our_tags(&key()))]}),
    ];
    let script = Script::new(move |request| match request.operation.rsplit('/').next() {
        Some("file-systems") => {
            Reply::json(200, pages[usize::from(request.query.contains("Marker"))].clone())
        }
        _ => not_there("Policy"),
    });
    let seen = FileSystems::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["fs-2"]);
    assert_eq!(seen[0].spec.throughput_mode, ThroughputMode::Provisioned);
    assert_eq!(script.operations().len(), 2 + 3);
}

#[tokio::test]
async fn one_is_found_by_id_or_arn_and_adopted_by_its_tags() {
    let (script, state) = Efs::with_file_system().script();
    state.lock().unwrap().file_systems[0]["Tags"] = json!([]);
    let family = FileSystems::new(&script.config());
    let theirs = family.find(&scope(), FILE_SYSTEM).await.unwrap().unwrap();
    assert!(matches!(theirs.owner, Owner::Other(_)));
    assert_eq!(family.find(&scope(), &file_system_arn("fs-8")).await.unwrap(), None);
    assert_eq!(
        family.find(&scope(), "arn:aws:elasticfilesystem:us-east-1:1:file-system/fs-1").await.unwrap(),
        None
    );
    family.adopt(&scope(), &key(), &theirs).await.unwrap();
    let ours = family.find(&scope(), &file_system_arn(FILE_SYSTEM)).await.unwrap().unwrap();
    assert_eq!(ours.owner, Owner::Us(key()));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../file_systems.rs"),
        include_str!("../file_systems/ensure.rs"),
        include_str!("../list.rs"),
    ];
    assert_actions::<FileSystems>(&code, &[]);
}
