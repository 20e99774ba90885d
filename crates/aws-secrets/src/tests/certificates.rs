//! Certificates: made, renewed in time, copied to those who trust them, and never lost to a run that was killed.

use aws_env::scripted::{Reply, Script};
use resource::{Family, Observed, Progress};

use super::{NAME, certificate, cloud::Cloud, desired, first_day, late, scope, secrets, trust};
use crate::{Certificate, Content, SecretSpec, Secrets};

const BUNDLE: &str = "headwater/dev/trust";

async fn observe(family: &Secrets, name: &str) -> Observed<SecretSpec> {
    let seen = family.survey(&scope()).await.unwrap();
    seen.into_iter().find(|seen| seen.name.as_deref() == Some(name)).expect("seen")
}

async fn make(family: &Secrets, content: Content) -> Observed<SecretSpec> {
    let seen = family.survey(&scope()).await.unwrap();
    let seen = seen.into_iter().find(|seen| seen.name.as_deref() == Some(NAME));
    family.ensure(&scope(), &desired(content), seen.as_ref(), &Progress::silent()).await.unwrap()
}

async fn make_trust(family: &Secrets, version: &str) -> Observed<SecretSpec> {
    let seen = family.find(&scope(), BUNDLE).await.unwrap();
    let desired = resource::Desired {
        key: "stateful/trust".parse().unwrap(),
        name: Some(BUNDLE.to_owned()),
        ..desired(trust(version))
    };
    family.ensure(&scope(), &desired, seen.as_ref(), &Progress::silent()).await.unwrap()
}

fn puts(script: &Script) -> usize {
    script.operations().iter().filter(|operation| *operation == "PutSecretValue").count()
}

