//! The fields of a queue that we set.

use resource::{PolicyDocument, Spec};
use serde::{Deserialize, Serialize};

/// A standard queue. All of it can be changed in place.
///
/// Ranges are SQS's: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSpec {
    /// How long a received message is hidden from others: 0 to 43,200 s. Lambda refuses a mapping from a queue where
    /// this is less than the function's timeout, and advises six times it.
    pub visibility_timeout_seconds: u32,
    /// How long a message is kept: 60 to 1,209,600 s (14 days).
    pub message_retention_period_seconds: u32,
    /// How long a receive waits for a message: 0 to 20 s.
    pub receive_message_wait_time_seconds: u32,
    /// How long a message sent is held back: 0 to 900 s.
    pub delay_seconds: u32,
    /// The largest message: 1,024 to 1,048,576 bytes.
    pub maximum_message_size_bytes: u32,
    /// Whether messages are encrypted with a key that SQS owns.
    pub sqs_managed_sse_enabled: bool,
    /// The KMS key that messages are encrypted with instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<String>,
    /// Where a message goes that was received too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_policy: Option<RedrivePolicy>,
    /// Which queues may use this one as their dead-letter queue; absent, all of the account may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_allow_policy: Option<RedriveAllowPolicy>,
    /// Who else may do what with the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
}

/// Where a message goes that was received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedrivePolicy {
    /// The dead-letter queue's ARN. That queue must be there first.
    pub dead_letter_target_arn: String,
    /// How often a message may be received: 1 to 1,000 times.
    pub max_receive_count: u32,
}

/// Which queues may use a queue as their dead-letter queue, where not all of the account may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "redrivePermission", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RedriveAllowPolicy {
    /// None.
    DenyAll,
    /// These.
    ByQueue {
        /// Their ARNs, sorted; at most ten. They need not be there yet.
        source_queue_arns: Vec<String>,
    },
}

impl Spec for QueueSpec {}

impl Default for QueueSpec {
    /// What SQS gives a queue of which nothing is said.
    fn default() -> Self {
        Self {
            visibility_timeout_seconds: 30,
            message_retention_period_seconds: 345_600,
            receive_message_wait_time_seconds: 0,
            delay_seconds: 0,
            maximum_message_size_bytes: 1_048_576,
            sqs_managed_sse_enabled: true,
            kms_master_key_id: None,
            redrive_policy: None,
            redrive_allow_policy: None,
            policy: None,
        }
    }
}
