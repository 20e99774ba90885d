//! Creating, and the names that are taken.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Script};
use resource::{Class, Error, Family, Observed, Owner, Progress, Result};

use super::{
    NAME,
    cloud::{Cloud, Stored, leaving, not_there},
    desired, key, password, scope, secrets, spec,
};
use crate::{Content, DeletePolicy, SecretSpec, Secrets};

async fn create(script: &Script, content: Content) -> Result<Observed<SecretSpec>> {
    secrets(script).ensure(&scope(), &desired(content), None, &Progress::silent()).await
}

/// A cloud with the password that an earlier run left, deleted or not.
fn left(deleted: bool, tags: impl IntoIterator<Item = (String, String)>) -> (Script, Arc<Mutex<Cloud>>) {
    let mut cloud = Cloud::default();
    let versions = vec![("v1".to_owned(), "the first password".to_owned())];
    let tags = tags.into_iter().collect();
    cloud.secrets.insert(NAME.into(), Stored { tags, versions, deleted, ..Stored::default() });
    cloud.script()
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_created_in_one_call_with_value_and_tags() {
    let (script, state) = Cloud::default().script();
    let made = create(&script, password()).await.unwrap();
    assert_eq!((&made.spec, &made.owner, &made.pending), (&spec(password()), &Owner::Us(key()), &None));
    assert_eq!(script.operations(), ["CreateSecret", "DescribeSecret"]);
    let value = state.lock().unwrap().secrets[NAME].versions[0].1.clone();
    assert!(value.len() == 32 && value.chars().all(|c| c.is_ascii_alphanumeric()));
    assert!(!format!("{made:?}").contains(&value));
    assert_eq!(made.outputs["arn"], made.id);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_comes_under_another_version_than_its_token_is_told_of_in_the_tags() {
    for content in [super::certificate(), password()] {
        let (script, _) = Cloud { own_version_ids: true, ..Cloud::default() }.script();
        let made = create(&script, content.clone()).await.unwrap();
        assert_eq!((made.spec.content, made.pending), (content, None));
        assert_eq!(made.outputs["versionId"], "made-up");
        assert!(!script.operations().contains(&"PutSecretValue".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_scheduled_for_deletion_is_restored_with_its_value() {
    let (script, state) = left(true, scope().tags(&key()));
    let made = create(&script, password()).await.unwrap();
    assert_eq!(made.spec, spec(password()));
    assert_eq!(state.lock().unwrap().secrets[NAME].versions[0].1, "the first password");
    assert!(script.operations().contains(&"RestoreSecret".to_owned()));
    assert!(!script.operations().contains(&"PutSecretValue".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn where_environments_are_thrown_away_the_name_is_freed_and_waited_for() {
    let (script, state) = left(true, scope().tags(&key()));
    let family = Secrets::new(&script.config(), DeletePolicy::Force);
    state.lock().unwrap().faults = vec![("CreateSecret", leaving()), ("DescribeSecret", not_there())];
    let made = family.ensure(&scope(), &desired(password()), None, &Progress::silent()).await.unwrap();
    assert_eq!(made.spec, spec(password()));
    assert_ne!(state.lock().unwrap().secrets[NAME].versions[0].1, "the first password");
    let creations = script.operations().iter().filter(|operation| *operation == "CreateSecret").count();
    assert_eq!(creations, 3, "one fault, one that finds the secret, one that makes it");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_get_free_is_given_up_in_time() {
    let (script, state) = Cloud::default().script();
    state.lock().unwrap().faults = (0..1000).map(|_| ("CreateSecret", leaving())).collect();
    let begun = tokio::time::Instant::now();
    let error = create(&script, password()).await.unwrap_err();
    assert!(error.class == Class::RetryLater && error.says("scheduled for deletion"), "{error:?}");
    assert!((60..=120).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_secret_is_left_alone_deleted_or_not() {
    for deleted in [false, true] {
        let (script, _) = left(deleted, [("Name".to_owned(), "billing".to_owned())]);
        let error = create(&script, password()).await.unwrap_err();
        assert_eq!(error.class, Class::AlreadyExists);
        assert!(error.says("a secret `headwater/dev/certificate` is there already, tagged Name=billing"));
        assert_eq!(script.operations(), ["CreateSecret", "DescribeSecret"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_listing_left_out_is_taken_as_it_is() {
    let (script, state) = left(false, scope().tags(&key()));
    let made = create(&script, password()).await.unwrap();
    assert_eq!(made.spec, spec(password()));
    assert_eq!(state.lock().unwrap().secrets[NAME].versions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_a_value_is_filled_once() {
    let (script, state) = left(false, scope().tags(&key()));
    state.lock().unwrap().secrets.get_mut(NAME).unwrap().versions.clear();
    let family = secrets(&script);
    let seen = family.survey(&scope()).await.unwrap().remove(0);
    assert_eq!(seen.pending.as_deref(), Some("has no value"));
    for _ in 0..2 {
        family.ensure(&scope(), &desired(password()), Some(&seen), &Progress::silent()).await.unwrap();
    }
    assert_eq!(state.lock().unwrap().secrets[NAME].versions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_secret_that_is_not_seen_yet_is_waited_for() {
    let (script, state) = Cloud::default().script();
    state.lock().unwrap().faults = vec![("DescribeSecret", not_there()), ("DescribeSecret", not_there())];
    assert_eq!(create(&script, password()).await.unwrap().owner, Owner::Us(key()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_is_refused_without_a_call() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = |of: &[&str], valid_days| Content::Certificate {
        names: names(of),
        valid_days,
        renew_when_days_left: 30,
    };
    let long = format!("{}.internal", "a".repeat(250));
    let refused = [
        Content::Other,
        Content::Password { length: 8 },
        certificate(&[], 365),
        certificate(&["*.internal"], 365),
        certificate(&[&long], 365),
        certificate(&["localhost"], 30),
    ];
    let (script, _) = Cloud::default().script();
    for content in refused {
        let error = create(&script, content).await.unwrap_err();
        assert_eq!(error.class, Class::Fatal);
    }
    assert!(script.operations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_error_tells_a_value() {
    let (script, state) = left(false, scope().tags(&key()));
    let error: Error = secrets(&script).certificate(NAME).await.unwrap_err();
    assert!(!format!("{error:?}").contains("the first password"));
    assert!(error.says("no certificate that Headwater made"));
    state.lock().unwrap().faults = vec![("GetSecretValue", Reply::error(403, "AccessDeniedException", "no"))];
    assert_eq!(secrets(&script).value(NAME).await.unwrap_err().class, Class::Denied);
    let value = secrets(&script).value(NAME).await.unwrap();
    assert_eq!((value.expose(), format!("{value:?}").as_str()), ("the first password", "SecretText(…)"));
}