#[tokio::test(start_paused = true)]
async fn a_certificate_tells_its_end_and_its_key_is_in_nothing_but_the_value() {
    let (script, state) = Cloud::default().script();
    let family = secrets(&script);
    let made = make(&family, certificate()).await;
    assert_eq!(made.outputs["notAfter"], "2027-11-22T12:00:00Z");
    assert_eq!((made.pending.as_deref(), &made.spec.content), (None, &certificate()));
    let held = family.certificate(&made.id).await.unwrap();
    assert_eq!(held.previous_ca_certificate, None);
    assert!(held.private_key.contains("PRIVATE KEY"));
    let stored = state.lock().unwrap().secrets[NAME].clone();
    assert_eq!(stored.versions[0].1.matches("PRIVATE KEY").count(), 2, "the node's, and not the authority's");
    let shown = format!("{made:?} {held:?} {:?}", stored.tags);
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains(held.private_key.lines().nth(1).unwrap()));
    assert_eq!(stored.versions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_near_its_end_is_renewed_and_the_authority_before_is_kept() {
    let (script, _) = Cloud::default().script();
    let family = secrets(&script);
    let first = make(&family, certificate()).await;
    let before = family.certificate(NAME).await.unwrap();
    let family = family.with_clock(late);
    let due = observe(&family, NAME).await;
    assert_eq!((due.pending.as_deref(), &due.spec), (Some("ends in 12 days"), &first.spec));
    let renewed = make(&family, certificate()).await;
    let after = family.certificate(NAME).await.unwrap();
    assert_ne!(renewed.outputs["versionId"], first.outputs["versionId"]);
    assert_eq!(renewed.outputs["notAfter"], "2028-11-09T12:00:00Z");
    assert_eq!(after.previous_ca_certificate.as_ref(), Some(&before.ca_certificate));
    assert_ne!((&after.ca_certificate, &after.private_key), (&before.ca_certificate, &before.private_key));
    assert_eq!(make(&family, certificate()).await, renewed);
    assert_eq!(puts(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn other_names_or_days_make_a_new_certificate_and_another_time_of_renewal_does_not() {
    let Content::Certificate { names, valid_days, renew_when_days_left } = certificate() else {
        unreachable!()
    };
    let other = names.iter().cloned().chain(["10.0.0.1".to_owned()]).collect();
    for (content, made_anew) in [
        (Content::Certificate { names: other, valid_days, renew_when_days_left }, true),
        (Content::Certificate { names: names.clone(), valid_days: 90, renew_when_days_left }, true),
        (Content::Certificate { names, valid_days, renew_when_days_left: 60 }, false),
    ] {
        let (script, _) = Cloud::default().script();
        let family = secrets(&script);
        make(&family, certificate()).await;
        assert_eq!(make(&family, content.clone()).await.spec.content, content);
        assert_eq!(puts(&script), usize::from(made_anew));
    }
}

/// The run dies after the value is put and before the tags are: the next one finds the new value and keeps it.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_cut_short_is_finished_and_not_done_twice() {
    let (script, state) = Cloud::default().script();
    let family = secrets(&script);
    make(&family, certificate()).await;
    let before = family.certificate(NAME).await.unwrap();
    let family = family.with_clock(late);
    let due = observe(&family, NAME).await;
    state.lock().unwrap().faults =
        vec![("TagResource", Reply::error(403, "AccessDeniedException", "killed"))];
    family.ensure(&scope(), &desired(certificate()), Some(&due), &Progress::silent()).await.unwrap_err();
    let half = observe(&family, NAME).await;
    assert_eq!(half.pending.as_deref(), Some("has a value that its tags do not describe"));
    let done = make(&family, certificate()).await;
    assert_eq!((puts(&script), done.pending.as_deref()), (1, None));
    assert_eq!(done.outputs["notAfter"], "2028-11-09T12:00:00Z");
    let after = family.certificate(NAME).await.unwrap();
    assert_eq!(after.previous_ca_certificate, Some(before.ca_certificate));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_no_certificate_of_ours_is_not_written_over() {
    let (script, state) = Cloud::default().script();
    let family = secrets(&script);
    let made = make(&family, certificate()).await;
    let versions = vec![("theirs".to_owned(), "a value of somebody's own".to_owned())];
    state.lock().unwrap().secrets.get_mut(NAME).unwrap().versions = versions;
    let changed = observe(&family, NAME).await;
    assert!(changed.pending.is_some() && changed.spec == made.spec);
    let refused = family.ensure(&scope(), &desired(certificate()), Some(&changed), &Progress::silent()).await;
    let error = refused.unwrap_err();
    assert!(
        error.says("no certificate that Headwater made") && !format!("{error:?}").contains("somebody's own")
    );
    assert_eq!(puts(&script), 0);
}

#[tokio::test(start_paused = true)]
async fn those_who_trust_get_both_authorities_and_no_key_and_a_renewal_shows_as_a_change() {
    let (script, _) = Cloud::default().script();
    let family = secrets(&script);
    let first = make(&family, certificate()).await;
    let bundle = make_trust(&family, &first.outputs["versionId"]).await;
    let value = family.value(BUNDLE).await.unwrap();
    let one = family.certificate(NAME).await.unwrap();
    assert_eq!((value.expose().to_owned(), bundle.pending), (one.trust(), None));
    let family = family.with_clock(late);
    let second = make(&family, certificate()).await;
    let still = observe(&family, BUNDLE).await;
    assert_eq!(still.spec.content, trust(&first.outputs["versionId"]));
    let renewed = make_trust(&family, &second.outputs["versionId"]).await;
    assert_eq!(renewed.spec.content, trust(&second.outputs["versionId"]));
    let value = family.value(BUNDLE).await.unwrap();
    assert_eq!(value.expose().matches("BEGIN CERTIFICATE").count(), 2);
    assert!(value.expose().contains(one.ca_certificate.trim()) && !value.expose().contains("PRIVATE KEY"));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_cut_short_is_finished_and_a_version_that_is_not_known_yet_is_waited_for() {
    let (script, state) = Cloud::default().script();
    let family = secrets(&script);
    let first = make(&family, certificate()).await;
    make_trust(&family, &first.outputs["versionId"]).await;
    let family = family.with_clock(late);
    let second = make(&family, certificate()).await;
    // The copy of the second version is there, and its tags are not.
    let bundle = family.certificate(NAME).await.unwrap().trust();
    state.lock().unwrap().secrets.get_mut(BUNDLE).unwrap().versions.push(("copied".to_owned(), bundle));
    state.lock().unwrap().faults = vec![("GetSecretValue", super::cloud::not_there())];
    let puts_before = puts(&script);
    let done = make_trust(&family, &second.outputs["versionId"]).await;
    assert_eq!((done.pending, done.outputs["versionId"].as_str()), (None, "copied"));
    assert_eq!(puts(&script), puts_before);
}

#[test]
fn a_certificate_reads_back_as_it_was_written() {
    let Content::Certificate { names, valid_days, .. } = certificate() else { unreachable!() };
    let made = Certificate::issue(&names, valid_days, first_day(), Some("before".to_owned())).unwrap();
    assert_eq!(Certificate::read(&made.write().unwrap()).unwrap(), made);
    let mut fields: Vec<_> =
        serde_json::to_value(&made).unwrap().as_object().unwrap().keys().cloned().collect();
    fields.sort();
    let expected =
        ["caCertificate", "certificate", "names", "notAfter", "previousCaCertificate", "privateKey"];
    assert_eq!(fields[..6], expected);
}
