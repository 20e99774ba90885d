//! The fields that we set of file systems, mount targets and access points.

use std::collections::BTreeSet;

use resource::{Effect, PolicyDocument, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A file system over all zones of a region.
///
/// Ranges are EFS's: <https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileSystemSpec {
    /// Whether what is stored is encrypted, with the account's own key for EFS. Fixed when the file system is made.
    pub encrypted: bool,
    /// Fixed when the file system is made.
    pub performance_mode: PerformanceMode,
    /// EFS lets it be changed once in 24 hours.
    pub throughput_mode: ThroughputMode,
    /// After how long without access a file moves to Infrequent Access: `AFTER_1_DAY`, `AFTER_7_DAYS`, `AFTER_14_DAYS`,
    /// `AFTER_30_DAYS`, `AFTER_60_DAYS`, `AFTER_90_DAYS`, `AFTER_180_DAYS`, `AFTER_270_DAYS` or `AFTER_365_DAYS`. Absent,
    /// never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition_to_infrequent_access: Option<String>,
    /// When a file comes back from there: `AFTER_1_ACCESS`. Absent, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition_to_primary_storage_class: Option<String>,
    /// After how long without access a file moves to Archive, in the words of `transitionToInfrequentAccess`. Absent, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition_to_archive: Option<String>,
    /// Whether EFS has AWS Backup keep daily copies for 35 days. They lie in the vault `aws/efs/automatic-backup-vault`,
    /// which can never be deleted: <https://docs.aws.amazon.com/efs/latest/ug/automatic-backups.html>
    pub automatic_backups: bool,
    /// Who may mount it, and how. A statement without resources is on the file system itself, whose ARN is not known
    /// before it is made. Absent, whoever reaches a mount target may do everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
}

/// How a file system is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PerformanceMode {
    /// For all but a few uses.
    #[serde(rename = "generalPurpose")]
    GeneralPurpose,
    /// AWS advises against it.
    #[serde(rename = "maxIO")]
    MaxIo,
}

/// How a file system's throughput is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThroughputMode {
    /// By what is stored.
    Bursting,
    /// By what is read and written.
    Elastic,
    /// By what is booked. It is observed, not wanted: EFS would ask how much.
    Provisioned,
}

/// All mount targets of a file system: one in each subnet, which lie in different zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MountTargetsSpec {
    /// The file system.
    pub file_system_id: String,
    /// The subnets, of one VPC and one a zone.
    pub subnet_ids: BTreeSet<String>,
    /// The security groups that each of them has; at most five, and at least one: EFS takes the VPC's default otherwise.
    pub security_group_ids: BTreeSet<String>,
}

/// An access point. EFS changes nothing but its tags once it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessPointSpec {
    /// The file system.
    pub file_system_id: String,
    /// The directory that a client sees as the root: at most four levels deep.
    pub path: String,
    /// Who each client is, whatever it says of itself. Absent, it is who it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posix_user: Option<PosixUser>,
    /// How EFS makes the directory where it is not there. Absent, it does not, and a mount fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_info: Option<CreationInfo>,
}

/// A user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PosixUser {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

/// How a directory is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreationInfo {
    /// The owner's id.
    pub owner_uid: u32,
    /// The group's id.
    pub owner_gid: u32,
    /// The mode in octal digits: `0750`.
    pub permissions: String,
}

impl Spec for FileSystemSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "encrypted" | "performanceMode" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

impl Spec for MountTargetsSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "fileSystemId" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}

impl Spec for AccessPointSpec {
    fn effect(_: &str, _: &Value, _: &Value) -> Effect {
        Effect::Replace
    }
}
