//! The family against scripted responses.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Effect, Spec};
use serde_json::{Value, json};

use super::*;
use crate::scripted::scope;

const NAME: &str = "/headwater/dev/relay/refused";
const GROUP: &str = "/headwater/dev/relay";

fn key() -> Key {
    "relay/refused".parse().unwrap()
}

fn spec() -> MetricFilterSpec {
    MetricFilterSpec {
        log_group_name: GROUP.into(),
        filter_pattern: "{ $.level = \"ERROR\" }".into(),
        metric_namespace: "Headwater".into(),
        metric_name: "Refused".into(),
        metric_value: "1".into(),
        default_value: Some(0.0),
    }
}

fn filter(name: &str) -> Value {
    json!({"filterName": name, "logGroupName": GROUP, "filterPattern": spec().filter_pattern,
        "creationTime": 1_790_000_000_000_i64,
        "metricTransformations": [{"metricNamespace": "Headwater", "metricName": "Refused", "metricValue": "1",
            "defaultValue": 0}]})
}

async fn ensure(
    script: &Script,
    want: MetricFilterSpec,
    observed: Option<&Observed<MetricFilterSpec>>,
) -> Result<Observed<MetricFilterSpec>> {
    let desired = Desired { key: key(), name: Some(NAME.into()), spec: want };
    MetricFilters::new(&script.config()).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

fn aws() -> Script {
    Script::new(|request| match request.operation.as_str() {
        "DescribeMetricFilters" => Reply::json(200, json!({"metricFilters": [filter(NAME)]})),
        _ => Reply::json(200, json!({})),
    })
}

#[test]
fn a_name_holds_the_key_and_no_other_environments_name_reads_as_ours() {
    assert_eq!(metric_filter_name(&scope(), &key()), NAME);
    assert_eq!(metric_filter_key(&scope(), NAME), Some(key()));
    for other in ["/headwater/dev-2/relay/refused", "/headwater/dev/relay", "refused", "/headwater/dev/a/b/c"]
    {
        assert_eq!(metric_filter_key(&scope(), other), None, "{other}");
    }
}

#[tokio::test]
async fn a_survey_reads_every_page_in_one_listing_and_tells_ours_by_their_names() {
    let script = Script::new(|request| match request.json()["nextToken"].as_str() {
        None => Reply::json(200, json!({"metricFilters": [filter(NAME), filter("other")], "nextToken": "2"})),
        Some(_) => Reply::json(200, json!({"metricFilters": [filter("/headwater/dev/by-hand")]})),
    });
    let found = MetricFilters::new(&script.config()).survey(&scope()).await.unwrap();
    let owners: Vec<_> = found.iter().map(|filter| &filter.owner).collect();
    assert_eq!(owners, [&Owner::Us(key()), &Owner::Other("with a name that holds no key".into())]);
    assert_eq!(found[0].spec, spec());
    assert_eq!(found[0].id, "/headwater/dev/relay:/headwater/dev/relay/refused");
    assert_eq!(script.operations(), ["DescribeMetricFilters"; 2]);
    let (there, wanted) = (serde_json::to_value(&found[0].spec), serde_json::to_value(spec()));
    assert!(resource::diff(&there.unwrap(), &wanted.unwrap(), MetricFilterSpec::effect).is_empty());
}

#[tokio::test]
async fn one_call_makes_or_changes_a_filter_and_a_converged_one_gets_none() {
    type Change = fn(&mut MetricFilterSpec);
    let changes: [Change; 5] = [
        |spec| spec.filter_pattern = "ERROR".into(),
        |spec| spec.metric_namespace = "Else".into(),
        |spec| spec.metric_name = "Else".into(),
        |spec| spec.metric_value = "$.count".into(),
        |spec| spec.default_value = None,
    ];
    let script = aws();
    let made = ensure(&script, spec(), None).await.unwrap();
    let put = script.requests()[0].json();
    assert_eq!((&put["filterName"], &put["logGroupName"]), (&json!(NAME), &json!(GROUP)));
    assert_eq!(put["metricTransformations"][0]["metricValue"], "1");
    let found = MetricFilters::new(&script.config()).survey(&scope()).await.unwrap().remove(0);
    assert_eq!((&made.id, &made.spec, &made.owner), (&found.id, &found.spec, &found.owner));
    for change in changes {
        let mut want = spec();
        change(&mut want);
        let script = aws();
        assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
        assert_eq!(script.operations(), ["PutMetricFilter"]);
    }
    let converged = aws();
    ensure(&converged, spec(), Some(&found)).await.unwrap();
    assert!(converged.operations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_log_group_just_made_and_a_conflict_are_waited_out() {
    let mut replies = vec![
        Reply::json(200, json!({})),
        Reply::error(400, "OperationAbortedException", "conflicting operation"),
        Reply::error(400, "ResourceNotFoundException", "The specified log group does not exist."),
    ];
    let script = Script::new(move |_| replies.pop().unwrap());
    ensure(&script, spec(), None).await.unwrap();
    assert_eq!(script.operations().len(), 3);
}

#[tokio::test]
async fn a_filter_is_found_and_deleted_by_group_and_name_and_what_is_gone_is_deleted() {
    let script = Script::new(|request| match request.operation.as_str() {
        "DeleteMetricFilter" => Reply::error(400, "ResourceNotFoundException", "gone"),
        _ => Reply::json(200, json!({"metricFilters": [filter(NAME), filter("other")]})),
    });
    let family = MetricFilters::new(&script.config());
    let found = family.find(&scope(), NAME).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &found.id).await.unwrap().unwrap(), found);
    family.delete(&found, &Progress::silent()).await.unwrap();
    let delete = script.requests().pop().unwrap().json();
    assert_eq!(delete, json!({"logGroupName": GROUP, "filterName": NAME}));
    family.adopt(&scope(), &key(), &found).await.unwrap();
    let other = family.find(&scope(), "other").await.unwrap().unwrap();
    assert_eq!(family.adopt(&scope(), &key(), &other).await.unwrap_err().class, Class::Fatal);
}

#[test]
fn another_log_group_makes_another_filter() {
    let effect = |field| MetricFilterSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!((effect("logGroupName"), effect("filterPattern")), (Effect::Replace, Effect::Update));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<MetricFilters>(&[include_str!("../metric_filters.rs")], &[]);
}
