//! The family against scripted responses.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use resource::Class;
use serde_json::{Value, json};

use super::*;
use crate::FunctionResponseType;

const UUID: &str = "677afffc-373e-42f0-8363-f24bc675bcf6";
const CREATE: &str = "POST /2015-03-31/event-source-mappings";
const LIST: &str = "GET /2015-03-31/event-source-mappings";
const GET: &str = "GET /2015-03-31/event-source-mappings/677afffc-373e-42f0-8363-f24bc675bcf6";
const UPDATE: &str = "PUT /2015-03-31/event-source-mappings/677afffc-373e-42f0-8363-f24bc675bcf6";
const DELETE: &str = "DELETE /2015-03-31/event-source-mappings/677afffc-373e-42f0-8363-f24bc675bcf6";

fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

fn key() -> Key {
    "ingest/mapping".parse().unwrap()
}

fn spec() -> EventSourceMappingSpec {
    EventSourceMappingSpec {
        function_arn: "arn:aws:lambda:eu-west-1:111111111111:function:headwater-dev-ingest".into(),
        event_source_arn: "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-event-queue".into(),
        batch_size: 100,
        maximum_batching_window_in_seconds: 1,
        maximum_concurrency: Some(10),
        function_response_types: [FunctionResponseType::ReportBatchItemFailures].into(),
        filter_patterns: BTreeSet::new(),
        enabled: true,
    }
}

/// A mapping as Lambda tells it.
fn mapping(spec: &EventSourceMappingSpec, state: &str) -> Value {
    let filters: Vec<_> = spec.filter_patterns.iter().map(|pattern| json!({"Pattern": pattern})).collect();
    json!({
        "UUID": UUID,
        "FunctionArn": spec.function_arn,
        "EventSourceArn": spec.event_source_arn,
        "BatchSize": spec.batch_size,
        "MaximumBatchingWindowInSeconds": spec.maximum_batching_window_in_seconds,
        "ScalingConfig": spec.maximum_concurrency.map(|n| json!({"MaximumConcurrency": n})),
        "FunctionResponseTypes": spec.function_response_types,
        "FilterCriteria": {"Filters": filters},
        "LastModified": 1_790_000_000,
        "State": state,
    })
}

fn tags() -> Reply {
    Reply::json(200, json!({"Tags": scope().tags(&key())}))
}

fn is_tags(request: &Request) -> bool {
    request.operation.starts_with("GET /2017-03-31/tags/")
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::error(status, code, message)
}

/// The state in which a mapping that is `spec` comes to rest.
fn rest(spec: &EventSourceMappingSpec) -> &'static str {
    if spec.enabled { "Enabled" } else { "Disabled" }
}

/// Lambda with the mapping as it is in the cell; an update puts `after` there.
fn lambda(before: EventSourceMappingSpec, after: EventSourceMappingSpec) -> Script {
    let cell = Arc::new(Mutex::new(before));
    Script::new(move |request: &Request| {
        let mut spec = cell.lock().unwrap();
        match request.operation.as_str() {
            LIST => Reply::json(200, json!({"EventSourceMappings": [mapping(&spec, rest(&spec))]})),
            GET => Reply::json(200, mapping(&spec, rest(&spec))),
            UPDATE => {
                *spec = after.clone();
                Reply::json(202, mapping(&spec, "Updating"))
            }
            _ => tags(),
        }
    })
}

async fn observed(spec: EventSourceMappingSpec) -> Observed<EventSourceMappingSpec> {
    let script = lambda(spec.clone(), spec);
    EventSourceMappings::new(&script.config()).survey(&scope()).await.unwrap().remove(0)
}

async fn ensure(
    script: &Script,
    want: EventSourceMappingSpec,
    observed: Option<&Observed<EventSourceMappingSpec>>,
) -> Result<Observed<EventSourceMappingSpec>> {
    let desired = Desired { key: key(), name: None, spec: want };
    let family = EventSourceMappings::new(&script.config());
    family.ensure(&scope(), &desired, observed, &Progress::silent()).await
}

#[tokio::test]
async fn a_survey_reads_every_page_and_finds_ours_by_function_or_queue_and_then_by_tags() {
    let strange = || "arn:aws:lambda:eu-west-1:111111111111:function:strange".to_owned();
    let turned = EventSourceMappingSpec { function_arn: strange(), ..spec() };
    let other =
        EventSourceMappingSpec { event_source_arn: "arn:aws:sqs:eu-west-1:1:q".into(), ..turned.clone() };
    let pages = [
        json!({"EventSourceMappings": [mapping(&other, "Enabled")], "NextMarker": "2"}),
        json!({"EventSourceMappings": [mapping(&turned, "Enabled"), mapping(&spec(), "Deleting")]}),
    ];
    let script = Script::new(move |request| match request.operation.as_str() {
        LIST => Reply::json(200, pages[usize::from(request.query.contains("Marker"))].clone()),
        _ => tags(),
    });
    let found = EventSourceMappings::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].spec, turned);
    assert_eq!(found[0].owner, Owner::Us(key()));
    assert_eq!(found[0].id, UUID);
    assert_eq!(script.operations().len(), 3);
    let asked = script.operations().pop().unwrap();
    assert!(asked.contains("event-source-mapping") && asked.ends_with(UUID), "{asked}");
}

