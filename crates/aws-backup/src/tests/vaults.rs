//! Vaults.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Key, Observed, Owner, Progress, Result, Spec};
use serde_json::{Value, json};

use super::{
    cloud::{Backup, mutations},
    scope,
};
use crate::{Vault, VaultSpec, Vaults};

const NAME: &str = "headwater-dev-backup";
const CREATE: &str = "PUT /backup-vaults/headwater-dev-backup";
const DELETE: &str = "DELETE /backup-vaults/headwater-dev-backup";

fn key() -> Key {
    "stateful/backup-vault".parse().unwrap()
}

fn own_key() -> VaultSpec {
    VaultSpec { encryption_key_arn: Some("arn:aws:kms:eu-west-1:111111111111:key/ours".into()) }
}

async fn ensure(script: &Script, spec: VaultSpec) -> Result<Observed<VaultSpec>> {
    let family = Vaults::new(&script.config());
    let seen = family.survey(&scope()).await?;
    let desired = Desired { key: key(), name: Some(NAME.to_owned()), spec };
    let seen = seen.iter().find(|vault| vault.owner == Owner::Us(key()));
    family.ensure(&scope(), &desired, seen, &Progress::silent()).await
}

#[tokio::test(start_paused = true)]
async fn a_vault_is_made_in_one_call_with_its_tags_and_reads_back_as_desired_with_either_key() {
    for spec in [VaultSpec::default(), own_key()] {
        let (script, _) = Backup::default().script();
        let made = ensure(&script, spec.clone()).await.unwrap();
        assert_eq!(
            (made.spec, made.owner, made.name.as_deref()),
            (spec.clone(), Owner::Us(key()), Some(NAME))
        );
        assert_eq!(made.outputs["arn"], Vault::new(&scope(), "backup").arn());
        ensure(&script, spec.clone()).await.unwrap();
        assert_eq!(mutations(&script), [CREATE]);
        let mut create =
            script.requests().into_iter().find(|request| request.operation == CREATE).unwrap().json();
        // The SDK makes a request id of its own.
        assert!(create.as_object_mut().unwrap().remove("CreatorRequestId").is_some());
        insta::assert_json_snapshot!(create);
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_an_earlier_run_made_is_taken_and_somebody_elses_is_not() {
    let (script, state) = Backup::default().script();
    ensure(&script, VaultSpec::default()).await.unwrap();
    state.lock().unwrap().faults = vec![("GET /backup-vaults", Reply::json(200, json!({})))];
    assert_eq!(ensure(&script, VaultSpec::default()).await.unwrap().owner, Owner::Us(key()));
    state.lock().unwrap().tags.values_mut().for_each(|tags| *tags = json!({"Name": "billing"}));
    let error = ensure(&script, VaultSpec::default()).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(error.says("a backup vault `headwater-dev-backup` is there already, tagged Name=billing"));
}

#[tokio::test(start_paused = true)]
async fn a_vault_with_recovery_points_says_what_to_do_and_stays() {
    let full = "Backup vault cannot be deleted as it contains recovery points.";
    let (script, state) = Backup::default().script();
    let made = ensure(&script, VaultSpec::default()).await.unwrap();
    state.lock().unwrap().faults = vec![(DELETE, Reply::error(400, "InvalidRequestException", full))];
    let error = Vaults::new(&script.config()).delete(&made, &Progress::silent()).await.unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.source));
}

#[tokio::test(start_paused = true)]
async fn a_vault_is_deleted_and_waited_for_and_what_is_gone_already_is_no_error() {
    let (script, state) = Backup::default().script();
    let made = ensure(&script, VaultSpec::default()).await.unwrap();
    let family = Vaults::new(&script.config());
    let still = Reply::json(200, json!({"BackupVaultList": [{"BackupVaultName": NAME}]}));
    state.lock().unwrap().faults = vec![("GET /backup-vaults", still)];
    family.delete(&made, &Progress::silent()).await.unwrap();
    assert!(state.lock().unwrap().vaults.is_empty());
    family.delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_survey_reads_every_page_and_leaves_the_automatic_vault_alone() {
    let vault = |name: &str| json!({"BackupVaultName": name, "EncryptionKeyArn": "k"});
    let pages = [
        json!({"BackupVaultList": [vault("aws/efs/automatic-backup-vault"), vault(NAME)], "NextToken": "2"}),
        json!({"BackupVaultList": [vault("Default"), vault("headwater-dev-other")]}),
    ];
    let script = Script::new(move |request| match request.operation.starts_with("GET /backup-vaults") {
        true => Reply::json(200, pages[usize::from(request.query.contains("nextToken"))].clone()),
        false => Reply::json(200, json!({"Tags": {}})),
    });
    let seen = Vaults::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen.iter().map(|vault| vault.id.as_str()).collect::<Vec<_>>(), [NAME, "headwater-dev-other"]);
    assert_eq!(script.operations().len(), 2 + 2);
}

#[tokio::test]
async fn a_vault_is_found_by_name_or_arn_and_adopted_by_its_tags() {
    let (script, state) = Backup::default().script();
    ensure(&script, own_key()).await.unwrap();
    state.lock().unwrap().tags.values_mut().for_each(|tags| *tags = json!({}));
    let family = Vaults::new(&script.config());
    let theirs = family.find(&scope(), NAME).await.unwrap().unwrap();
    assert!(matches!(theirs.owner, Owner::Other(_)));
    family.adopt(&scope(), &key(), &theirs).await.unwrap();
    let ours = family.find(&scope(), &theirs.outputs["arn"]).await.unwrap().unwrap();
    assert_eq!(ours.owner, Owner::Us(key()));
    assert_eq!(family.find(&scope(), "other").await.unwrap(), None);
}

#[test]
fn another_key_makes_another_vault() {
    assert_eq!(VaultSpec::effect("encryptionKeyArn", &Value::Null, &Value::Null), Effect::Replace);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<Vaults>(&[include_str!("../vaults.rs"), include_str!("../tags.rs")], &[]);
}
