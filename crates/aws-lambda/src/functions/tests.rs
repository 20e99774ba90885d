//! The family against scripted responses.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Request, Script};
use base64::{Engine, engine::general_purpose::STANDARD};
use resource::Owner;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::{ApplicationLogLevel, Architecture, LogFormat, LoggingConfig, SystemLogLevel, TracingMode};

const NAME: &str = "headwater-dev-ingest";
const CREATE: &str = "POST /2015-03-31/functions";
const GET: &str = "GET /2015-03-31/functions/headwater-dev-ingest";
const CONFIGURATION: &str = "PUT /2015-03-31/functions/headwater-dev-ingest/configuration";
const CODE: &str = "PUT /2015-03-31/functions/headwater-dev-ingest/code";
const DELETE: &str = "DELETE /2015-03-31/functions/headwater-dev-ingest";
const RESERVE: &str = "PUT /2017-10-31/functions/headwater-dev-ingest/concurrency";
const UNRESERVE: &str = "DELETE /2017-10-31/functions/headwater-dev-ingest/concurrency";

fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

fn key() -> Key {
    "ingest/function".parse().unwrap()
}

fn hash(zip: &str) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

fn spec() -> FunctionSpec {
    FunctionSpec {
        description: "Stores events".into(),
        role_arn: "arn:aws:iam::111111111111:role/headwater/dev/headwater-dev-ingest".into(),
        runtime: "provided.al2023".into(),
        handler: "bootstrap".into(),
        architecture: Architecture::Arm64,
        code_sha256: hash("old"),
        memory_size_mib: 256,
        timeout_seconds: 30,
        ephemeral_storage_size_mib: 512,
        environment: BTreeMap::from([("TABLE".into(), "event".into())]),
        logging_config: LoggingConfig {
            log_group: "/headwater/dev/ingest".into(),
            log_format: LogFormat::Json,
            application_log_level: Some(ApplicationLogLevel::Info),
            system_log_level: Some(SystemLogLevel::Warn),
        },
        tracing_mode: TracingMode::PassThrough,
        reserved_concurrent_executions: None,
    }
}

/// A family whose packages are the zips `old` and `new`, behind `script`.
fn family(script: &Script) -> (Functions, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let package = |zip: &str| {
        let path = directory.path().join(zip);
        std::fs::write(&path, zip).unwrap();
        (hash(zip), path)
    };
    let packages = BTreeMap::from([package("old"), package("new")]);
    (Functions::new(&script.config(), packages), directory)
}

async fn ensure(
    script: &Script,
    want: FunctionSpec,
    observed: Option<&Observed<FunctionSpec>>,
) -> Result<Observed<FunctionSpec>> {
    let desired = Desired { key: key(), name: Some(NAME.into()), spec: want };
    let (family, _packages) = family(script);
    family.ensure(&scope(), &desired, observed, &Progress::silent()).await
}

/// A function as GetFunction tells it.
fn function(spec: &FunctionSpec, state: &str, last_update_status: &str) -> Value {
    let logging = serde_json::to_value(&spec.logging_config).unwrap();
    json!({
        "Configuration": {
            "FunctionName": NAME,
            "FunctionArn": crate::Function::new(&scope(), "ingest").arn(),
            "Description": spec.description,
            "Role": spec.role_arn,
            "Runtime": spec.runtime,
            "Handler": spec.handler,
            "Architectures": [spec.architecture],
            "CodeSha256": spec.code_sha256,
            "MemorySize": spec.memory_size_mib,
            "Timeout": spec.timeout_seconds,
            "EphemeralStorage": {"Size": spec.ephemeral_storage_size_mib},
            "Environment": {"Variables": spec.environment},
            "LoggingConfig": {
                "LogGroup": logging["logGroup"],
                "LogFormat": logging["logFormat"],
                "ApplicationLogLevel": logging["applicationLogLevel"],
                "SystemLogLevel": logging["systemLogLevel"],
            },
            "TracingConfig": {"Mode": spec.tracing_mode},
            "LastModified": "2026-11-22T10:00:00.000+0000",
            "State": state,
            "StateReason": "as the test has it",
            "LastUpdateStatus": last_update_status,
            "LastUpdateStatusReason": "as the test has it",
        },
        "Tags": scope().tags(&key()),
        "Concurrency": spec.reserved_concurrent_executions.map(|n| json!({"ReservedConcurrentExecutions": n})),
    })
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::error(status, code, message)
}

