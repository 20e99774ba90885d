//! A security group as a plan sees it, and as others speak of it.

use resource::{Effect, Key, Reference, Scope, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Connections;

/// The fields of a security group that we set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroupSpec {
    /// The VPC's id. Fixed when the group is made.
    pub vpc_id: String,
    /// What it is for: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`. Fixed when the group is made.
    pub description: String,
    /// Whether it has a rule that lets all traffic out and that is no resource of ours: EC2 begins every group with
    /// one. Wanted without.
    pub default_egress: bool,
}

impl SecurityGroupSpec {
    /// An empty group.
    pub fn new(vpc_id: impl Into<String>, description: impl Into<String>) -> Self {
        Self { vpc_id: vpc_id.into(), description: description.into(), default_egress: false }
    }
}

impl Spec for SecurityGroupSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "defaultEgress" => Effect::Update,
            _ => Effect::Replace,
        }
    }
}

/// A security group of an environment. EC2 makes its id, so a spec names it by a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    key: Key,
    suffix: String,
    name: String,
}

impl SecurityGroup {
    /// The group of that key, whose physical name ends in `suffix`: `relay` is `headwater-prod-relay`. By the suffix the
    /// keys of its rules name it, so it must be fit for a part of a key.
    pub fn new(scope: &Scope, key: &Key, suffix: &str) -> Self {
        Self { key: key.clone(), suffix: suffix.to_owned(), name: scope.physical_name(suffix) }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its physical name, EC2's group name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its physical name ends in.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// The reference to its id, for another's spec.
    pub fn id(&self) -> String {
        Reference::id(&self.key).to_string()
    }

    /// What may connect to it, and to what it may connect.
    pub fn connections(&self) -> Connections {
        Connections::of(self)
    }
}
