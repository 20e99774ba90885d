//! The family against scripted responses: reading, and the call that each field takes.

mod races;
mod scripted;

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::Owner;
use scripted::*;
use serde_json::{Value, json};

use super::*;
use crate::{Architecture, LogFormat, SystemLogLevel, TracingMode};

#[tokio::test]
async fn a_survey_reads_every_page_and_one_call_tells_the_whole_function() {
    let full = FunctionSpec { reserved_concurrent_executions: Some(5), ..spec() };
    let expected = full.clone();
    let script = Script::new(move |request| match (request.operation.as_str(), request.query.as_str()) {
        ("GET /2015-03-31/functions", query) if query.contains("Marker") => Reply::json(
            200,
            json!({"Functions": [{"FunctionName": NAME}, {"FunctionName": "headwater-dev-going"}]}),
        ),
        ("GET /2015-03-31/functions", _) => {
            Reply::json(200, json!({"Functions": [{"FunctionName": "other"}], "NextMarker": "2"}))
        }
        (GET, _) => Reply::json(200, function(&full, "Active", "Successful")),
        _ => error(404, "ResourceNotFoundException", "Function not found"),
    });
    let found = family(&script).0.survey(&scope()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].spec, expected);
    assert_eq!(found[0].owner, Owner::Us(key()));
    assert_eq!(found[0].pending, None);
    assert_eq!(found[0].outputs["codeSha256"], hash("old"));
    assert_eq!(script.operations().len(), 4);
}

#[tokio::test]
async fn a_function_that_is_not_at_rest_is_pending_and_one_being_deleted_is_not_there() {
    let states = [
        ("Active", "Successful", None),
        ("Inactive", "Successful", None),
        ("Pending", "InProgress", Some("Pending")),
        ("Active", "InProgress", Some("update in progress")),
        ("Active", "Failed", Some("the last update failed: as the test has it")),
        ("Failed", "Successful", Some("Failed: as the test has it")),
    ];
    for (state, status, pending) in states {
        let script = Script::new(move |_| Reply::json(200, function(&spec(), state, status)));
        let found = family(&script).0.find(&scope(), NAME).await.unwrap().unwrap();
        assert_eq!(found.pending.as_deref(), pending, "{state} {status}");
    }
    let script = Script::new(|_| Reply::json(200, function(&spec(), "Deleting", "Successful")));
    assert_eq!(family(&script).0.find(&scope(), NAME).await.unwrap(), None);
}

#[tokio::test]
async fn tags_or_variables_that_may_not_be_read_are_an_error_and_not_taken_as_absent() {
    let hidden = |path: &'static str, value: Value| {
        Script::new(move |_| {
            let mut answer = function(&spec(), "Active", "Successful");
            *answer.pointer_mut(path).unwrap() = value.clone();
            Reply::json(200, answer)
        })
    };
    let mut refused = Vec::new();
    let tags = json!({"Configuration": {}, "TagsError": {"ErrorCode": "AccessDenied", "Message": "no lambda:ListTags"}});
    let environment = json!({"Error": {"ErrorCode": "AccessDenied", "Message": "no kms:Decrypt"}});
    for script in [hidden("", tags), hidden("/Configuration/Environment", environment)] {
        let error = family(&script).0.find(&scope(), NAME).await.unwrap_err();
        assert_eq!(error.class, Class::Denied);
        refused.push(format!("{error}: {}", error.source));
    }
    insta::assert_snapshot!(refused.join("\n"), @r"
    lambda:GetFunction was denied (headwater-dev-ingest): the tags cannot be read: no lambda:ListTags
    lambda:GetFunction was denied (headwater-dev-ingest): the environment cannot be read: no kms:Decrypt
    ");
}

#[tokio::test]
async fn a_package_that_is_not_built_is_said_before_anything_is_called() {
    let script = Script::new(|_| Reply::json(200, json!({})));
    let refused =
        ensure(&script, FunctionSpec { code_sha256: "unbuilt".into(), ..spec() }, None).await.unwrap_err();
    assert!(script.operations().is_empty());
    insta::assert_snapshot!(
        format!("{refused}: {}", refused.source),
        @"lambda:CreateFunction failed (ingest/function): no package has the SHA-256 unbuilt; build it with `cargo xtask package`"
    );
}