/// Lambda with the function as it is in the cell; writes put `after` there.
fn lambda(before: FunctionSpec, after: FunctionSpec) -> Script {
    let cell = Arc::new(Mutex::new(before));
    Script::new(move |request: &Request| {
        let mut spec = cell.lock().unwrap();
        match request.operation.as_str() {
            "GET /2015-03-31/functions" => Reply::json(200, json!({"Functions": [{"FunctionName": NAME}]})),
            GET => Reply::json(200, function(&spec, "Active", "Successful")),
            _ => {
                *spec = after.clone();
                Reply::json(200, json!({}))
            }
        }
    })
}

async fn observed(spec: FunctionSpec) -> Observed<FunctionSpec> {
    let script = lambda(spec.clone(), spec);
    family(&script).0.survey(&scope()).await.unwrap().remove(0)
}

/// What was asked besides reading.
fn writes(script: &Script) -> Vec<String> {
    script.operations().into_iter().filter(|operation| !operation.starts_with("GET ")).collect()
}

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

#[tokio::test(start_paused = true)]
async fn a_fresh_role_is_waited_for_and_a_server_error_in_between_does_not_end_it() {
    let invalid = |text: &str| error(400, "InvalidParameterValueException", text);
    let mut replies = vec![
        Reply::json(201, json!({})),
        invalid("Lambda was unable to configure access because the KMS key is invalid for CreateGrant."),
        error(500, "ServiceException", "an internal error"),
        invalid("The provided execution role does not have permissions to call ReceiveMessage on SQS"),
        invalid("The role defined for the function cannot be assumed by Lambda."),
    ];
    let mut gets = 0;
    let script = Script::new(move |request| match request.operation.as_str() {
        CREATE => replies.pop().unwrap(),
        _ => {
            gets += 1;
            match gets {
                1 => error(404, "ResourceNotFoundException", "Function not found"),
                2 => Reply::json(200, function(&spec(), "Pending", "InProgress")),
                _ => Reply::json(200, function(&spec(), "Active", "Successful")),
            }
        }
    });
    assert_eq!(ensure(&script, spec(), None).await.unwrap().spec, spec());
    assert_eq!(script.operations(), [vec![CREATE; 5], vec![GET; 3]].concat());
    let create = script.requests()[0].json();
    assert_eq!(create["Tags"], json!(scope().tags(&key())));
    assert_eq!(create["Code"]["ZipFile"], STANDARD.encode("old"));
}

