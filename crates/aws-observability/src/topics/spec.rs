//! What we set of a topic.

use std::collections::BTreeSet;

use resource::Spec;
use serde::{Deserialize, Serialize};

/// The fields of a topic that we set. All of them change in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicSpec {
    /// The KMS key that encrypts what waits for delivery; `None` is no such encryption.
    ///
    /// An alarm can publish to the topic only where the key's policy lets `cloudwatch.amazonaws.com` use it, which rules
    /// out `alias/aws/sns`: <https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns>
    pub kms_master_key_id: Option<String>,
    /// Whom the topic tells by e-mail.
    ///
    /// An address counts from the moment that it was asked; until it confirms, nothing is sent to it. SNS forgets one that
    /// does not confirm within 48 hours, and then the next deploy asks again; it has no call to take the question back:
    /// <https://aws.amazon.com/about-aws/whats-new/2023/05/amazon-sns-automatic-deletion-unconfirmed-subscriptions/>
    pub email_addresses: BTreeSet<String>,
}

impl Spec for TopicSpec {}
