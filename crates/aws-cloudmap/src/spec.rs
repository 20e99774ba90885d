//! The fields of namespaces and services that we set.

use std::collections::BTreeMap;

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The routing policy of a service whose instances are all alike.
pub(crate) const MULTIVALUE: &str = "MULTIVALUE";

/// A private DNS namespace: a hosted zone of Route 53 that a VPC resolves. Its name is the zone's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSpec {
    /// The id of the VPC. Cloud Map does not tell it of a namespace, so that it is kept as a tag.
    pub vpc: String,
    /// What it is for, in at most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Spec for NamespaceSpec {
    fn effect(field: &str, observed: &Value, _: &Value) -> Effect {
        match field {
            // One that was adopted has no such tag yet; then it is written.
            "vpc" if observed != "" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

/// A service in a namespace: a DNS name with a record for each of its instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSpec {
    /// The id of the namespace.
    pub namespace_id: String,
    /// What it is for, in at most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The records of an instance (`A`, `AAAA`, `CNAME`, `SRV`), and how many seconds resolvers may keep each.
    pub dns_record_ttl_seconds: BTreeMap<String, u32>,
    /// `MULTIVALUE`: up to eight instances in one answer, as many as are healthy; or `WEIGHTED`: one of them.
    pub routing_policy: String,
    /// Whether whoever runs the instances tells of their health, as ECS does of its tasks.
    pub health_check_custom: bool,
}

impl ServiceSpec {
    /// A service of ECS tasks with an address each: A records that resolvers keep for ten seconds.
    pub fn of_tasks(namespace_id: impl Into<String>) -> Self {
        Self {
            namespace_id: namespace_id.into(),
            description: None,
            dns_record_ttl_seconds: BTreeMap::from([("A".to_owned(), 10)]),
            routing_policy: MULTIVALUE.to_owned(),
            health_check_custom: true,
        }
    }
}

impl Spec for ServiceSpec {
    /// An update changes the description and the TTL of records, and drops records:
    /// <https://docs.aws.amazon.com/cloud-map/latest/api/API_UpdateService.html>
    fn effect(field: &str, observed: &Value, _: &Value) -> Effect {
        match field {
            "description" => Effect::Update,
            field if field.starts_with("dnsRecordTtlSeconds.") && !observed.is_null() => Effect::Update,
            _ => Effect::Replace,
        }
    }
}
