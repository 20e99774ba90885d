//! The family against scripted responses: reading, and the call that each field takes.

mod races;
mod scripted;

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::Effect;
use scripted::*;
use serde_json::{Value, json};

use super::*;
use crate::StreamOptions;

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

#[tokio::test]
async fn each_option_of_a_stream_makes_one_update_that_also_clears() {
    type Change = fn(&mut StreamOptions);
    let cases: [(Change, &str, Value); 5] = [
        (|stream| stream.bisect_batch_on_function_error = false, "BisectBatchOnFunctionError", json!(false)),
        (|stream| stream.maximum_record_age_in_seconds = 60, "MaximumRecordAgeInSeconds", json!(60)),
        (|stream| stream.maximum_retry_attempts = -1, "MaximumRetryAttempts", json!(-1)),
        (|stream| stream.parallelization_factor = 1, "ParallelizationFactor", json!(1)),
        (|stream| stream.on_failure_destination_arn = None, "DestinationConfig", json!({})),
    ];
    for (change, field, sent) in cases {
        let mut want = of_stream();
        change(want.stream.as_mut().unwrap());
        let script = lambda(of_stream(), want.clone());
        let before = observed(of_stream()).await;
        assert_eq!(before.spec, of_stream());
        assert_eq!(ensure(&script, want.clone(), Some(&before)).await.unwrap().spec, want);
        assert_eq!(script.operations(), [UPDATE, GET]);
        let update = script.requests()[0].json();
        assert_eq!(update[field], sent);
        assert_eq!((&update["ScalingConfig"], &update["StartingPosition"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn a_mapping_from_a_stream_is_made_with_its_options_and_one_from_a_queue_without() {
    for want in [spec(), of_stream()] {
        let created = want.clone();
        let script = Script::new(move |request| match request.operation.as_str() {
            CREATE => Reply::json(202, mapping(&created, "Creating")),
            _ => Reply::json(200, mapping(&created, "Enabled")),
        });
        assert_eq!(ensure(&script, want.clone(), None).await.unwrap().spec, want);
        let create = script.requests()[0].json();
        let there = want.stream.is_some();
        assert_eq!(create["StartingPosition"], if there { json!("TRIM_HORIZON") } else { Value::Null });
        assert_eq!(create["DestinationConfig"].is_object(), there);
    }
}

#[tokio::test]
async fn what_lambda_tells_of_a_queues_mapping_beside_is_no_drift() {
    let script = Script::new(|request| {
        let mut told = mapping(&spec(), "Enabled");
        told["BisectBatchOnFunctionError"] = json!(false);
        told["MaximumRetryAttempts"] = json!(-1);
        told["DestinationConfig"] = json!({"OnFailure": {}});
        if is_tags(request) { tags() } else { Reply::json(200, told) }
    });
    let found = EventSourceMappings::new(&script.config()).find(&scope(), UUID).await.unwrap().unwrap();
    assert_eq!(found.spec, spec());
}

#[test]
fn another_source_or_starting_position_makes_another_mapping() {
    use resource::Spec;
    let effect = |field| EventSourceMappingSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("eventSourceArn"), Effect::Replace);
    assert_eq!(effect("stream.startingPosition"), Effect::Replace);
    assert_eq!(effect("batchSize"), Effect::Update);
    assert_eq!(effect("stream.maximumRetryAttempts"), Effect::Update);
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
    let code = [include_str!("observe.rs"), include_str!("change.rs"), include_str!("../mappings.rs")];
    assert_actions::<EventSourceMappings>(&code, &[]);
}

#[test]
fn a_plan_names_the_fields_as_aws_does_and_with_their_units() {
    insta::assert_json_snapshot!(spec());
    insta::assert_json_snapshot!(of_stream().stream);
}
