//! The family against scripted responses.

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use resource::{Class, Desired, Family, Grantee, Observed, Owner, PolicyDocument, Progress, Statement};
use serde_json::{Value, json};

use crate::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups, scripted::scope};

fn spec() -> LogGroupSpec {
    LogGroupSpec { retention_in_days: Some(30), kms_key_id: None, log_group_class: LogGroupClass::Standard }
}

fn desired(spec: LogGroupSpec) -> Desired<LogGroupSpec> {
    Desired { key: "ingest/logs".parse().unwrap(), name: Some("/headwater/dev/ingest".into()), spec }
}

fn tags() -> Value {
    json!({"tags": scope().tags(&"ingest/logs".parse().unwrap())})
}

fn group(name: &str) -> Value {
    json!({"logGroupName": name, "creationTime": 1_790_000_000_000_i64, "retentionInDays": 30,
        "logGroupClass": "STANDARD"})
}

/// A group that is as it should be, and a script for what else is asked.
fn aws(mut answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "DescribeLogGroups" => Reply::json(200, json!({"logGroups": [group("/headwater/dev/ingest")]})),
        "ListTagsForResource" => Reply::json(200, tags()),
        _ => answer(request),
    })
}

async fn observed(script: &Script) -> Observed<LogGroupSpec> {
    LogGroups::new(&script.config()).survey(&scope()).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_survey_reads_every_page_and_tells_ours_from_others() {
    let script =
        Script::new(|request| match (request.operation.as_str(), request.json()["nextToken"].as_str()) {
            ("DescribeLogGroups", None) => {
                Reply::json(200, json!({"logGroups": [group("/headwater/dev/ingest")], "nextToken": "2"}))
            }
            ("DescribeLogGroups", Some(_)) => Reply::json(
                200,
                json!({"logGroups": [group("/headwater/dev/strange"), group("/headwater/dev/going")]}),
            ),
            _ => match request.json()["resourceArn"].as_str().unwrap().rsplit('/').next() {
                Some("ingest") => Reply::json(200, tags()),
                Some("strange") => Reply::json(200, json!({"tags": {"Name": "by hand"}})),
                _ => Reply::error(400, "ResourceNotFoundException", "The specified resource does not exist."),
            },
        });
    let found = LogGroups::new(&script.config()).survey(&scope()).await.unwrap();
    let owners: Vec<_> = found.iter().map(|group| (group.id.as_str(), &group.owner)).collect();
    assert_eq!(
        owners,
        [
            ("/headwater/dev/ingest", &Owner::Us("ingest/logs".parse().unwrap())),
            ("/headwater/dev/strange", &Owner::Other("tagged Name=by hand".into())),
        ]
    );
    assert_eq!(found[0].spec, spec());
    assert_eq!(found[0].created.as_deref(), Some("2026-09-21T14:13:20Z"));
    assert_eq!(
        found[0].outputs["arn"],
        "arn:aws:logs:eu-west-1:111111111111:log-group:/headwater/dev/ingest"
    );
}

#[tokio::test]
async fn a_group_is_made_with_its_tags_in_the_create_call_and_then_gets_its_retention() {
    let script = Script::new(|_| Reply::json(200, json!({})));
    let family = LogGroups::new(&script.config());
    let made = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!(made.spec, spec());
    assert_eq!(script.operations(), ["CreateLogGroup", "PutRetentionPolicy"]);
    assert_eq!(script.requests()[0].json()["tags"], tags()["tags"]);
}

#[tokio::test]
async fn each_field_that_differs_makes_its_own_call_and_no_other() {
    let key = Some("arn:aws:kms:eu-west-1:111111111111:key/k".to_owned());
    let changes: Vec<(LogGroupSpec, &[&str])> = vec![
        (spec(), &[]),
        (LogGroupSpec { retention_in_days: Some(7), ..spec() }, &["PutRetentionPolicy"]),
        (LogGroupSpec { retention_in_days: None, ..spec() }, &["DeleteRetentionPolicy"]),
        (LogGroupSpec { kms_key_id: key.clone(), ..spec() }, &["AssociateKmsKey"]),
    ];
    for (want, calls) in changes {
        let script = aws(|_| Reply::json(200, json!({})));
        let found = observed(&script).await;
        let family = LogGroups::new(&script.config());
        let after = family.ensure(&scope(), &desired(want.clone()), Some(&found), &Progress::silent()).await;
        assert_eq!(after.unwrap().spec, want);
        assert_eq!(script.operations()[2..], *calls, "{want:?}");
        let encrypted = Observed { spec: LogGroupSpec { kms_key_id: key.clone(), ..spec() }, ..found };
        let plain = aws(|_| Reply::json(200, json!({})));
        let family = LogGroups::new(&plain.config());
        family.ensure(&scope(), &desired(spec()), Some(&encrypted), &Progress::silent()).await.unwrap();
        assert_eq!(plain.operations(), ["DisassociateKmsKey"]);
    }
}

#[tokio::test]
async fn a_group_whose_creation_was_answered_by_silence_is_taken_as_ours() {
    let script = aws(|request| match request.operation.as_str() {
        "CreateLogGroup" => Reply::error(400, "ResourceAlreadyExistsException", "exists"),
        _ => Reply::json(200, json!({})),
    });
    let family = LogGroups::new(&script.config());
    let made = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!(made.spec, spec());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_exists_and_is_not_listed_yet_is_asked_for_again() {
    let mut listings = 0;
    let script = Script::new(move |request| match request.operation.as_str() {
        "CreateLogGroup" => Reply::error(400, "ResourceAlreadyExistsException", "exists"),
        "DescribeLogGroups" => {
            listings += 1;
            let groups = if listings < 3 { json!([]) } else { json!([group("/headwater/dev/ingest")]) };
            Reply::json(200, json!({"logGroups": groups}))
        }
        _ => Reply::json(200, tags()),
    });
    let family = LogGroups::new(&script.config());
    let made = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!(made.spec, spec());
}

#[tokio::test]
async fn a_group_of_somebody_else_is_left_alone() {
    let script = Script::new(|request| match request.operation.as_str() {
        "DescribeLogGroups" => Reply::json(200, json!({"logGroups": [group("/headwater/dev/ingest")]})),
        "ListTagsForResource" => Reply::json(200, json!({"tags": {}})),
        _ => Reply::error(400, "ResourceAlreadyExistsException", "exists"),
    });
    let family = LogGroups::new(&script.config());
    let refused = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap_err();
    assert_eq!(refused.class, Class::AlreadyExists);
}

#[tokio::test(start_paused = true)]
async fn a_group_just_made_that_is_not_found_and_an_operation_aborted_are_waited_out() {
    let mut attempts = 0;
    let script = Script::new(move |request| match request.operation.as_str() {
        "PutRetentionPolicy" => {
            attempts += 1;
            match attempts {
                1 => {
                    Reply::error(400, "ResourceNotFoundException", "The specified log group does not exist.")
                }
                2 => Reply::error(400, "OperationAbortedException", "conflicting operation"),
                3 => Reply::reset(),
                _ => Reply::json(200, json!({})),
            }
        }
        _ => Reply::json(200, json!({})),
    });
    let family = LogGroups::new(&script.config());
    family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!(script.operations().len(), 5);
}

#[tokio::test]
async fn deleting_what_is_gone_succeeds() {
    let script = aws(|_| Reply::error(400, "ResourceNotFoundException", "gone"));
    let found = observed(&script).await;
    LogGroups::new(&script.config()).delete(&found, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_group_is_found_by_name_or_arn_and_adopted_by_its_tags() {
    let script = aws(|_| Reply::json(200, json!({})));
    let family = LogGroups::new(&script.config());
    let arn = "arn:aws:logs:eu-west-1:111111111111:log-group:/headwater/dev/ingest:*";
    let by_arn = family.find(&scope(), arn).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), "/headwater/dev/ingest").await.unwrap().unwrap(), by_arn);
    assert_eq!(family.find(&scope(), "/headwater/dev/inges").await.unwrap(), None);
    family.adopt(&scope(), &"ingest/logs".parse().unwrap(), &by_arn).await.unwrap();
    let adopted = script.requests().pop().unwrap().json();
    assert_eq!(adopted["resourceArn"], by_arn.outputs["arn"].as_str());
    assert_eq!(adopted["tags"], tags()["tags"]);
}

#[test]
fn writing_to_a_group_never_includes_making_one() {
    struct Role(Vec<Statement>);
    impl Grantee for Role {
        fn grant(&mut self, statement: Statement) {
            self.0.push(statement);
        }
    }
    let mut role = Role(Vec::new());
    LogGroup::new(&scope(), "ingest").grant_write(&mut role);
    insta::assert_json_snapshot!(PolicyDocument::new(role.0));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../log_groups.rs")];
    assert_actions::<LogGroups>(&code, &[]);
}
