//! Namespaces: made, changed and deleted by operations that end later than their calls.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Effect, Family, Observed, Owner, Progress, Result, Spec, diff};
use serde_json::json;

use super::{
    cloud::{Cloud, arn, error, operation},
    namespace, namespace_key, scope,
};
use crate::{NamespaceSpec, Namespaces};

const NAME: &str = "headwater-dev.internal";

async fn ensure(
    script: &Script,
    observed: Option<&Observed<NamespaceSpec>>,
) -> Result<Observed<NamespaceSpec>> {
    let family = Namespaces::new(&script.config());
    family.ensure(&scope(), &namespace(), observed, &Progress::silent()).await
}

fn count(script: &Script, operation: &str) -> usize {
    script.operations().iter().filter(|one| *one == operation).count()
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_created_with_its_tags_and_its_operation_is_waited_for() {
    let (script, state) = Cloud::default().script();
    state.lock().unwrap().faults = vec![
        ("GetOperation", error("OperationNotFound")),
        ("GetOperation", operation("SUBMITTED")),
        ("GetOperation", operation("PENDING")),
        ("ListNamespaces", Reply::json(200, json!({}))),
    ];
    let made = ensure(&script, None).await.unwrap();
    assert_eq!((&made.spec, made.owner), (&namespace().spec, Owner::Us(namespace_key())));
    assert_eq!((made.id.as_str(), made.name.as_deref()), ("ns-1", Some(NAME)));
    assert_eq!(made.outputs["arn"], arn("namespace/ns-1"));
    assert_eq!(made.outputs["hostedZoneId"], "Z1");
    let request = script.requests()[0].json();
    assert_eq!((&request["Name"], &request["Vpc"]), (&json!(NAME), &json!("vpc-1")));
    assert_eq!(request["Tags"].as_array().unwrap().len(), 4);
    let seen = Namespaces::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen[0].spec, namespace().spec);
    let before = script.operations().len();
    ensure(&script, Some(&seen[0])).await.unwrap();
    assert_eq!(script.operations().len(), before, "as desired, and not touched");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_fails_is_told_in_cloud_maps_words() {
    let (script, state) = Cloud::default().script();
    state.lock().unwrap().faults = vec![("GetOperation", operation("FAIL"))];
    let error = ensure(&script, None).await.unwrap_err();
    assert_eq!((error.class, error.operation), (Class::Fatal, "servicediscovery:CreatePrivateDnsNamespace"));
    assert!(error.says("ACCESS_DENIED: You may not make a zone."), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn another_operation_that_runs_is_waited_out() {
    let (script, state) = Cloud::default().script();
    let running = || ("CreatePrivateDnsNamespace", error("DuplicateRequest"));
    state.lock().unwrap().faults = vec![running(), running(), ("CreatePrivateDnsNamespace", Reply::reset())];
    ensure(&script, None).await.unwrap();
    assert_eq!(count(&script, "CreatePrivateDnsNamespace"), 4);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_made_is_taken_and_what_somebody_else_made_is_not() {
    let (script, _) = Cloud::default().script();
    ensure(&script, None).await.unwrap();
    assert_eq!(ensure(&script, None).await.unwrap().spec, namespace().spec);
    assert_eq!(count(&script, "CreatePrivateDnsNamespace"), 2);

    let mut cloud = Cloud::default();
    cloud.add_namespace("ns-2", &json!({"Name": NAME, "Tags": [{"Key": "Name", "Value": "billing"}]}));
    let (script, _) = cloud.script();
    let error = ensure(&script, None).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(error.says("a namespace `headwater-dev.internal` is there already, tagged Name=billing"));
}

#[tokio::test(start_paused = true)]
async fn the_description_is_changed_in_place_and_the_vpc_is_not() {
    let (script, state) = Cloud::default().script();
    ensure(&script, None).await.unwrap();
    state.lock().unwrap().namespaces.get_mut("ns-1").unwrap()["Description"] = json!("Drifted.");
    let family = Namespaces::new(&script.config());
    let seen = family.survey(&scope()).await.unwrap().remove(0);
    assert_eq!(seen.spec.description.as_deref(), Some("Drifted."));
    assert_eq!(ensure(&script, Some(&seen)).await.unwrap().spec, namespace().spec);
    assert_eq!((count(&script, "UpdatePrivateDnsNamespace"), count(&script, "TagResource")), (1, 0));

    let value = |vpc: &str| json!({"vpc": vpc});
    let effect = |from: &str| diff(&value(from), &value("vpc-2"), NamespaceSpec::effect).remove(0).effect;
    assert_eq!((effect("vpc-1"), effect("")), (Effect::Replace, Effect::Update));
}

#[tokio::test(start_paused = true)]
async fn an_adopted_namespace_is_ours_and_gets_the_tag_of_its_vpc() {
    let mut cloud = Cloud::default();
    cloud.add_namespace("ns-2", &json!({"Name": NAME, "Description": "Names."}));
    let (script, _) = cloud.script();
    let family = Namespaces::new(&script.config());
    for id in ["ns-2", NAME, &arn("namespace/ns-2")] {
        assert_eq!(family.find(&scope(), id).await.unwrap().expect("found").id, "ns-2", "{id}");
    }
    assert_eq!(family.find(&scope(), "ns-3").await.unwrap(), None);
    let theirs = family.survey(&scope()).await.unwrap().remove(0);
    family.adopt(&scope(), &namespace_key(), &theirs).await.unwrap();
    let ours = family.survey(&scope()).await.unwrap().remove(0);
    assert_eq!((&ours.owner, ours.spec.vpc.as_str()), (&Owner::Us(namespace_key()), ""));
    assert_eq!(ensure(&script, Some(&ours)).await.unwrap().spec, namespace().spec);
    assert_eq!(count(&script, "UpdatePrivateDnsNamespace"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_survey_shows_what_is_ours_or_has_our_name_and_nothing_that_is_gone() {
    let mut cloud = Cloud::default();
    let tags = |environment: &str| {
        let scope = resource::Scope { environment: environment.to_owned(), ..scope() };
        let tags = scope.tags(&namespace_key()).into_iter();
        tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>()
    };
    cloud.add_namespace("ns-1", &json!({"Name": "adopted.internal", "Tags": tags("dev")}));
    cloud.add_namespace("ns-2", &json!({"Name": NAME}));
    cloud.add_namespace("ns-3", &json!({"Name": "headwater-dev-2.internal", "Tags": tags("dev-2")}));
    cloud.add_namespace("ns-4", &json!({"Name": NAME, "Tags": tags("dev")}));
    cloud.add_namespace("ns-5", &json!({"Name": NAME, "Tags": tags("dev")}));
    cloud.namespaces.get_mut("ns-4").unwrap()["Type"] = json!("HTTP");
    cloud.tags.remove(&arn("namespace/ns-5"));
    let (script, _) = cloud.script();
    let seen = Namespaces::new(&script.config()).survey(&scope()).await.unwrap();
    let ids: Vec<_> = seen.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["ns-1", "ns-2"]);
    let filter = json!([{"Name": "TYPE", "Values": ["DNS_PRIVATE"], "Condition": "EQ"}]);
    assert_eq!(script.requests()[0].json()["Filters"], filter);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_deleted_once_its_services_are_gone_and_one_that_is_gone_is_no_error() {
    let (script, state) = Cloud::default().script();
    let made = ensure(&script, None).await.unwrap();
    let family = Namespaces::new(&script.config());
    let silent = Progress::silent();
    state.lock().unwrap().faults =
        vec![("DeleteNamespace", error("ResourceInUse")), ("DeleteNamespace", error("DuplicateRequest"))];
    family.delete(&made, &silent).await.unwrap();
    assert_eq!(count(&script, "DeleteNamespace"), 3);
    family.delete(&made, &silent).await.unwrap();
    state.lock().unwrap().add_namespace("ns-1", &json!({"Name": NAME}));
    state.lock().unwrap().faults = vec![("GetOperation", operation("FAIL"))];
    assert!(family.delete(&made, &silent).await.unwrap_err().says("ACCESS_DENIED"));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../namespaces.rs"),
        include_str!("../namespaces/ensure.rs"),
        include_str!("../operation.rs"),
    ];
    assert_actions::<Namespaces>(&code, &[]);
}
