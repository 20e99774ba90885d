//! The family against scripted responses.

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use resource::Spec;
use serde_json::{Value, json};

use super::*;
use crate::{
    MetricFilterSpec,
    scripted::{cloudwatch, scope, told_tags},
};

const NAME: &str = "headwater-dev-ingest-errors";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:headwater-dev-alarms";

fn key() -> Key {
    "ingest/errors".parse().unwrap()
}

fn spec() -> AlarmSpec {
    AlarmSpec { threshold: 10.0, ..function_errors("headwater-dev-ingest").notify(TOPIC) }
}

/// The alarm as CloudWatch tells it.
fn alarm(name: &str, spec: &AlarmSpec) -> Value {
    let dimensions = spec.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value}));
    let mut told = json!({
        "AlarmName": name,
        "AlarmArn": alarm::arn(&scope(), name),
        "AlarmDescription": spec.description,
        "AlarmConfigurationUpdatedTimestamp": 1_790_000_000,
        "ActionsEnabled": true,
        "Namespace": spec.namespace,
        "MetricName": spec.metric_name,
        "Dimensions": dimensions.collect::<Vec<_>>(),
        "Period": spec.period_seconds,
        "EvaluationPeriods": spec.evaluation_periods,
        "DatapointsToAlarm": spec.datapoints_to_alarm,
        "Threshold": spec.threshold,
        "ComparisonOperator": spec.comparison_operator,
        "TreatMissingData": spec.treat_missing_data,
        "AlarmActions": spec.alarm_actions,
        "OKActions": spec.ok_actions,
        "InsufficientDataActions": [],
        "StateValue": "OK",
    });
    let extended = matches!(spec.statistic, Statistic::Extended(_));
    told[if extended { "ExtendedStatistic" } else { "Statistic" }] = json!(spec.statistic);
    told
}

/// CloudWatch with one alarm that is `spec`.
fn aws(spec: AlarmSpec, mut answer: impl FnMut(&Request) -> Option<Reply> + Send + 'static) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "DescribeAlarms" => Reply::json(200, json!({"MetricAlarms": [alarm(NAME, &spec)]})),
        "ListTagsForResource" => told_tags(key().as_str()),
        _ => answer(request).unwrap_or_else(|| Reply::json(200, json!({}))),
    })
}

async fn observed(spec: AlarmSpec) -> Observed<AlarmSpec> {
    let script = aws(spec, |_| None);
    Alarms::new(&cloudwatch(&script)).survey(&scope()).await.unwrap().remove(0)
}

