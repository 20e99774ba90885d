//! Lease and history.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use resource::{Action, Class, Deployment, DeploymentStore, Kind, Lease, Outcome, StepRecord, Swap};
use serde_json::{Value, json};

use super::{cloud::not_there, scope};
use crate::{Deployments, KeySchema};

type Rows = Arc<Mutex<BTreeMap<(String, String), Value>>>;

/// The table as a script: it checks the two conditions that there are, and gives two rows a page.
fn store() -> (Deployments, Script) {
    let rows = Rows::default();
    let script = Script::new(move |request| answer(&mut rows.lock().unwrap(), request));
    (Deployments::new(&script.config(), &scope()), script)
}

fn row_key(item: &Value) -> (String, String) {
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    (text("recordType"), text("recordKey"))
}

fn answer(rows: &mut BTreeMap<(String, String), Value>, request: &Request) -> Reply {
    let body = request.json();
    let key = row_key(if body["Item"].is_object() { &body["Item"] } else { &body["Key"] });
    let there = rows.get(&key).cloned();
    let row = there.clone().unwrap_or_default();
    let values = &body["ExpressionAttributeValues"];
    let holds = match body["ConditionExpression"].as_str() {
        None => true,
        Some("attribute_not_exists(#type)") => there.is_none(),
        Some("#owner = :owner AND #heartbeat = :heartbeat") => {
            row["owner"] == values[":owner"] && row["heartbeat"] == values[":heartbeat"]
        }
        Some(other) => return Reply::error(400, "ValidationException", other),
    };
    if !holds {
        let refused = "ConditionalCheckFailedException";
        let mut error = json!({"__type": refused, "message": "The conditional request failed"});
        if let (Some(row), "ALL_OLD") =
            (there, body["ReturnValuesOnConditionCheckFailure"].as_str().unwrap_or_default())
        {
            error["Item"] = row;
        }
        return Reply::json(400, error);
    }
    match request.operation.as_str() {
        "GetItem" => return Reply::json(200, there.map_or(json!({}), |row| json!({"Item": row}))),
        "PutItem" => drop(rows.insert(key, body["Item"].clone())),
        "DeleteItem" => drop(rows.remove(&key)),
        _ => return query(rows, &body),
    }
    Reply::json(200, json!({}))
}

fn query(rows: &BTreeMap<(String, String), Value>, body: &Value) -> Reply {
    let wanted = body["ExpressionAttributeValues"][":type"]["S"].as_str().unwrap_or_default();
    let start = row_key(&body["ExclusiveStartKey"]);
    let before = |key: &(String, String)| body["ExclusiveStartKey"].is_null() || *key < start;
    let left: Vec<_> = rows.iter().rev().filter(|(key, _)| key.0 == wanted && before(key)).collect();
    let page: Vec<_> = left.iter().take(2).map(|(_, row)| row).collect();
    let mut answer = json!({"Items": page});
    if let (true, Some(last)) = (left.len() > 2, page.last()) {
        answer["LastEvaluatedKey"] =
            json!({"recordType": last["recordType"], "recordKey": last["recordKey"]});
    }
    Reply::json(200, answer)
}

fn lease(owner: &str, heartbeat: u64) -> Lease {
    Lease {
        owner: owner.to_owned(),
        holder: "ada@analytical".to_owned(),
        host: "analytical/boot-1".to_owned(),
        process: 4_294_967_295,
        command: "deploy".to_owned(),
        commit: None,
        taken_at_millis: 1_700_000_000_000,
        expires_at_millis: u64::MAX,
        heartbeat,
    }
}

fn deployment(id: &str, started_at_millis: u64) -> Deployment {
    Deployment {
        id: id.to_owned(),
        holder: "ada@analytical".to_owned(),
        command: "deploy".to_owned(),
        commit: Some("c0ffee".to_owned()),
        blueprint: "ab12".to_owned(),
        started_at_millis,
        ended_at_millis: None,
        outcome: Outcome::Running,
        survey_millis: Some(900),
        steps: vec![StepRecord {
            key: "ingest/queue".parse().unwrap(),
            kind: Some(Kind::new("AWS::SQS::Queue")),
            action: Action::Create,
            millis: 12,
            error: Some("sqs:CreateQueue was denied".to_owned()),
        }],
    }
}

#[test]
fn the_table_is_the_environments_and_protected() {
    assert_eq!(Deployments::table(&scope()).name(), "headwater-dev-deployments");
    let spec = Deployments::spec();
    assert!(spec.deletion_protection_enabled);
    assert_eq!(spec.key_schema, KeySchema::strings("recordType", "recordKey"));
}

