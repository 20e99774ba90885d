//! Seeing what is there.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Family, Owner, Progress};
use serde_json::{Value, json};

use super::{NAME, arn, bare_spec, cloud::Dynamo, desired, full_spec, key, scope};
use crate::{BillingMode, PointInTimeRecovery, Tables};

fn described(name: &str, status: &str) -> Value {
    json!({"Table": {
        "TableName": name, "TableStatus": status, "CreationDateTime": 1_700_000_000,
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
    }})
}

/// Three tables in two pages, one of them being deleted, and two pages of tags.
fn pages(request: &aws_env::scripted::Request) -> Reply {
    let body = request.json();
    let name = body["TableName"].as_str().unwrap_or_default();
    let answer = match (request.operation.as_str(), body["ExclusiveStartTableName"].as_str()) {
        ("ListTables", None) => {
            json!({"TableNames": ["billing", "headwater-dev-a"], "LastEvaluatedTableName": "headwater-dev-a"})
        }
        ("ListTables", Some(_)) => json!({"TableNames": ["headwater-dev-b", "headwater-dev-going"]}),
        ("DescribeTable", _) if name.ends_with("going") => described(name, "DELETING"),
        ("DescribeTable", _) => described(name, "ACTIVE"),
        (_, _) if name.ends_with("going") => {
            return Reply::error(400, "AccessDeniedException", "Access denied.");
        }
        ("ListTagsOfResource", _) if body["NextToken"].is_null() => {
            json!({"Tags": [{"Key": "a", "Value": "1"}], "NextToken": "2"})
        }
        ("ListTagsOfResource", _) => json!({"Tags": [{"Key": "headwater:index-shards", "Value": "8"}]}),
        _ => json!({}),
    };
    Reply::json(200, answer)
}

#[tokio::test]
async fn all_pages_are_read_and_what_is_being_deleted_or_named_otherwise_is_left_out() {
    let seen = Tables::new(&Script::new(pages).config()).survey(&scope()).await.unwrap();
    let names: Vec<_> = seen.iter().map(|table| table.id.as_str()).collect();
    assert_eq!(names, ["headwater-dev-a", "headwater-dev-b"]);
    assert_eq!(seen[0].spec.index_shards, Some(8));
    assert_eq!(seen[0].spec.billing_mode, BillingMode::Provisioned);
    assert_eq!(seen[0].created.as_deref(), Some("2023-11-14T22:13:20Z"));
}

#[tokio::test(start_paused = true)]
async fn a_table_takes_four_describing_calls() {
    let (script, _) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    tables.ensure(&scope(), &desired(full_spec()), None, &Progress::silent()).await.unwrap();
    let before = script.operations().len();
    tables.survey(&scope()).await.unwrap();
    let mut taken = script.operations().split_off(before);
    taken.sort();
    assert_eq!(
        taken,
        [
            "DescribeContinuousBackups",
            "DescribeTable",
            "DescribeTimeToLive",
            "ListTables",
            "ListTagsOfResource"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_somebody_turned_on_is_seen() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    tables.ensure(&scope(), &desired(bare_spec()), None, &Progress::silent()).await.unwrap();
    {
        let mut state = state.lock().unwrap();
        state.time_to_live = json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "Timestamp"});
        // Without its length: DynamoDB's default holds.
        state.recovery = json!({"PointInTimeRecoveryStatus": "ENABLED"});
    }
    let seen = tables.survey(&scope()).await.unwrap().remove(0).spec;
    assert_eq!(seen.time_to_live_attribute_name.as_deref(), Some("Timestamp"));
    assert_eq!(seen.point_in_time_recovery, Some(PointInTimeRecovery { recovery_period_in_days: 35 }));
}

#[tokio::test(start_paused = true)]
async fn a_table_is_found_by_name_or_arn_and_no_other_accounts_and_adopting_makes_it_ours() {
    let (script, state) = Dynamo::default().script();
    let tables = Tables::new(&script.config());
    assert_eq!(tables.find(&scope(), NAME).await.unwrap(), None);
    tables.ensure(&scope(), &desired(bare_spec()), None, &Progress::silent()).await.unwrap();
    state.lock().unwrap().tags = json!({"Name": "billing"}).as_object().cloned().unwrap();
    let elsewhere = format!("arn:aws:dynamodb:us-east-1:222222222222:table/{NAME}");
    assert_eq!(tables.find(&scope(), &elsewhere).await.unwrap(), None);
    let theirs = tables.find(&scope(), NAME).await.unwrap().expect("found");
    assert_eq!(theirs.owner, Owner::Other("tagged Name=billing".to_owned()));
    tables.adopt(&scope(), &key(), &theirs).await.unwrap();
    let ours = tables.find(&scope(), &arn()).await.unwrap().expect("found");
    assert_eq!(ours.owner, Owner::Us(key()));
    assert_eq!(state.lock().unwrap().tags["Name"], "billing");
}

#[tokio::test]
async fn what_is_denied_is_an_error_and_what_cannot_be_read_is_named() {
    let denied = Script::new(|_| Reply::error(400, "AccessDeniedException", "no"));
    let error = Tables::new(&denied.config()).survey(&scope()).await.unwrap_err();
    assert_eq!(error.class, Class::Denied);
    let odd = Script::new(|request| match request.operation.as_str() {
        "DescribeTable" => {
            let mut table = described(NAME, "ACTIVE");
            table["Table"]["TableClassSummary"] = json!({"TableClass": "GLACIAL"});
            Reply::json(200, table)
        }
        _ => Reply::json(200, json!({})),
    });
    let error = Tables::new(&odd.config()).find(&scope(), NAME).await.unwrap_err();
    insta::assert_snapshot!(
        format!("{error}: {}", error.source),
        @"dynamodb:DescribeTable failed (headwater-dev-event): DynamoDB gave `GLACIAL` as the table class"
    );
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../changes.rs"),
        include_str!("../delete.rs"),
        include_str!("../ensure.rs"),
        include_str!("../family.rs"),
    ];
    assert_actions::<Tables>(&code, &[]);
}