async fn ensure(
    script: &Script,
    want: AlarmSpec,
    observed: Option<&Observed<AlarmSpec>>,
) -> Result<Observed<AlarmSpec>> {
    let desired = Desired { key: key(), name: Some(NAME.into()), spec: want };
    Alarms::new(&cloudwatch(script)).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

#[tokio::test]
async fn a_survey_reads_every_page_and_tells_ours_from_others() {
    let script = Script::new(|request| match request.operation.as_str() {
        "DescribeAlarms" if request.json()["NextToken"].is_null() => {
            assert_eq!(request.json()["AlarmNamePrefix"], "headwater-dev-");
            Reply::json(200, json!({"MetricAlarms": [alarm(NAME, &spec())], "NextToken": "2"}))
        }
        "DescribeAlarms" => {
            // A formula by hand, and one that is deleted meanwhile.
            let formula = json!({"AlarmName": "headwater-dev-strange", "EvaluationPeriods": 3});
            Reply::json(200, json!({"MetricAlarms": [formula, alarm("headwater-dev-going", &spec())]}))
        }
        _ => match request.json()["ResourceARN"].as_str().unwrap().rsplit(':').next() {
            Some(NAME) => told_tags(key().as_str()),
            Some("headwater-dev-strange") => Reply::json(200, json!({"Tags": []})),
            _ => Reply::error(404, "ResourceNotFoundException", "gone"),
        },
    });
    let found = Alarms::new(&cloudwatch(&script)).survey(&scope()).await.unwrap();
    let owners: Vec<_> = found.iter().map(|alarm| (alarm.id.as_str(), &alarm.owner)).collect();
    let strange = Owner::Other("without Headwater's tags".into());
    assert_eq!(owners, [(NAME, &Owner::Us(key())), ("headwater-dev-strange", &strange)]);
    assert_eq!(found[0].spec, spec());
    assert_eq!(found[0].outputs["arn"], Alarm::new(&scope(), "ingest-errors").arn());
    assert_eq!(found[0].outputs["state"], "OK");
}

#[tokio::test]
async fn an_alarm_is_made_with_its_tags_and_a_threshold_reads_back_as_it_was_set() {
    let script = aws(spec(), |_| None);
    let made = ensure(&script, spec(), None).await.unwrap();
    assert_eq!(script.operations(), ["PutMetricAlarm"]);
    let put = script.requests()[0].json();
    let tags: BTreeMap<_, _> =
        put["Tags"].as_array().unwrap().iter().map(|tag| (tag["Key"].as_str(), tag)).collect();
    assert_eq!(tags[&Some("headwater:key")]["Value"], "ingest/errors");
    assert_eq!((&put["Statistic"], &put["ExtendedStatistic"]), (&json!("Sum"), &Value::Null));
    assert_eq!(put["Dimensions"], json!([{"Name": "FunctionName", "Value": "headwater-dev-ingest"}]));
    let found = observed(spec()).await;
    assert_eq!((made.id, made.owner, made.spec), (found.id, found.owner, found.spec.clone()));
    let json = |spec: &AlarmSpec| serde_json::to_value(spec).unwrap();
    assert!(resource::diff(&json(&found.spec), &json(&spec()), AlarmSpec::effect).is_empty());
    for statistic in [Statistic::Sum, Statistic::Extended("p99".into())] {
        let spec = AlarmSpec { statistic, ..spec() };
        let read: AlarmSpec = serde_json::from_value(json(&spec)).unwrap();
        assert_eq!((&read, json(&read)), (&spec, json(&spec)));
    }
}

#[tokio::test]
async fn each_field_that_differs_makes_one_call_without_tags_and_a_converged_alarm_gets_none() {
    type Change = fn(&mut AlarmSpec);
    let changes: [Change; 13] = [
        |spec| spec.description = "else".into(),
        |spec| spec.namespace = "AWS/SQS".into(),
        |spec| spec.metric_name = "Throttles".into(),
        |spec| drop(spec.dimensions.insert("Resource".into(), "live".into())),
        |spec| spec.statistic = Statistic::Extended("p99".into()),
        |spec| spec.period_seconds = 300,
        |spec| spec.evaluation_periods = 5,
        |spec| spec.datapoints_to_alarm = 2,
        |spec| spec.threshold = 0.5,
        |spec| spec.comparison_operator = ComparisonOperator::LessThanThreshold,
        |spec| spec.treat_missing_data = TreatMissingData::Breaching,
        |spec| spec.alarm_actions.clear(),
        |spec| spec.ok_actions.clear(),
    ];
    let before = observed(spec()).await;
    for change in changes {
        let mut want = spec();
        change(&mut want);
        let script = aws(spec(), |_| None);
        assert_eq!(ensure(&script, want.clone(), Some(&before)).await.unwrap().spec, want);
        assert_eq!(script.operations(), ["PutMetricAlarm"]);
        assert_eq!(script.requests()[0].json()["Tags"], Value::Null);
        assert_eq!(observed(want.clone()).await.spec, want);
    }
    let converged = aws(spec(), |_| None);
    ensure(&converged, spec(), Some(&before)).await.unwrap();
    assert!(converged.operations().is_empty());
}

#[tokio::test]
async fn what_cloudwatch_leaves_out_is_its_default_and_an_extended_statistic_comes_before_another() {
    let script = Script::new(|request| match request.operation.as_str() {
        "DescribeAlarms" => {
            let mut told = alarm(NAME, &AlarmSpec { evaluation_periods: 3, ..spec() });
            let told = told.as_object_mut().unwrap();
            told.remove("TreatMissingData");
            told.remove("DatapointsToAlarm");
            told.insert("ExtendedStatistic".into(), "p99".into());
            Reply::json(200, json!({"MetricAlarms": [told]}))
        }
        _ => told_tags(key().as_str()),
    });
    let found = Alarms::new(&cloudwatch(&script)).find(&scope(), NAME).await.unwrap().unwrap().spec;
    assert_eq!(found.treat_missing_data, TreatMissingData::Missing);
    assert_eq!(found.datapoints_to_alarm, 3);
    assert_eq!(found.statistic, Statistic::Extended("p99".into()));
}

#[tokio::test(start_paused = true)]
async fn the_rate_that_all_alarms_share_is_waited_out() {
    let mut attempts = 0;
    let script = aws(spec(), move |_| {
        attempts += 1;
        match attempts {
            1 => Some(Reply::error(400, "Throttling", "Rate exceeded")),
            2 => Some(Reply::error(409, "ConcurrentModificationException", "being changed")),
            _ => None,
        }
    });
    ensure(&script, spec(), None).await.unwrap();
    assert_eq!(script.operations(), ["PutMetricAlarm"; 3]);
}

#[tokio::test]
async fn an_alarm_is_found_by_name_or_arn_adopted_by_its_tags_and_deleted_though_it_is_gone() {
    let script = aws(spec(), |request| {
        (request.operation == "DeleteAlarms").then(|| Reply::error(404, "ResourceNotFound", "gone"))
    });
    let family = Alarms::new(&cloudwatch(&script));
    let found = family.find(&scope(), NAME).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &found.outputs["arn"]).await.unwrap().unwrap(), found);
    family.adopt(&scope(), &key(), &found).await.unwrap();
    let adopted = script.requests().pop().unwrap().json();
    assert_eq!(adopted["ResourceARN"], found.outputs["arn"].as_str());
    family.delete(&found, &Progress::silent()).await.unwrap();
    assert_eq!(script.requests().pop().unwrap().json(), json!({"AlarmNames": [NAME]}));
}