#[tokio::test]
async fn a_mapping_in_transit_is_pending() {
    for state in ["Creating", "Enabling", "Updating", "Disabling"] {
        let script =
            Script::new(
                move |request| {
                    if is_tags(request) { tags() } else { Reply::json(200, mapping(&spec(), state)) }
                },
            );
        let family = EventSourceMappings::new(&script.config());
        let found = family.find(&scope(), UUID).await.unwrap().unwrap();
        assert_eq!(found.pending.as_deref(), Some(state));
        assert_eq!(found.spec.enabled, state != "Disabling");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_made_with_its_tags_once_the_role_may_read_the_queue_and_waited_for() {
    let invalid = |text: &str| error(400, "InvalidParameterValueException", text);
    let mut replies = vec![
        Reply::json(202, mapping(&spec(), "Creating")),
        invalid("Cannot access the queue. Please ensure the role can perform the required actions"),
        error(503, "ServiceUnavailable", "slow down"),
        invalid("The function execution role does not have permissions to call ReceiveMessage on SQS"),
    ];
    let mut gets = 0;
    let script = Script::new(move |request| match request.operation.as_str() {
        CREATE => replies.pop().unwrap(),
        _ => {
            gets += 1;
            match gets {
                1 => error(404, "ResourceNotFoundException", "The resource you requested does not exist."),
                2 => Reply::json(200, mapping(&spec(), "Creating")),
                _ => Reply::json(200, mapping(&spec(), "Enabled")),
            }
        }
    });
    assert_eq!(ensure(&script, spec(), None).await.unwrap().spec, spec());
    assert_eq!(script.operations(), [vec![CREATE; 4], vec![GET; 3]].concat());
    let create = script.requests()[0].json();
    assert_eq!(create["Tags"], json!(scope().tags(&key())));
    assert_eq!(create["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(create["FilterCriteria"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn any_other_invalid_parameter_is_fatal_at_once() {
    let script = Script::new(|_| {
        error(
            400,
            "InvalidParameterValueException",
            "Queue visibility timeout: 30 seconds is less than 60 seconds",
        )
    });
    assert_eq!(ensure(&script, spec(), None).await.unwrap_err().class, Class::Fatal);
    assert_eq!(script.operations(), [CREATE]);
}

fn exists() -> Reply {
    let message = format!(
        "The event source arn and function provided mapping already exists. Please update or delete the existing \
         mapping with UUID {UUID}"
    );
    error(409, "ResourceConflictException", &message)
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_exists_is_taken_if_it_is_ours_left_if_it_is_not_and_outwaited_if_it_goes() {
    let with_tags = |tags: Value| {
        Script::new(move |request| match request.operation.as_str() {
            CREATE => exists(),
            GET => Reply::json(200, mapping(&spec(), "Enabled")),
            _ => Reply::json(200, json!({"Tags": tags})),
        })
    };
    assert_eq!(ensure(&with_tags(json!(scope().tags(&key()))), spec(), None).await.unwrap().id, UUID);
    let refused = ensure(&with_tags(json!({})), spec(), None).await.unwrap_err();
    assert_eq!(refused.class, Class::AlreadyExists);
    let mut calls = 0;
    let going = Script::new(move |_| {
        calls += 1;
        match calls {
            1 | 3 => exists(),
            2 => Reply::json(200, mapping(&spec(), "Deleting")),
            4 => error(404, "ResourceNotFoundException", "gone"),
            5 => Reply::json(202, mapping(&spec(), "Creating")),
            _ => Reply::json(200, mapping(&spec(), "Enabled")),
        }
    });
    ensure(&going, spec(), None).await.unwrap();
    assert_eq!(going.operations(), [CREATE, GET, CREATE, GET, CREATE, GET]);
}

#[tokio::test]
async fn each_field_that_differs_makes_one_update_that_also_clears() {
    type Change = fn(&mut EventSourceMappingSpec);
    let cases: Vec<(Change, &str, Value, Value)> = vec![
        (
            |spec| spec.function_arn.push('2'),
            "FunctionName",
            json!(spec().function_arn + "2"),
            json!(spec().function_arn),
        ),
        (|spec| spec.batch_size = 10, "BatchSize", json!(10), json!(100)),
        (
            |spec| spec.maximum_batching_window_in_seconds = 0,
            "MaximumBatchingWindowInSeconds",
            json!(0),
            json!(1),
        ),
        (
            |spec| spec.maximum_concurrency = None,
            "ScalingConfig",
            json!({}),
            json!({"MaximumConcurrency": 10}),
        ),
        (
            |spec| spec.function_response_types.clear(),
            "FunctionResponseTypes",
            json!([]),
            json!(["ReportBatchItemFailures"]),
        ),
        (
            |spec| spec.filter_patterns = ["{}".to_owned()].into(),
            "FilterCriteria",
            json!({"Filters": [{"Pattern": "{}"}]}),
            json!({}),
        ),
        (|spec| spec.enabled = false, "Enabled", json!(false), json!(true)),
    ];
    for (change, field, there, back) in cases {
        let mut want = spec();
        change(&mut want);
        for (from, to, sent) in [(spec(), want.clone(), there), (want, spec(), back)] {
            let script = lambda(from.clone(), to.clone());
            let before = observed(from).await;
            assert_eq!(ensure(&script, to.clone(), Some(&before)).await.unwrap().spec, to);
            assert_eq!(script.operations(), [UPDATE, GET]);
            assert_eq!(script.requests()[0].json()[field], sent, "{field}");
        }
    }
    let same = lambda(spec(), spec());
    ensure(&same, spec(), Some(&observed(spec()).await)).await.unwrap();
    assert!(same.operations().is_empty());
}

#[test]
fn another_queue_makes_another_mapping() {
    use resource::{Effect, Spec};
    let effect = |field| EventSourceMappingSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("eventSourceArn"), Effect::Replace);
    assert_eq!(effect("batchSize"), Effect::Update);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_left_in_transit_is_waited_for_and_an_update_in_use_is_made_again() {
    let want = EventSourceMappingSpec { batch_size: 10, ..spec() };
    let (after, mut gets, mut updates) = (want.clone(), 0, 0);
    let script = Script::new(move |request| match request.operation.as_str() {
        UPDATE => {
            updates += 1;
            match updates {
                1 => error(
                    400,
                    "ResourceInUseException",
                    "Cannot update the event source mapping because it is in use.",
                ),
                _ => Reply::json(202, mapping(&after, "Updating")),
            }
        }
        _ => {
            gets += 1;
            let spec = if updates < 2 { spec() } else { after.clone() };
            Reply::json(200, mapping(&spec, if gets % 2 == 1 { "Updating" } else { "Enabled" }))
        }
    });
    let before = Observed { pending: Some("Creating".into()), ..observed(spec()).await };
    assert_eq!(ensure(&script, want.clone(), Some(&before)).await.unwrap().spec, want);
    assert_eq!(script.operations(), [GET, GET, UPDATE, UPDATE, GET, GET]);
}

#[tokio::test(start_paused = true)]
async fn deleting_waits_while_the_mapping_is_in_use_and_until_it_is_gone() {
    let (mut deletes, mut gets) = (0, 0);
    let script = Script::new(move |request| match request.operation.as_str() {
        DELETE => {
            deletes += 1;
            match deletes {
                1 => error(
                    400,
                    "ResourceInUseException",
                    "Cannot delete the event source mapping because it is in use.",
                ),
                _ => Reply::json(202, mapping(&spec(), "Deleting")),
            }
        }
        _ => {
            gets += 1;
            match gets {
                1 => Reply::json(200, mapping(&spec(), "Deleting")),
                _ => error(404, "ResourceNotFoundException", "gone"),
            }
        }
    });
    let before = observed(spec()).await;
    EventSourceMappings::new(&script.config()).delete(&before, &Progress::silent()).await.unwrap();
    assert_eq!(script.operations(), [DELETE, DELETE, GET, GET]);
}

#[tokio::test]
async fn a_mapping_is_found_by_uuid_or_arn_and_adopted_by_its_tags() {
    let script = lambda(spec(), spec());
    let family = EventSourceMappings::new(&script.config());
    let found = family.find(&scope(), UUID).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &found.outputs["arn"]).await.unwrap().unwrap(), found);
    family.adopt(&scope(), &key(), &found).await.unwrap();
    assert_eq!(script.requests().pop().unwrap().json()["Tags"], json!(scope().tags(&key())));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let sources =
        [include_str!("observe.rs"), include_str!("change.rs"), include_str!("../mappings.rs")].concat();
    let mut count = BTreeMap::<&str, usize>::new();
    sources
        .split('"')
        .filter(|text| text.starts_with("lambda:"))
        .for_each(|name| *count.entry(name).or_default() += 1);
    let listed: Vec<_> = EventSourceMappings::ACTIONS.iter().map(|action| action.name).collect();
    assert!(count.keys().all(|name| listed.contains(name)), "{count:?}");
    assert!(listed.iter().all(|name| count[name] > 1), "listed, but never called: {count:?}");
}
