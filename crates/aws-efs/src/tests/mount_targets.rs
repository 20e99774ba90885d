//! Mount targets.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Observed, Owner, Progress, Result, Spec};
use serde_json::{Value, json};

use super::{
    FILE_SYSTEM,
    cloud::{Efs, mutations, not_there, unsettled},
    file_system_arn, key, scope,
};
use crate::{MountTargets, MountTargetsSpec, mount_targets_key};

const CREATE: &str = "POST /mount-targets";

fn spec(subnets: &[&str], groups: &[&str]) -> MountTargetsSpec {
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    MountTargetsSpec {
        file_system_id: FILE_SYSTEM.to_owned(),
        subnet_ids: set(subnets),
        security_group_ids: set(groups),
    }
}

fn both() -> MountTargetsSpec {
    spec(&["subnet-a1", "subnet-b1"], &["sg-1"])
}

/// EFS with a mount target in each of these subnets.
fn there(subnets: &[(&str, &str)]) -> Efs {
    let mut efs = Efs::with_file_system();
    for (subnet, group) in subnets {
        let target = efs.target(subnet, &json!([group]));
        efs.targets.push(target);
    }
    efs
}

async fn ensure(script: &Script, spec: MountTargetsSpec) -> Result<Observed<MountTargetsSpec>> {
    let family = MountTargets::new(&script.config());
    let seen = family.survey(&scope()).await?;
    let desired = Desired { key: mount_targets_key(&key()), name: None, spec };
    family.ensure(&scope(), &desired, seen.first(), &Progress::silent()).await
}

