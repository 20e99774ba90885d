//! Changing what differs.

use aws_env::scripted::Reply;
use resource::{Effect, Family, Observed, Progress, Spec, diff};
use serde_json::{Value, json};

use super::{
    cloud::{Sqs, not_there},
    desired, full_spec, key, scope,
};
use crate::{QueueSpec, Queues};

async fn observe(queues: &Queues) -> Observed<QueueSpec> {
    queues.survey(&scope()).await.unwrap().remove(0)
}

#[tokio::test(start_paused = true)]
async fn every_field_that_differs_is_changed_by_one_call_and_none_other_is_named() {
    let defaults = serde_json::to_value(QueueSpec::default()).unwrap();
    let full = serde_json::to_value(full_spec()).unwrap();
    let attributes = [
        ("visibilityTimeoutSeconds", "VisibilityTimeout"),
        ("messageRetentionPeriodSeconds", "MessageRetentionPeriod"),
        ("receiveMessageWaitTimeSeconds", "ReceiveMessageWaitTimeSeconds"),
        ("delaySeconds", "DelaySeconds"),
        ("maximumMessageSizeBytes", "MaximumMessageSize"),
        ("sqsManagedSseEnabled", "SqsManagedSseEnabled"),
        ("kmsMasterKeyId", "KmsMasterKeyId"),
        ("redrivePolicy", "RedrivePolicy"),
        ("redriveAllowPolicy", "RedriveAllowPolicy"),
        ("policy", "Policy"),
    ];
    let fields: Vec<_> = full.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields.len(), attributes.len(), "{fields:?}");
    for (field, attribute) in attributes {
        for back in [false, true] {
            let mut changed = defaults.clone();
            changed[field] = full[field].clone();
            let (from, to) = if back { (&changed, &defaults) } else { (&defaults, &changed) };
            assert_eq!(update(from, to).await, [attribute], "{field}");
            let changes = diff(from, to, QueueSpec::effect);
            assert!(changes.iter().all(|change| change.effect == Effect::Update && change.top() == field));
        }
    }
}

/// The attributes that are set to bring a queue from one spec to another. They must then read back.
async fn update(from: &Value, to: &Value) -> Vec<String> {
    let spec = |value: &Value| serde_json::from_value::<QueueSpec>(value.clone()).unwrap();
    let (script, _) = Sqs::default().script();
    let queues = Queues::new(&script.config());
    let silent = Progress::silent();
    let observed = queues.ensure(&scope(), &desired(spec(from)), None, &silent).await.unwrap();
    assert_eq!(observed, observe(&queues).await);
    let changed = queues.ensure(&scope(), &desired(spec(to)), Some(&observed), &silent).await.unwrap();
    assert_eq!(changed.spec, spec(to));
    let requests = script.requests();
    let mut sets = requests.iter().filter(|request| request.operation == "SetQueueAttributes");
    let set = sets.next().expect("one call").json();
    assert!(sets.next().is_none());
    set["Attributes"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_as_desired_is_not_touched() {
    let (script, _) = Sqs::with_queue(scope().tags(&key())).script();
    let queues = Queues::new(&script.config());
    let observed = observe(&queues).await;
    let before = script.operations().len();
    let desired = desired(QueueSpec::default());
    let there = queues.ensure(&scope(), &desired, Some(&observed), &Progress::silent()).await.unwrap();
    assert_eq!(there, observed);
    assert_eq!(script.operations().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_principal_is_waited_out_and_a_host_that_does_not_know_the_change_yet_too() {
    let (script, state) = Sqs::with_queue(scope().tags(&key())).script();
    let queues = Queues::new(&script.config());
    let observed = observe(&queues).await;
    let stale = state.lock().unwrap().attributes.clone();
    state.lock().unwrap().faults = vec![
        (
            "SetQueueAttributes",
            Reply::error(400, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        ),
        ("GetQueueAttributes", Reply::json(200, json!({"Attributes": stale}))),
    ];
    let changed = queues.ensure(&scope(), &desired(full_spec()), Some(&observed), &Progress::silent()).await;
    assert_eq!(changed.unwrap().spec, full_spec());
    assert_eq!(script.operations().iter().filter(|set| *set == "SetQueueAttributes").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_read_back_in_time_is_returned_as_it_reads() {
    let (script, state) = Sqs::with_queue(scope().tags(&key())).script();
    let queues = Queues::new(&script.config());
    let observed = observe(&queues).await;
    let ignored = Reply::json(200, json!({}));
    state.lock().unwrap().faults = vec![("SetQueueAttributes", ignored)];
    let changed = queues.ensure(&scope(), &desired(full_spec()), Some(&observed), &Progress::silent()).await;
    assert_eq!(changed.unwrap().spec, QueueSpec::default());
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_was_listed_though_deleted_is_created() {
    let (script, state) = Sqs::with_queue(scope().tags(&key())).script();
    let queues = Queues::new(&script.config());
    let observed = observe(&queues).await;
    state.lock().unwrap().faults = vec![("SetQueueAttributes", not_there())];
    state.lock().unwrap().attributes = None;
    let made = queues.ensure(&scope(), &desired(full_spec()), Some(&observed), &Progress::silent()).await;
    assert_eq!(made.unwrap().spec, full_spec());
    assert!(script.operations().contains(&"CreateQueue".to_owned()));
}