#[tokio::test]
async fn the_lease_is_written_only_over_what_was_expected() {
    let (store, script) = store();
    let (first, renewed, other) = (lease("a", 0), lease("a", 1), lease("b", 0));
    assert_eq!(store.lease().await.unwrap(), None);
    assert_eq!(store.swap_lease(None, Some(&first)).await.unwrap(), Swap::Done);
    insta::assert_json_snapshot!(script.requests()[1].json());
    assert_eq!(store.lease().await.unwrap(), Some(first.clone()));
    assert_eq!(store.swap_lease(None, Some(&other)).await.unwrap(), Swap::Lost(Some(first.clone())));
    assert_eq!(store.swap_lease(Some(&first), Some(&renewed)).await.unwrap(), Swap::Done);
    assert_eq!(
        store.swap_lease(Some(&first), Some(&other)).await.unwrap(),
        Swap::Lost(Some(renewed.clone()))
    );
    assert_eq!(store.swap_lease(Some(&first), None).await.unwrap(), Swap::Lost(Some(renewed.clone())));
    assert_eq!(store.swap_lease(None, None).await.unwrap(), Swap::Lost(Some(renewed.clone())));
    assert_eq!(store.swap_lease(Some(&renewed), None).await.unwrap(), Swap::Done);
    assert_eq!(store.swap_lease(Some(&renewed), None).await.unwrap(), Swap::Lost(None));
    assert_eq!(store.swap_lease(Some(&renewed), Some(&other)).await.unwrap(), Swap::Lost(None));
    assert_eq!(store.swap_lease(None, None).await.unwrap(), Swap::Done);
    let reads = script.requests().into_iter().filter(|request| request.operation == "GetItem");
    assert!(reads.map(|read| read.json()).all(|read| read["ConsistentRead"] == true));
}

#[tokio::test]
async fn the_history_is_read_newest_first_over_all_pages_up_to_the_limit() {
    let (store, _) = store();
    for (id, at) in [("b", 9), ("a", 100_000), ("d", 9_999), ("c", 100_000)] {
        store.record(&deployment(id, at)).await.unwrap();
    }
    let ended =
        Deployment { outcome: Outcome::Succeeded, ended_at_millis: Some(7), ..deployment("d", 9_999) };
    store.record(&ended).await.unwrap();
    store.swap_lease(None, Some(&lease("a", 0))).await.unwrap();
    let history = store.history(10).await.unwrap();
    let ids: Vec<_> = history.iter().map(|deployment| deployment.id.as_str()).collect();
    assert_eq!(ids, ["c", "a", "d", "b"]);
    assert_eq!(history[0], deployment("c", 100_000));
    assert_eq!(history[2], ended);
    assert_eq!(store.history(3).await.unwrap().len(), 3);
    assert_eq!(store.history(0).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_of_many_failing_steps_is_kept_with_all_its_steps_in_one_item() {
    let (store, script) = store();
    let mut long = deployment("a", 1);
    long.steps = vec![StepRecord { error: Some("é".repeat(2_000)), ..long.steps[0].clone() }; 300];
    store.record(&long).await.unwrap();
    assert!(script.requests()[0].body.len() < 400_000);
    let kept = store.history(1).await.unwrap().remove(0);
    assert_eq!(kept.steps.len(), 300);
    assert_eq!(kept.steps[0].error, Some(format!("{}…", "é".repeat(100))));
}

#[tokio::test]
async fn without_the_table_there_is_no_lease_and_no_history_and_nothing_to_write_to() {
    let script = Script::new(|_| not_there());
    let store = Deployments::new(&script.config(), &scope());
    assert_eq!(store.lease().await.unwrap(), None);
    assert_eq!(store.history(10).await.unwrap(), []);
    assert_eq!(store.record(&deployment("a", 1)).await.unwrap_err().class, Class::NotFound);
    assert_eq!(store.swap_lease(None, Some(&lease("a", 0))).await.unwrap_err().class, Class::NotFound);
}

#[tokio::test]
async fn a_lost_reply_and_a_row_that_is_none_of_ours_are_errors() {
    let lost = Script::new(|_| Reply::reset());
    let store = Deployments::new(&lost.config(), &scope());
    let error = store.swap_lease(None, Some(&lease("a", 0))).await.unwrap_err();
    assert_eq!(error.class, Class::RetryLater);
    let odd = Script::new(|_| Reply::json(200, json!({"Item": {"owner": {"S": "a"}}})));
    let error = Deployments::new(&odd.config(), &scope()).lease().await.unwrap_err();
    assert_eq!(error.class, Class::Fatal);
}
