//! The races between a mapping and its role, its own updates and its namesakes.

use aws_env::scripted::{Reply, Script};
use resource::Class;
use serde_json::{Value, json};

use super::{super::*, scripted::*};

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
