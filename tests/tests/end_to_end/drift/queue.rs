use anyhow::Result;
use aws_sdk_sqs::{Client, types::QueueAttributeName as Name};
use aws_sqs::{QueueSpec, RedriveAllowPolicy, RedrivePolicy};
use end_to_end::Local;
use resource::{PolicyDocument, Statement};

use super::{Changed, arn};

pub(super) async fn change(local: &Local) -> Result<Changed> {
    let elsewhere = arn(local, "sqs", &local.name(blueprint::DEAD_LETTER_QUEUE));
    let ours = arn(local, "sqs", &local.name(blueprint::EVENT_QUEUE));
    let spec = QueueSpec {
        visibility_timeout_seconds: 77,
        message_retention_period_seconds: 60,
        receive_message_wait_time_seconds: 20,
        delay_seconds: 1,
        maximum_message_size_bytes: 262_144,
        sqs_managed_sse_enabled: false,
        kms_master_key_id: Some("alias/elsewhere".to_owned()),
        redrive_policy: Some(RedrivePolicy { dead_letter_target_arn: elsewhere, max_receive_count: 1 }),
        redrive_allow_policy: Some(RedriveAllowPolicy::DenyAll),
        policy: Some(PolicyDocument::new(vec![
            Statement::allow("Everybody", ["sqs:SendMessage"], [ours]).principal("AWS", "*"),
        ])),
    };
    let redrive = serde_json::to_string(&spec.redrive_policy)?;
    Client::new(&local.bench.session.sdk)
        .set_queue_attributes()
        .queue_url(local.queue().await?.url())
        .attributes(Name::VisibilityTimeout, "77")
        .attributes(Name::MessageRetentionPeriod, "60")
        .attributes(Name::ReceiveMessageWaitTimeSeconds, "20")
        .attributes(Name::DelaySeconds, "1")
        .attributes(Name::MaximumMessageSize, "262144")
        .attributes(Name::SqsManagedSseEnabled, "false")
        .attributes(Name::KmsMasterKeyId, "alias/elsewhere")
        .attributes(Name::RedrivePolicy, redrive)
        .attributes(Name::RedriveAllowPolicy, r#"{"redrivePermission":"denyAll"}"#)
        .attributes(Name::Policy, serde_json::to_string(&spec.policy)?)
        .send()
        .await?;
    Changed::new("stateful/queue", spec, &[])
}