#[test]
fn the_alarms_that_we_know_watch_metrics_that_aws_has() {
    let filter = MetricFilterSpec {
        log_group_name: "/headwater/dev/relay".into(),
        filter_pattern: "ERROR".into(),
        metric_namespace: "Headwater".into(),
        metric_name: "Refused".into(),
        metric_value: "1".into(),
        default_value: None,
    };
    insta::assert_json_snapshot!(BTreeMap::from([
        ("queue_not_empty", queue_not_empty("headwater-dev-dlq")),
        ("oldest_message_age", oldest_message_age("headwater-dev-queue", 300)),
        ("function_errors", function_errors("headwater-dev-ingest").notify(TOPIC)),
        ("function_throttles", function_throttles("headwater-dev-ingest")),
        ("iterator_age", iterator_age("headwater-dev-relay", 60)),
        ("table_throttles", table_throttles("headwater-dev-event", Access::Write)),
        ("index_throttles", index_throttles("headwater-dev-event", "Type-Index", Access::Read)),
        ("no_running_task", no_running_task("headwater-dev", "headwater-dev-eventstore")),
        ("efs_burst_credits", efs_burst_credits("fs-1", 1_000_000_000_000)),
        ("efs_percent_io_limit", efs_percent_io_limit("fs-1", 90)),
        ("metric_filter", metric_filter("The relay could not append an event.", &filter)),
    ]));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<Alarms>(&[include_str!("../alarms.rs")], &[]);
}