#[tokio::test]
async fn each_field_that_differs_makes_its_own_call_and_no_other() {
    type Change = fn(&mut FunctionSpec);
    let cases: Vec<(Change, &[&str])> = vec![
        (|_| {}, &[]),
        (|spec| spec.description = "else".into(), &[CONFIGURATION]),
        (|spec| spec.role_arn = "arn:aws:iam::111111111111:role/else".into(), &[CONFIGURATION]),
        (|spec| spec.runtime = "provided.al2".into(), &[CONFIGURATION]),
        (|spec| spec.handler = "else".into(), &[CONFIGURATION]),
        (|spec| spec.memory_size_mib = 512, &[CONFIGURATION]),
        (|spec| spec.timeout_seconds = 60, &[CONFIGURATION]),
        (|spec| spec.ephemeral_storage_size_mib = 1024, &[CONFIGURATION]),
        (|spec| spec.environment.clear(), &[CONFIGURATION]),
        (|spec| spec.tracing_mode = TracingMode::Active, &[CONFIGURATION]),
        (|spec| spec.logging_config.log_group = "/else".into(), &[CONFIGURATION]),
        (|spec| spec.logging_config.log_format = LogFormat::Text, &[CONFIGURATION]),
        (|spec| spec.logging_config.application_log_level = None, &[CONFIGURATION]),
        (|spec| spec.logging_config.system_log_level = Some(SystemLogLevel::Debug), &[CONFIGURATION]),
        (|spec| spec.vpc_config = Some(vpc()), &[CONFIGURATION]),
        (|spec| spec.architecture = Architecture::X86_64, &[CODE]),
        (|spec| spec.code_sha256 = hash("new"), &[CODE]),
        (|spec| spec.reserved_concurrent_executions = Some(5), &[RESERVE]),
    ];
    for (change, calls) in cases {
        let mut want = spec();
        change(&mut want);
        let (there, back) = (lambda(spec(), want.clone()), lambda(want.clone(), spec()));
        let (before, after) = (observed(spec()).await, observed(want.clone()).await);
        assert_eq!(ensure(&there, want.clone(), Some(&before)).await.unwrap().spec, want);
        assert_eq!(writes(&there), *calls, "{want:?}");
        assert_eq!(ensure(&back, spec(), Some(&after)).await.unwrap().spec, spec());
        let undone: Vec<_> =
            calls.iter().map(|call| if *call == RESERVE { UNRESERVE } else { call }).collect();
        assert_eq!(writes(&back), undone, "from {want:?}");
    }
}

#[tokio::test]
async fn a_function_is_made_in_its_network_and_taken_out_of_it_by_empty_lists() {
    let inside = FunctionSpec { vpc_config: Some(vpc()), ..spec() };
    let script = lambda(inside.clone(), inside.clone());
    ensure(&script, inside.clone(), None).await.unwrap();
    let lists = json!({"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]});
    assert_eq!(script.requests()[0].json()["VpcConfig"], lists);
    let script = lambda(inside.clone(), spec());
    ensure(&script, spec(), Some(&observed(inside).await)).await.unwrap();
    let update = script.requests().into_iter().find(|request| request.operation == CONFIGURATION).unwrap();
    assert_eq!(update.json()["VpcConfig"], json!({"SubnetIds": [], "SecurityGroupIds": []}));
    let outside = lambda(spec(), spec());
    ensure(&outside, spec(), None).await.unwrap();
    assert_eq!(outside.requests()[0].json()["VpcConfig"], Value::Null);
}

#[tokio::test]
async fn a_function_is_found_by_name_or_arn_and_adopted_by_its_tags() {
    let script = lambda(spec(), spec());
    let family = family(&script).0;
    let found = family.find(&scope(), NAME).await.unwrap().unwrap();
    let arn = format!("{}:live", found.outputs["arn"]);
    assert_eq!(family.find(&scope(), &arn).await.unwrap().unwrap(), found);
    family.adopt(&scope(), &key(), &found).await.unwrap();
    assert_eq!(script.requests().pop().unwrap().json()["Tags"], json!(scope().tags(&key())));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("observe.rs"), include_str!("change.rs"), include_str!("../functions.rs")];
    assert_actions::<Functions>(&code, &["lambda:ListTags"]);
}

#[test]
fn a_plan_names_the_fields_as_aws_does_and_with_their_units() {
    insta::assert_json_snapshot!(spec());
}
