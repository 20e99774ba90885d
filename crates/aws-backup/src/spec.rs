//! The fields that we set of vaults and plans.

use std::collections::BTreeSet;

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A backup vault. It cannot be changed once it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultSpec {
    /// The KMS key that recovery points are encrypted with. Absent, it is the account's own key for AWS Backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key_arn: Option<String>,
}

/// A backup plan with one rule and one selection of resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanSpec {
    /// When it backs up, and for how long the recovery points are kept.
    pub rule: BackupRule,
    /// What it backs up. Absent, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<BackupSelection>,
}

/// When a plan backs up.
///
/// Ranges are AWS Backup's: <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRuleInput.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupRule {
    /// Its name: 1 to 50 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The name of the vault that the recovery points go to.
    pub target_backup_vault_name: String,
    /// When it begins, in UTC: `cron(0 2 * * ? *)`.
    pub schedule_expression: String,
    /// How late a backup may begin before it is given up: at least 60 min.
    pub start_window_minutes: u32,
    /// How long a backup may take, from the scheduled time on: more than the start window by at least 60 min.
    pub completion_window_minutes: u32,
    /// After how many days a recovery point is deleted. Absent, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<u32>,
}

/// What a plan backs up. AWS Backup cannot change a selection: another one takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupSelection {
    /// Its name: 1 to 50 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The role that AWS Backup assumes; `backup.amazonaws.com` must be allowed to.
    pub iam_role_arn: String,
    /// The ARNs of the resources.
    pub resources: BTreeSet<String>,
}

impl Spec for VaultSpec {
    fn effect(_: &str, _: &Value, _: &Value) -> Effect {
        Effect::Replace
    }
}

impl Spec for PlanSpec {}
