//! A queue's spec as SQS's attributes, and back: pure.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName as Name;
use serde::{Deserialize, Deserializer};

use crate::{QueueSpec, RedriveAllowPolicy, RedrivePolicy};

/// Every attribute that the spec has a say in, as text; empty where it is unset.
pub(crate) fn write(spec: &QueueSpec) -> serde_json::Result<BTreeMap<Name, String>> {
    Ok(BTreeMap::from([
        (Name::VisibilityTimeout, spec.visibility_timeout_seconds.to_string()),
        (Name::MessageRetentionPeriod, spec.message_retention_period_seconds.to_string()),
        (Name::ReceiveMessageWaitTimeSeconds, spec.receive_message_wait_time_seconds.to_string()),
        (Name::DelaySeconds, spec.delay_seconds.to_string()),
        (Name::MaximumMessageSize, spec.maximum_message_size_bytes.to_string()),
        (Name::SqsManagedSseEnabled, spec.sqs_managed_sse_enabled.to_string()),
        (Name::KmsMasterKeyId, spec.kms_master_key_id.clone().unwrap_or_default()),
        (Name::RedrivePolicy, document(spec.redrive_policy.as_ref())?),
        (Name::RedriveAllowPolicy, document(spec.redrive_allow_policy.as_ref())?),
        (Name::Policy, document(spec.policy.as_ref())?),
    ]))
}

/// The attributes that make a queue as `observed` one as `desired`. An empty text unsets one.
pub(crate) fn changed(
    observed: &QueueSpec,
    desired: &QueueSpec,
) -> serde_json::Result<HashMap<Name, String>> {
    let observed = write(observed)?;
    Ok(write(desired)?.into_iter().filter(|(name, text)| observed.get(name) != Some(text)).collect())
}

/// What a new queue is made with: every attribute that is set.
pub(crate) fn set(spec: &QueueSpec) -> serde_json::Result<HashMap<Name, String>> {
    Ok(write(spec)?.into_iter().filter(|(_, text)| !text.is_empty()).collect())
}

/// Attributes that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("SQS gave `{value}` as the queue's {name}")]
pub(crate) struct Unreadable {
    name: &'static str,
    value: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The spec that these attributes are.
pub(crate) fn read(attributes: &HashMap<Name, String>) -> Result<QueueSpec, Unreadable> {
    let text = |name: Name| attributes.get(&name).map(String::as_str).filter(|text| !text.is_empty());
    let number = |name: Name, label: &'static str| {
        let value = text(name).unwrap_or_default();
        value.parse().map_err(|e| unreadable(label, value, e))
    };
    let redrive = text(Name::RedrivePolicy).map(|value| json::<WrittenRedrive>("RedrivePolicy", value));
    let allow = text(Name::RedriveAllowPolicy).map(|value| json::<WrittenAllow>("RedriveAllowPolicy", value));
    let policy = text(Name::Policy).map(|value| json("Policy", value));
    Ok(QueueSpec {
        visibility_timeout_seconds: number(Name::VisibilityTimeout, "VisibilityTimeout")?,
        message_retention_period_seconds: number(Name::MessageRetentionPeriod, "MessageRetentionPeriod")?,
        receive_message_wait_time_seconds: number(
            Name::ReceiveMessageWaitTimeSeconds,
            "ReceiveMessageWaitTimeSeconds",
        )?,
        delay_seconds: number(Name::DelaySeconds, "DelaySeconds")?,
        maximum_message_size_bytes: number(Name::MaximumMessageSize, "MaximumMessageSize")?,
        sqs_managed_sse_enabled: text(Name::SqsManagedSseEnabled) == Some("true"),
        kms_master_key_id: text(Name::KmsMasterKeyId).map(str::to_owned),
        redrive_policy: redrive.transpose()?.map(Into::into),
        redrive_allow_policy: allow.transpose()?.and_then(Into::into),
        policy: policy.transpose()?,
    })
}

fn document(document: Option<&impl serde::Serialize>) -> serde_json::Result<String> {
    document.map_or_else(|| Ok(String::new()), serde_json::to_string)
}

fn json<T: for<'de> Deserialize<'de>>(name: &'static str, value: &str) -> Result<T, Unreadable> {
    serde_json::from_str(value).map_err(|e| unreadable(name, value, e))
}

fn unreadable(
    name: &'static str,
    value: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Unreadable {
    Unreadable { name, value: value.to_owned(), source: source.into() }
}

/// A redrive policy as it may have been written: SQS keeps a count that was sent as text as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRedrive {
    dead_letter_target_arn: String,
    #[serde(deserialize_with = "count")]
    max_receive_count: u32,
}

fn count<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    let value = serde_json::Value::deserialize(d)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(serde::de::Error::custom)
}

impl From<WrittenRedrive> for RedrivePolicy {
    fn from(written: WrittenRedrive) -> Self {
        let WrittenRedrive { dead_letter_target_arn, max_receive_count } = written;
        Self { dead_letter_target_arn, max_receive_count }
    }
}

/// A redrive-allow policy as it may have been written.
#[derive(Deserialize)]
#[serde(tag = "redrivePermission", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum WrittenAllow {
    AllowAll,
    DenyAll,
    ByQueue { source_queue_arns: Vec<String> },
}

impl From<WrittenAllow> for Option<RedriveAllowPolicy> {
    fn from(written: WrittenAllow) -> Self {
        match written {
            WrittenAllow::AllowAll => None,
            WrittenAllow::DenyAll => Some(RedriveAllowPolicy::DenyAll),
            WrittenAllow::ByQueue { mut source_queue_arns } => {
                source_queue_arns.sort();
                Some(RedriveAllowPolicy::ByQueue { source_queue_arns })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::full_spec;

    #[test]
    fn what_is_written_reads_back_equal() {
        for spec in [QueueSpec::default(), full_spec()] {
            let written = write(&spec).unwrap().into_iter().collect();
            assert_eq!(read(&written).unwrap(), spec);
        }
    }

    #[test]
    fn documents_that_mean_the_same_read_the_same() {
        let mut written: HashMap<_, _> = write(&full_spec()).unwrap().into_iter().collect();
        let dlq = "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-dlq";
        let redrive = format!(r#"{{ "maxReceiveCount":"5", "deadLetterTargetArn":"{dlq}" }}"#);
        written.insert(Name::RedrivePolicy, redrive);
        let allow = r#"{"sourceQueueArns":["b","a"],"redrivePermission":"byQueue"}"#;
        written.insert(Name::RedriveAllowPolicy, allow.to_owned());
        assert_eq!(read(&written).unwrap(), full_spec());
    }

    #[test]
    fn a_queue_that_lets_all_redrive_to_it_is_one_of_which_nothing_is_said() {
        let mut written: HashMap<_, _> = write(&QueueSpec::default()).unwrap().into_iter().collect();
        written.insert(Name::RedriveAllowPolicy, r#"{"redrivePermission":"allowAll"}"#.to_owned());
        assert_eq!(read(&written).unwrap(), QueueSpec::default());
    }

    #[test]
    fn an_attribute_that_cannot_be_read_is_named() {
        let mut written: HashMap<_, _> = write(&QueueSpec::default()).unwrap().into_iter().collect();
        written.insert(Name::DelaySeconds, "soon".to_owned());
        insta::assert_snapshot!(
            read(&written).unwrap_err(),
            @"SQS gave `soon` as the queue's DelaySeconds"
        );
    }
}
