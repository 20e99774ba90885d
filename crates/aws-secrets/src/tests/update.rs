//! Changing what differs.

use resource::{Effect, Family, Observed, Progress, Spec, diff};
use serde_json::{Value, json};

use super::{NAME, certificate, cloud::Cloud, desired, password, scope, secrets, spec, trust};
use crate::{Content, SecretSpec};

fn effects(from: &SecretSpec, to: &SecretSpec) -> Vec<(String, Effect)> {
    let value = |spec: &SecretSpec| serde_json::to_value(spec).unwrap();
    let changes = diff(&value(from), &value(to), SecretSpec::effect);
    changes.into_iter().map(|change| (change.field, change.effect)).collect()
}

#[test]
fn every_content_reads_back_from_json_and_one_is_not_changed_into_another() {
    let contents = [password(), certificate(), trust("v1"), Content::Other];
    for content in &contents {
        let written = serde_json::to_value(spec(content.clone())).unwrap();
        assert_eq!(serde_json::from_value::<SecretSpec>(written).unwrap(), spec(content.clone()));
    }
    let replaced = effects(&spec(password()), &spec(certificate()));
    assert!(
        replaced.len() == 2 && replaced.iter().all(|(_, effect)| *effect == Effect::Replace),
        "{replaced:?}"
    );
    let adopted = effects(&spec(Content::Other), &spec(password()));
    assert_eq!(adopted, [("content".to_owned(), Effect::Update)]);
    let longer = effects(&spec(password()), &spec(Content::Password { length: 64 }));
    assert!(matches!(longer[0].1, Effect::Refuse(_)));
    let renewed = effects(&spec(trust("v1")), &spec(trust("v2")));
    assert_eq!(renewed, [("content.trust.version".to_owned(), Effect::Update)]);
    let unknown = json!({"description": "", "content": {"password": {"length": 32, "value": "x"}}});
    assert!(serde_json::from_value::<SecretSpec>(unknown).is_err());
}

/// The calls, but for those that read, that bring a password from one spec to another, and what is there then.
async fn update(from: SecretSpec, to: SecretSpec) -> (Vec<(String, Value)>, Observed<SecretSpec>) {
    let (script, _) = Cloud::default().script();
    let family = secrets(&script);
    let desired = |spec: SecretSpec| resource::Desired { spec, ..desired(password()) };
    let silent = Progress::silent();
    let made = family.ensure(&scope(), &desired(from), None, &silent).await.unwrap();
    let before = script.requests().len();
    let there = family.ensure(&scope(), &desired(to), Some(&made), &silent).await.unwrap();
    let calls = script.requests().split_off(before).into_iter();
    let calls = calls.filter(|call| call.operation != "DescribeSecret");
    (calls.map(|call| (call.operation.clone(), call.json())).collect(), there)
}

#[tokio::test(start_paused = true)]
async fn each_field_is_changed_by_one_call_and_none_that_is_as_desired_by_any() {
    let plain = spec(password());
    let other_key = SecretSpec { kms_key_id: Some("arn:aws:kms:eu-west-1:1:key/1".into()), ..plain.clone() };
    let described = SecretSpec { description: "Another.".to_owned(), ..plain.clone() };
    let (calls, there) = update(plain.clone(), plain.clone()).await;
    assert!(calls.is_empty() && there.spec == plain);
    for (from, to, member, sent) in [
        (&plain, &described, "Description", "Another."),
        (&plain, &other_key, "KmsKeyId", "arn:aws:kms:eu-west-1:1:key/1"),
        (&other_key, &plain, "KmsKeyId", ""),
    ] {
        let (calls, there) = update(from.clone(), to.clone()).await;
        assert_eq!(there.spec, *to);
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].0.as_str(), &calls[0].1[member]), ("UpdateSecret", &json!(sent)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_adopted_keeps_its_value_and_gets_its_tags() {
    let (script, state) = Cloud::default().script();
    let family = secrets(&script);
    let stored = super::cloud::Stored {
        versions: vec![("v1".to_owned(), "theirs".to_owned())],
        description: Some("A test's secret.".to_owned()),
        ..Default::default()
    };
    state.lock().unwrap().secrets.insert(NAME.into(), stored);
    let theirs = family.find(&scope(), NAME).await.unwrap().expect("found");
    assert_eq!(theirs.spec.content, Content::Other);
    family.adopt(&scope(), &super::key(), &theirs).await.unwrap();
    let ours = family.find(&scope(), &theirs.id).await.unwrap().expect("found");
    let made = family.ensure(&scope(), &desired(password()), Some(&ours), &Progress::silent()).await.unwrap();
    assert_eq!(made.spec, spec(password()));
    assert_eq!(state.lock().unwrap().secrets[NAME].versions[0].1, "theirs");
}
