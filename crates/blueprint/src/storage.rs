//! What EventStoreDB's data lies on: the file system, its access points and its backups. All of it is stateful.

use std::collections::BTreeSet;

use aws_backup::{BackupRule, BackupSelection, PlanSpec, Plans, Vault, VaultSpec, Vaults};
use aws_efs::{
    AccessPoint, AccessPointSpec, AccessPoints, CreationInfo, FileSystem, FileSystemSpec, FileSystems,
    MountTargets, MountTargetsSpec, PerformanceMode, PosixUser, ThroughputMode,
};
use aws_iam::{Role, RoleSpec, Roles};
use aws_network::{Port, SecurityGroup};
use resource::{Key, Node, Scope};

use crate::Error;
use crate::configuration::{BackupMode, Environment, Throughput};
use crate::network::{Network, ids};
use crate::stack::node;

/// NFS, which EFS speaks.
pub(crate) const NFS: Port = Port::tcp(2049);

/// Who every client is, whatever its image runs as. An access point cannot be changed, so this is for ever.
const USER: u32 = 1000;

/// What backs the file system up.
const BACKUP: &str = "backup";

/// What the other stacks may refer to.
pub(crate) struct Storage {
    pub(crate) file_system: FileSystem,
    pub(crate) data: AccessPoint,
    pub(crate) logs: AccessPoint,
    /// The mount targets' group.
    pub(crate) group: SecurityGroup,
}

impl Storage {
    /// The resources by their keys alone.
    pub(crate) fn new(scope: &Scope) -> Result<Self, Error> {
        let key = |name: &str| Key::new(Key::STATEFUL, name);
        Ok(Self {
            file_system: FileSystem::new(scope, &key("file-system")?),
            data: AccessPoint::new(&key("data-access-point")?),
            logs: AccessPoint::new(&key("logs-access-point")?),
            group: SecurityGroup::new(scope, &key("file-system-security-group")?, "file-system"),
        })
    }

    pub(crate) fn stateful(
        &self,
        scope: &Scope,
        environment: &Environment,
        network: &Network,
    ) -> Result<Vec<Node>, Error> {
        let mount_targets = MountTargetsSpec {
            file_system_id: self.file_system.id(),
            subnet_ids: ids(&network.private),
            security_group_ids: BTreeSet::from([self.group.id()]),
        };
        let mut nodes = vec![
            node::<FileSystems>(self.file_system.key(), None, &self.file_system_spec(environment))?,
            network.security_group(&self.group, "The mount targets of the file system.")?,
            node::<MountTargets>(&self.file_system.mount_targets_key(), None, &mount_targets)?,
            node::<AccessPoints>(self.data.key(), None, &self.access_point("/data"))?,
            node::<AccessPoints>(self.logs.key(), None, &self.access_point("/logs"))?,
        ];
        if environment.backup.mode == BackupMode::Vault {
            nodes.extend(self.backup(scope, environment)?);
        }
        Ok(nodes)
    }

    fn file_system_spec(&self, environment: &Environment) -> FileSystemSpec {
        FileSystemSpec {
            encrypted: true,
            performance_mode: PerformanceMode::GeneralPurpose,
            throughput_mode: match environment.eventstore.throughput {
                Throughput::Elastic => ThroughputMode::Elastic,
                Throughput::Bursting => ThroughputMode::Bursting,
            },
            transition_to_infrequent_access: Some("AFTER_14_DAYS".to_owned()),
            transition_to_primary_storage_class: None,
            transition_to_archive: None,
            automatic_backups: environment.backup.mode == BackupMode::Automatic,
            policy: Some(self.file_system.policy()),
        }
    }

    fn access_point(&self, path: &str) -> AccessPointSpec {
        AccessPointSpec {
            file_system_id: self.file_system.id(),
            path: path.to_owned(),
            posix_user: Some(PosixUser { uid: USER, gid: USER }),
            creation_info: Some(CreationInfo {
                owner_uid: USER,
                owner_gid: USER,
                permissions: "0750".to_owned(),
            }),
        }
    }

    fn backup(&self, scope: &Scope, environment: &Environment) -> Result<[Node; 3], Error> {
        let key = |name: &str| Key::new(Key::STATEFUL, name);
        let (vault, role) = (Vault::new(scope, BACKUP), Role::new(scope, BACKUP));
        let (vault_key, role_key) = (key("backup-vault")?, key("backup-role")?);
        let backup = &environment.backup;
        let plan = PlanSpec {
            rule: BackupRule {
                name: "file-system".to_owned(),
                target_backup_vault_name: vault.name().to_owned(),
                schedule_expression: backup.schedule.clone(),
                start_window_minutes: backup.start_window_minutes.into(),
                completion_window_minutes: backup.completion_window_minutes.into(),
                delete_after_days: Some(backup.delete_after_days.into()),
            },
            selection: Some(BackupSelection {
                name: "file-system".to_owned(),
                iam_role_arn: role.arn(),
                resources: BTreeSet::from([self.file_system.arn()]),
            }),
        };
        let mut role_spec =
            RoleSpec::for_service("backup.amazonaws.com", scope, "AWS Backup: copies of the file system.");
        // AWS's own policy: what it needs of AWS Backup's own workings changes with them.
        // https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html
        role_spec.managed_policy_arns.insert(format!(
            "arn:{}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
            scope.partition()
        ));
        Ok([
            node::<Vaults>(&vault_key, Some(vault.name()), &VaultSpec::default())?,
            node::<Roles>(&role_key, Some(role.name()), &role_spec)?,
            node::<Plans>(&key("backup-plan")?, Some(&scope.physical_name(BACKUP)), &plan)?
                .after([&vault_key, &role_key]),
        ])
    }
}