#[tokio::test(start_paused = true)]
async fn those_of_several_zones_are_made_at_once_and_waited_for() {
    let (script, _) = Efs { busy_for: 3, ..Efs::with_file_system() }.script();
    let made = ensure(&script, both()).await.unwrap();
    assert_eq!((made.spec, made.owner, made.pending), (both(), Owner::Us(mount_targets_key(&key())), None));
    assert_eq!(mutations(&script), [CREATE, CREATE]);
    let requests = script.requests();
    let creates: Vec<_> =
        (0..requests.len()).filter(|at| requests[*at].operation.starts_with("POST")).collect();
    assert_eq!(creates[1] - creates[0], 1, "the second waits for nothing of the first");
    insta::assert_json_snapshot!(requests[creates[0]].json());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_is_continued_and_what_is_as_desired_is_not_touched() {
    let (script, _) = there(&[("subnet-a1", "sg-1")]).script();
    ensure(&script, both()).await.unwrap();
    assert_eq!(mutations(&script), [CREATE]);
    let before = script.operations().len();
    assert_eq!(ensure(&script, both()).await.unwrap().spec, both());
    assert!(script.operations()[before..].iter().all(|operation| operation.starts_with("GET ")));
    assert_eq!(mutations(&script), [CREATE]);
}

#[tokio::test(start_paused = true)]
async fn another_subnet_of_a_zone_waits_until_the_zone_is_free() {
    let efs = there(&[("subnet-a1", "sg-1"), ("subnet-b1", "sg-1")]);
    let (script, _) = Efs { busy_for: 3, ..efs }.script();
    let moved = spec(&["subnet-a2", "subnet-b1"], &["sg-1"]);
    assert_eq!(ensure(&script, moved.clone()).await.unwrap().spec, moved);
    assert_eq!(mutations(&script), ["DELETE /mount-targets/fsmt-1", CREATE]);
}

#[tokio::test(start_paused = true)]
async fn security_groups_are_changed_in_place_and_only_where_they_differ() {
    let (script, _) = there(&[("subnet-a1", "sg-1"), ("subnet-b1", "sg-2")]).script();
    let seen = MountTargets::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen[0].pending.as_deref(), Some("of differing security groups"));
    assert_eq!(ensure(&script, both()).await.unwrap().spec, both());
    assert_eq!(mutations(&script), ["PUT /mount-targets/fsmt-2/security-groups"]);
    // Both together are as desired, though neither is.
    let (script, _) = there(&[("subnet-a1", "sg-1"), ("subnet-b1", "sg-2")]).script();
    ensure(&script, spec(&["subnet-a1", "subnet-b1"], &["sg-1", "sg-2"])).await.unwrap();
    assert_eq!(mutations(&script).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_efs_does_not_know_yet_is_tried_again_and_a_lost_reply_makes_no_second_one() {
    let faults = [
        (CREATE, Reply::error(400, "SubnetNotFound", "It does not exist.")),
        (CREATE, Reply::error(400, "SecurityGroupNotFound", "It does not exist.")),
        (CREATE, unsettled()),
        (CREATE, Reply::error(409, "MountTargetConflict", "That zone has a mount target.")),
        (CREATE, Reply::reset()),
    ];
    let (script, state) = Efs::with_file_system().failing(faults).script();
    assert_eq!(ensure(&script, both()).await.unwrap().spec, both());
    assert_eq!(mutations(&script).len(), 5 + 2);
    assert_eq!(state.lock().unwrap().targets.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_there_though_not_seen_at_first_is_taken() {
    let unseen = || ("GET /mount-targets", Reply::json(200, json!({"MountTargets": []})));
    let one = there(&[("subnet-a1", "sg-1")]).failing([unseen(), unseen()]);
    let (script, state) = one.script();
    let wanted = spec(&["subnet-a1"], &["sg-1"]);
    assert_eq!(ensure(&script, wanted.clone()).await.unwrap().spec, wanted);
    assert_eq!((mutations(&script), state.lock().unwrap().targets.len()), (vec![CREATE.to_owned()], 1));
}

/// Asked for two in one zone at once, EFS may give the one that it makes to both.
#[tokio::test(start_paused = true)]
async fn a_subnet_that_is_given_another_ones_mount_target_is_not_taken_for_done() {
    let (script, state) = there(&[("subnet-a1", "sg-1")]).script();
    let given = state.lock().unwrap().targets[0].clone();
    let forever = (0..100).map(|_| (CREATE, Reply::json(200, given.clone())));
    state.lock().unwrap().faults = forever.collect();
    let refused = ensure(&script, spec(&["subnet-a1", "subnet-a2"], &["sg-1"])).await.unwrap_err();
    assert_eq!(refused.class, Class::Conflict);
    assert!(refused.says("the zone of subnet-a2 has a mount target in subnet-a1"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn one_in_error_is_made_anew() {
    let (script, state) = there(&[("subnet-a1", "sg-1")]).script();
    state.lock().unwrap().targets[0]["LifeCycleState"] = "error".into();
    ensure(&script, spec(&["subnet-a1"], &["sg-1"])).await.unwrap();
    assert_eq!(mutations(&script), ["DELETE /mount-targets/fsmt-1", CREATE]);
}

#[tokio::test(start_paused = true)]
async fn all_of_them_are_deleted_and_waited_for_and_what_is_gone_already_is_no_error() {
    let efs = there(&[("subnet-a1", "sg-1"), ("subnet-b1", "sg-1")]);
    let (script, state) = Efs { busy_for: 3, ..efs }.script();
    let family = MountTargets::new(&script.config());
    let seen = family.survey(&scope()).await.unwrap().remove(0);
    state.lock().unwrap().faults = vec![("DELETE /mount-targets/fsmt-1", not_there("MountTarget"))];
    state.lock().unwrap().targets[0]["LifeCycleState"] = "deleting".into();
    family.delete(&seen, &Progress::silent()).await.unwrap();
    assert_eq!(state.lock().unwrap().targets, Vec::<Value>::new());
    family.delete(&seen, &Progress::silent()).await.unwrap();
    state.lock().unwrap().file_systems.clear();
    state.lock().unwrap().faults = vec![("GET /mount-targets", not_there("FileSystem"))];
    family.delete(&seen, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_file_system_without_mount_targets_has_none_to_observe() {
    let (script, state) = Efs::with_file_system().script();
    let family = MountTargets::new(&script.config());
    assert_eq!(family.survey(&scope()).await.unwrap(), []);
    let mut going = state.lock().unwrap().target("subnet-a1", &json!([]));
    (going["LifeCycleState"], going["busy"]) = ("deleting".into(), json!(9));
    state.lock().unwrap().targets.push(going);
    assert_eq!(family.survey(&scope()).await.unwrap(), []);
}

#[tokio::test]
async fn they_are_whose_the_file_system_is() {
    let (script, state) = there(&[("subnet-a1", "sg-1")]).script();
    let family = MountTargets::new(&script.config());
    let ours = family.find(&scope(), &file_system_arn(FILE_SYSTEM)).await.unwrap().unwrap();
    assert_eq!(ours.owner, Owner::Us(mount_targets_key(&key())));
    assert_eq!(family.find(&scope(), &ours.id).await.unwrap().as_ref(), Some(&ours));
    family.adopt(&scope(), &mount_targets_key(&key()), &ours).await.unwrap();
    state.lock().unwrap().file_systems[0]["Tags"] = json!([]);
    assert_eq!(family.survey(&scope()).await.unwrap(), []);
    let theirs = family.find(&scope(), FILE_SYSTEM).await.unwrap().unwrap();
    let refused = family.adopt(&scope(), &mount_targets_key(&key()), &theirs).await.unwrap_err();
    assert!(refused.class == Class::Fatal && refused.says("adopt `fs-1` instead"));
    assert_eq!(mutations(&script), Vec::<String>::new());
}

#[test]
fn another_file_system_has_other_mount_targets() {
    let effect = |field| MountTargetsSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!((effect("fileSystemId"), effect("subnetIds")), (Effect::Replace, Effect::Update));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../mount_targets.rs"),
        include_str!("../mount_targets/ensure.rs"),
        include_str!("../list.rs"),
    ];
    assert_actions::<MountTargets>(&code, &[]);
}