#[tokio::test(start_paused = true)]
async fn any_other_invalid_parameter_is_fatal_at_once() {
    let script = Script::new(|_| error(400, "InvalidParameterValueException", "MemorySize is too large"));
    let refused = ensure(&script, spec(), None).await.unwrap_err();
    assert_eq!(refused.class, Class::Fatal);
    assert_eq!(script.operations(), [CREATE]);
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
async fn a_function_that_fails_to_start_is_an_error_with_lambdas_reason() {
    let script = Script::new(|request| match request.operation.as_str() {
        CREATE => Reply::json(201, json!({})),
        _ => Reply::json(200, function(&spec(), "Failed", "Successful")),
    });
    let failed = ensure(&script, spec(), None).await.unwrap_err();
    assert_eq!(failed.class, Class::Fatal);
    assert!(failed.says("as the test has it"));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_ours_somebody_elses_or_free_soon() {
    let exists = || error(409, "ResourceConflictException", "Function already exist: headwater-dev-ingest");
    let ours = Script::new(move |request| match request.operation.as_str() {
        CREATE => exists(),
        _ => Reply::json(200, function(&spec(), "Active", "Successful")),
    });
    assert_eq!(ensure(&ours, spec(), None).await.unwrap().spec, spec());
    let others = Script::new(move |request| match request.operation.as_str() {
        CREATE => exists(),
        _ => {
            let mut answer = function(&spec(), "Active", "Successful");
            answer["Tags"] = json!({});
            Reply::json(200, answer)
        }
    });
    assert_eq!(ensure(&others, spec(), None).await.unwrap_err().class, Class::AlreadyExists);
    let mut calls = 0;
    let going = Script::new(move |_| {
        calls += 1;
        match calls {
            1 => exists(),
            2 => Reply::json(200, function(&spec(), "Deleting", "Successful")),
            3 => Reply::json(201, json!({})),
            _ => Reply::json(200, function(&spec(), "Active", "Successful")),
        }
    });
    ensure(&going, spec(), None).await.unwrap();
    assert_eq!(going.operations(), [CREATE, GET, CREATE, GET]);
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

#[tokio::test(start_paused = true)]
async fn between_configuration_and_code_the_function_comes_to_rest() {
    let want = FunctionSpec { timeout_seconds: 60, code_sha256: hash("new"), ..spec() };
    let (mut configured, mut coded, mut busy) = (false, false, 0);
    let script = Script::new(move |request| {
        match request.operation.as_str() {
            CONFIGURATION if busy == 0 => {
                busy = 1;
                return error(409, "ResourceConflictException", "An update is in progress for resource");
            }
            CONFIGURATION => (configured, busy) = (true, 2),
            CODE => {
                assert_eq!(busy, 0, "the configuration is still being updated");
                (coded, busy) = (true, 1);
            }
            _ => {
                busy = u32::saturating_sub(busy, 1);
                let spec = FunctionSpec {
                    timeout_seconds: if configured { 60 } else { 30 },
                    code_sha256: hash(if coded { "new" } else { "old" }),
                    ..spec()
                };
                let status = if busy > 0 { "InProgress" } else { "Successful" };
                return Reply::json(200, function(&spec, "Active", status));
            }
        }
        Reply::json(200, json!({}))
    });
    let before = observed(spec()).await;
    assert_eq!(ensure(&script, want.clone(), Some(&before)).await.unwrap().spec, want);
    assert_eq!(script.operations(), [CONFIGURATION, CONFIGURATION, GET, GET, CODE, GET]);
}

#[tokio::test]
async fn an_update_that_failed_is_made_again_though_no_field_differs() {
    let mut updated = false;
    let script = Script::new(move |request| {
        updated |= request.operation != GET;
        let status = if updated { "Successful" } else { "Failed" };
        Reply::json(200, function(&spec(), "Active", status))
    });
    let before = Observed { pending: Some("the last update failed".into()), ..observed(spec()).await };
    let after = ensure(&script, spec(), Some(&before)).await.unwrap();
    assert_eq!(after.pending, None);
    assert_eq!(writes(&script), [CONFIGURATION, CODE]);
}

#[tokio::test(start_paused = true)]
async fn deleting_waits_out_an_update_and_until_the_function_is_gone() {
    let (mut deletes, mut gets) = (0, 0);
    let script = Script::new(move |request| match request.operation.as_str() {
        DELETE => {
            deletes += 1;
            match deletes {
                1 => error(409, "ResourceConflictException", "An update is in progress"),
                _ => Reply::json(204, json!({})),
            }
        }
        _ => {
            gets += 1;
            match gets {
                1 => Reply::json(200, function(&spec(), "Deleting", "Successful")),
                _ => error(404, "ResourceNotFoundException", "Function not found"),
            }
        }
    });
    let before = observed(spec()).await;
    family(&script).0.delete(&before, &Progress::silent()).await.unwrap();
    assert_eq!(script.operations(), [DELETE, DELETE, GET, GET]);
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
    let sources =
        [include_str!("observe.rs"), include_str!("change.rs"), include_str!("../functions.rs")].concat();
    let mut count = BTreeMap::<&str, usize>::new();
    sources
        .split('"')
        .filter(|text| text.starts_with("lambda:"))
        .for_each(|name| *count.entry(name).or_default() += 1);
    let listed: Vec<_> = Functions::ACTIONS.iter().map(|action| action.name).collect();
    assert!(count.keys().all(|name| listed.contains(name)), "{count:?}");
    let besides = ["iam:PassRole", "lambda:ListTags"];
    let uncalled: Vec<_> =
        listed.into_iter().filter(|name| count.get(name).is_none_or(|count| *count < 2)).collect();
    assert_eq!(uncalled, [besides[1], besides[0]]);
}
