//! The family against scripted SQS: every race that an emulator does not show, and every field of the spec.

mod cloud;
mod create;
mod survey;
mod update;

use resource::{Desired, Key, PolicyDocument, Scope, Statement};

use crate::{QueueSpec, RedriveAllowPolicy, RedrivePolicy};

pub(crate) const NAME: &str = "headwater-dev-event-queue";

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn key() -> Key {
    "ingest/event-queue".parse().unwrap()
}

pub(crate) fn desired(spec: QueueSpec) -> Desired<QueueSpec> {
    Desired { key: key(), name: Some(NAME.to_owned()), spec }
}

/// A spec of which every field is set, and none as SQS would set it.
pub(crate) fn full_spec() -> QueueSpec {
    let statement = Statement::allow("Send", ["sqs:SendMessage"], [scope().arn("sqs", NAME)])
        .principal("AWS", scope().iam_arn("role/headwater/dev/gateway"));
    QueueSpec {
        visibility_timeout_seconds: 180,
        message_retention_period_seconds: 1_209_600,
        receive_message_wait_time_seconds: 20,
        delay_seconds: 5,
        maximum_message_size_bytes: 262_144,
        sqs_managed_sse_enabled: false,
        kms_master_key_id: Some("alias/events".to_owned()),
        redrive_policy: Some(RedrivePolicy {
            dead_letter_target_arn: scope().arn("sqs", "headwater-dev-dlq"),
            max_receive_count: 5,
        }),
        redrive_allow_policy: Some(RedriveAllowPolicy::ByQueue {
            source_queue_arns: vec!["a".to_owned(), "b".to_owned()],
        }),
        policy: Some(PolicyDocument::new(vec![statement])),
    }
}
