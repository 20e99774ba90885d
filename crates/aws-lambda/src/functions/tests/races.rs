//! The races between a function and its role, its own updates and its namesakes.

use aws_env::scripted::{Reply, Script};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{super::*, scripted::*};

#[tokio::test(start_paused = true)]
async fn a_fresh_role_is_waited_for_and_a_server_error_in_between_does_not_end_it() {
    let invalid = |text: &str| error(400, "InvalidParameterValueException", text);
    let mut replies = vec![
        Reply::json(201, json!({})),
        invalid("Lambda was unable to configure access because the KMS key is invalid for CreateGrant."),
        error(500, "ServiceException", "an internal error"),
        invalid(
            "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        ),
        invalid("Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound."),
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
    assert_eq!(script.operations(), [vec![CREATE; 6], vec![GET; 3]].concat());
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

#[tokio::test(start_paused = true)]
async fn a_function_leaves_its_network_before_it_is_deleted() {
    let inside = FunctionSpec { vpc_config: Some(vpc()), ..spec() };
    let (found, mut updates, mut gets) = (inside.clone(), 0, 0);
    let script = Script::new(move |request| match request.operation.as_str() {
        CONFIGURATION => {
            updates += 1;
            match updates {
                1 => error(409, "ResourceConflictException", "An update is in progress"),
                _ => Reply::json(200, json!({})),
            }
        }
        DELETE => Reply::json(204, json!({})),
        _ => {
            gets += 1;
            match gets {
                1 | 2 => Reply::json(200, function(&found, "Active", "InProgress")),
                3 => Reply::json(200, function(&spec(), "Active", "Successful")),
                _ => error(404, "ResourceNotFoundException", "Function not found"),
            }
        }
    });
    let before = observed(inside).await;
    family(&script).0.delete(&before, &Progress::silent()).await.unwrap();
    assert_eq!(script.operations(), [CONFIGURATION, CONFIGURATION, GET, GET, GET, DELETE, GET]);
    let detached = json!({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}});
    assert_eq!(script.requests()[1].json(), detached);
}

#[tokio::test]
async fn a_function_that_is_gone_or_cannot_leave_its_network_is_deleted_all_the_same() {
    let before = observed(FunctionSpec { vpc_config: Some(vpc()), ..spec() }).await;
    let gone = Script::new(|_| error(404, "ResourceNotFoundException", "Function not found"));
    family(&gone).0.delete(&before, &Progress::silent()).await.unwrap();
    let broken = Script::new(|request| match request.operation.as_str() {
        CONFIGURATION => error(400, "InvalidParameterValueException", "The role does not exist"),
        DELETE => Reply::json(204, json!({})),
        _ => error(404, "ResourceNotFoundException", "Function not found"),
    });
    family(&broken).0.delete(&before, &Progress::silent()).await.unwrap();
    assert_eq!(broken.operations(), [CONFIGURATION, DELETE, GET]);
}
