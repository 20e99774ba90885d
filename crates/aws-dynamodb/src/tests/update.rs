//! Changing what differs.

use aws_env::scripted::{Reply, Script};
use resource::{Class, Effect, Family, Progress, Result, Spec};
use serde_json::{Value, json};

use super::{
    bare_spec,
    cloud::{Dynamo, in_use},
    desired, full_spec, index, scope,
};
use crate::{KeySchema, Projection, StreamViewType, TableSpec, Tables};

/// The calls that bring a table from one spec to another. The table must then read as desired, and a further run must
/// call nothing that changes it.
async fn update(from: &TableSpec, to: &TableSpec, faults: Vec<(&'static str, Reply)>) -> Result<Vec<Value>> {
    let (script, state) = Dynamo { busy_for: 2, ..Dynamo::default() }.script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    let observed = tables.ensure(&scope(), &desired(from.clone()), None, &silent).await?;
    assert_eq!(tables.survey(&scope()).await?, std::slice::from_ref(&observed));
    let before = script.requests().len();
    state.lock().unwrap().faults = faults;
    let changed = tables.ensure(&scope(), &desired(to.clone()), Some(&observed), &silent).await?;
    assert_eq!(changed.spec, *to);
    let calls = calls(&script, before);
    let after = script.requests().len();
    tables.ensure(&scope(), &desired(to.clone()), Some(&changed), &silent).await?;
    assert_eq!(script.requests().len(), after);
    Ok(calls)
}

/// The changing calls after the first few, each as an object of operation to body without the table's name.
fn calls(script: &Script, before: usize) -> Vec<Value> {
    let requests = script.requests().into_iter().skip(before);
    let changing = requests.filter(|request| {
        !request.operation.starts_with("Describe") && !request.operation.starts_with("List")
    });
    changing
        .map(|request| {
            let mut body = request.json();
            for name in ["TableName", "ResourceArn"] {
                body.as_object_mut().expect("an object").remove(name);
            }
            json!({ request.operation: body })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_field_that_differs_takes_its_own_calls_and_no_others() {
    let bare = serde_json::to_value(bare_spec()).unwrap();
    let full = serde_json::to_value(full_spec()).unwrap();
    let mut taken = String::new();
    for (field, value) in full.as_object().unwrap() {
        // Neither changes between the two: keys are never changed, and nothing else than requests is paid for.
        if ["keySchema", "billingMode"].contains(&field.as_str()) {
            continue;
        }
        let mut changed = bare.clone();
        changed[field] = value.clone();
        let changed: TableSpec = serde_json::from_value(changed).unwrap();
        let there = update(&bare_spec(), &changed, Vec::new()).await.unwrap();
        there.iter().for_each(|call| taken.push_str(&format!("{field} set: {call}\n")));
        if field != "indexShards" {
            let back = update(&changed, &bare_spec(), Vec::new()).await.unwrap();
            back.iter().for_each(|call| taken.push_str(&format!("{field} unset: {call}\n")));
        }
    }
    insta::assert_snapshot!(taken);
}

#[tokio::test(start_paused = true)]
async fn provisioned_capacity_that_somebody_set_is_taken_back() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    tables.ensure(&scope(), &desired(bare_spec()), None, &silent).await.unwrap();
    state.lock().unwrap().table.as_mut().unwrap()["BillingModeSummary"] = Value::Null;
    let drifted = tables.survey(&scope()).await.unwrap().remove(0);
    let before = script.requests().len();
    let changed = tables.ensure(&scope(), &desired(bare_spec()), Some(&drifted), &silent).await.unwrap();
    assert_eq!(changed.spec, bare_spec());
    assert_eq!(calls(&script, before), [json!({"UpdateTable": {"BillingMode": "PAY_PER_REQUEST"}})]);
}

#[tokio::test(start_paused = true)]
async fn indexes_are_deleted_before_they_are_made_one_at_a_time_and_all_settle_in_between() {
    let mut wanted = full_spec();
    let indexes = &mut wanted.global_secondary_indexes;
    indexes.insert("Source-Index".to_owned(), index("SourceShard", Projection::KeysOnly));
    indexes.remove("Type-Index");
    indexes.insert("Kind-Index".to_owned(), index("Kind", Projection::All));
    // The script refuses a change while another is under way.
    let calls = update(&full_spec(), &wanted, Vec::new()).await.unwrap();
    let updates = calls.iter().map(|call| &call["UpdateTable"]["GlobalSecondaryIndexUpdates"][0]);
    let names: Vec<_> = updates
        .map(|update| {
            let (verb, change) = update.as_object().and_then(|update| update.iter().next()).unwrap();
            format!("{verb} {}", change["IndexName"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        names,
        ["Delete Source-Index", "Delete Type-Index", "Create Kind-Index", "Create Source-Index"]
    );
}

#[tokio::test(start_paused = true)]
async fn another_view_of_the_stream_takes_turning_it_off_first() {
    let from = TableSpec { stream_view_type: Some(StreamViewType::KeysOnly), ..bare_spec() };
    let to = TableSpec { stream_view_type: Some(StreamViewType::NewImage), ..bare_spec() };
    let calls = update(&from, &to, Vec::new()).await.unwrap();
    let streams: Vec<_> = calls.iter().map(|call| &call["UpdateTable"]["StreamSpecification"]).collect();
    assert_eq!(
        streams,
        [&json!({"StreamEnabled": false}), &json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"})]
    );
}

#[tokio::test(start_paused = true)]
async fn a_table_in_use_and_too_many_changes_at_once_are_waited_out() {
    let wanted = TableSpec { deletion_protection_enabled: true, ..bare_spec() };
    let faults = vec![
        ("UpdateTable", in_use()),
        ("UpdateTable", Reply::error(400, "LimitExceededException", "Too many operations")),
        ("UpdateTable", Reply::reset()),
    ];
    assert_eq!(update(&bare_spec(), &wanted, faults).await.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_dynamodb_refuses_is_an_error_at_once() {
    let wanted = TableSpec { time_to_live_attribute_name: Some("ExpiresAt".to_owned()), ..bare_spec() };
    let often = "Time to live has been modified multiple times within a fixed interval";
    let faults = vec![("UpdateTimeToLive", Reply::error(400, "ValidationException", often))];
    let error = update(&bare_spec(), &wanted, faults).await.unwrap_err();
    assert!(error.class == Class::Fatal && error.says(often), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_still_busy_is_waited_for_though_nothing_differs() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    tables.ensure(&scope(), &desired(full_spec()), None, &silent).await.unwrap();
    {
        let mut state = state.lock().unwrap();
        state.busy = 4;
        state.table.as_mut().unwrap()["GlobalSecondaryIndexes"][0]["IndexStatus"] = "CREATING".into();
    }
    let observed = tables.survey(&scope()).await.unwrap().remove(0);
    assert_eq!(observed.pending.as_deref(), Some("Source-Index CREATING"));
    let there = tables.ensure(&scope(), &desired(full_spec()), Some(&observed), &silent).await.unwrap();
    assert_eq!(there.pending, None);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_read_back_in_time_is_returned_as_it_reads() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    let observed = tables.ensure(&scope(), &desired(bare_spec()), None, &silent).await.unwrap();
    state.lock().unwrap().faults = vec![("UpdateContinuousBackups", Reply::json(200, json!({})))];
    let wanted = TableSpec { point_in_time_recovery: full_spec().point_in_time_recovery, ..bare_spec() };
    let there = tables.ensure(&scope(), &desired(wanted), Some(&observed), &silent).await.unwrap();
    assert_eq!(there.spec, bare_spec());
}

#[tokio::test(start_paused = true)]
async fn tags_beyond_ours_are_left_alone() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    tables.ensure(&scope(), &desired(full_spec()), None, &silent).await.unwrap();
    state.lock().unwrap().tags.insert("CostCentre".to_owned(), "7".into());
    let observed = tables.survey(&scope()).await.unwrap().remove(0);
    let wanted = TableSpec { index_shards: Some(8), ..full_spec() };
    tables.ensure(&scope(), &desired(wanted), Some(&observed), &silent).await.unwrap();
    let tags = state.lock().unwrap().tags.clone();
    assert_eq!((&tags["CostCentre"], &tags["headwater:index-shards"]), (&json!("7"), &json!("8")));
}

#[tokio::test(start_paused = true)]
async fn another_key_is_refused_here_and_is_a_replacement_in_the_plan() {
    let wanted = TableSpec { key_schema: KeySchema::strings("RequestId", "At"), ..bare_spec() };
    let error = update(&bare_spec(), &wanted, Vec::new()).await.unwrap_err();
    assert!(error.says("DynamoDB cannot change a table's key"), "{error:?}");
    for field in ["keySchema.partitionKey.attributeName", "keySchema.sortKey"] {
        assert_eq!(TableSpec::effect(field, &Value::Null, &Value::Null), Effect::Replace);
    }
}

#[test]
fn index_shards_grow_and_never_shrink() {
    let effect = |from: Value, to: Value| TableSpec::effect("indexShards", &from, &to);
    assert_eq!(effect(json!(4), json!(8)), Effect::Update);
    assert_eq!(effect(Value::Null, json!(8)), Effect::Update);
    for fewer in [json!(2), Value::Null] {
        let Effect::Refuse(reason) = effect(json!(4), fewer) else { panic!("not refused") };
        assert_eq!(reason, "the indexes were written with 4 shards; with fewer, reads would miss events");
    }
}
