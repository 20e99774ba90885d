//! Services: made in a namespace, changed, and deleted with what is left in them.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Effect, Family, Observed, Owner, Progress, Result, Scope, Spec, diff};
use serde_json::{Value, json};

use super::{
    cloud::{Cloud, arn, error},
    scope, service, service_key,
};
use crate::{ServiceSpec, Services};

async fn ensure(script: &Script, observed: Option<&Observed<ServiceSpec>>) -> Result<Observed<ServiceSpec>> {
    let family = Services::new(&script.config());
    family.ensure(&scope(), &service(), observed, &Progress::silent()).await
}

fn count(script: &Script, operation: &str) -> usize {
    script.operations().iter().filter(|one| *one == operation).count()
}

#[tokio::test(start_paused = true)]
async fn a_service_is_created_in_one_call_and_reads_back_as_desired() {
    let (script, state) = Cloud::default().script();
    state.lock().unwrap().faults = vec![
        ("CreateService", error("NamespaceNotFound")),
        ("ListTagsForResource", error("ResourceNotFoundException")),
    ];
    let made = ensure(&script, None).await.unwrap();
    assert_eq!((&made.spec, &made.owner), (&service().spec, &Owner::Us(service_key())));
    assert_eq!((made.id.as_str(), made.outputs["arn"].as_str()), ("srv-1", arn("service/srv-1").as_str()));
    let request = script.requests()[1].json();
    let dns = json!({"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]});
    assert_eq!((&request["DnsConfig"], &request["NamespaceId"]), (&dns, &json!("ns-1")));
    assert_eq!(request["HealthCheckCustomConfig"], json!({"FailureThreshold": 1}));
    assert_eq!(request["Tags"].as_array().unwrap().len(), 3);
    let seen = Services::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen, [made]);
    let before = script.operations().len();
    ensure(&script, Some(&seen[0])).await.unwrap();
    assert_eq!(script.operations().len(), before, "as desired, and not touched");
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_made_is_taken_and_what_somebody_else_made_is_not() {
    let (script, state) = Cloud::default().script();
    ensure(&script, None).await.unwrap();
    assert_eq!(ensure(&script, None).await.unwrap().spec, service().spec);
    let tags = vec![json!({"Key": "Name", "Value": "billing"})];
    state.lock().unwrap().tags.insert(arn("service/srv-1"), tags);
    let error = ensure(&script, None).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(error.says("a service `eventstore` is there already, tagged Name=billing"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drifted_description_or_ttl_is_put_back_by_one_call() {
    let fields: [(&str, Value); 2] = [
        ("Description", json!("Drifted.")),
        ("DnsConfig", json!({"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 300}]})),
    ];
    for (member, drifted) in fields {
        let (script, state) = Cloud::default().script();
        ensure(&script, None).await.unwrap();
        state.lock().unwrap().services.get_mut("srv-1").unwrap()[member] = drifted;
        let seen = Services::new(&script.config()).survey(&scope()).await.unwrap().remove(0);
        assert_ne!(seen.spec, service().spec);
        assert_eq!(ensure(&script, Some(&seen)).await.unwrap().spec, service().spec);
        assert_eq!(count(&script, "UpdateService"), 1, "{member}");
    }
}

#[test]
fn what_an_update_cannot_change_is_replaced() {
    let spec = serde_json::to_value(service().spec).unwrap();
    let effect = |field: &str, to: Value| {
        let mut other = spec.clone();
        *other.pointer_mut(field).unwrap() = to;
        diff(&spec, &other, ServiceSpec::effect).remove(0).effect
    };
    for (field, to) in [
        ("/namespaceId", json!("ns-2")),
        ("/routingPolicy", json!("WEIGHTED")),
        ("/healthCheckCustom", json!(false)),
        ("/dnsRecordTtlSeconds", json!({"A": 10, "AAAA": 10})),
    ] {
        assert_eq!(effect(field, to), Effect::Replace, "{field}");
    }
    for (field, to) in [
        ("/description", json!("Another.")),
        ("/dnsRecordTtlSeconds/A", json!(60)),
        ("/dnsRecordTtlSeconds", json!({})),
    ] {
        assert_eq!(effect(field, to), Effect::Update, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_survey_shows_ours_alone_and_describes_no_others() {
    let mut cloud = Cloud::default();
    let tags = |environment: &str| {
        let scope = Scope { environment: environment.to_owned(), ..scope() };
        let tags = scope.tags(&service_key()).into_iter();
        tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>()
    };
    for (id, environment) in [("srv-1", "dev"), ("srv-2", "dev-2"), ("srv-3", "dev")] {
        cloud.add_service(id, &json!({"Name": "eventstore", "NamespaceId": id, "Tags": tags(environment)}));
    }
    cloud.tags.remove(&arn("service/srv-3"));
    let (script, state) = cloud.script();
    let family = Services::new(&script.config());
    let seen = family.survey(&scope()).await.unwrap();
    assert_eq!(seen.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["srv-1"]);
    assert_eq!(count(&script, "GetService"), 1);
    for id in ["srv-2", &arn("service/srv-2")] {
        let theirs = family.find(&scope(), id).await.unwrap().expect("found");
        assert!(matches!(theirs.owner, Owner::Other(_)));
    }
    assert_eq!(family.find(&scope(), "arn:aws:servicediscovery:x:2:service/srv-2").await.unwrap(), None);
    let theirs = family.find(&scope(), "srv-2").await.unwrap().expect("found");
    state.lock().unwrap().tags.insert(arn("service/srv-2"), Vec::new());
    family.adopt(&scope(), &service_key(), &theirs).await.unwrap();
    assert_eq!(family.survey(&scope()).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_deleted_with_the_instances_that_are_left_in_it() {
    let (script, state) = Cloud::default().script();
    let made = ensure(&script, None).await.unwrap();
    let instances = ["task-1", "task-2"].map(|id| (id.to_owned(), json!({}))).into();
    state.lock().unwrap().instances.insert("srv-1".into(), instances);
    // One of them left by itself a moment ago.
    state.lock().unwrap().faults = vec![("DeregisterInstance", error("InstanceNotFound"))];
    let family = Services::new(&script.config());
    family.delete(&made, &Progress::silent()).await.unwrap();
    assert!(state.lock().unwrap().services.is_empty());
    family.delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn instances_that_never_leave_are_waited_for_with_a_bound() {
    let (script, state) = Cloud::default().script();
    let made = ensure(&script, None).await.unwrap();
    state.lock().unwrap().faults = (0..10_000).map(|_| ("DeleteService", error("ResourceInUse"))).collect();
    let begun = tokio::time::Instant::now();
    let family = Services::new(&script.config());
    let late = family.delete(&made, &Progress::silent()).await.unwrap_err();
    assert!(late.says("ResourceInUse"));
    assert!((150..=300).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    state.lock().unwrap().faults = vec![("DeleteService", Reply::error(403, "AccessDeniedException", "no"))];
    assert_eq!(family.delete(&made, &Progress::silent()).await.unwrap_err().class, Class::Denied);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../services.rs"),
        include_str!("../services/ensure.rs"),
        include_str!("../operation.rs"),
    ];
    assert_actions::<Services>(&code, &[]);
}
