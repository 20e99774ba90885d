//! The family `AWS::EFS::FileSystem`: what survey and find see of file systems, and what the contract asks for.

mod changes;
mod ensure;
mod policy;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_efs::{
    Client,
    types::{FileSystemDescription, LifecyclePolicy, Status},
};
use futures::future::{try_join, try_join_all, try_join3};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as NotOneOfThem};

use crate::scopes::{BACKUP_ROLE, FILE_SYSTEMS, NEW_FILE_SYSTEM, OWN_FILE_SYSTEMS, TAGS};
use crate::{
    FileSystemSpec, ThroughputMode,
    list::{self, found, is_going, is_unsettled, pending},
    tags,
};

const DESCRIBE_POLICY: &str = "elasticfilesystem:DescribeFileSystemPolicy";

/// EFS's file systems.
#[derive(Clone, Debug)]
pub struct FileSystems {
    client: Client,
}

impl FileSystems {
    /// The file systems that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The file system with that id; `None` where it is gone or being deleted.
    async fn observe(&self, scope: &Scope, id: &str) -> Result<Option<Observed<FileSystemSpec>>> {
        let (there, settings) =
            try_join(list::file_systems(&self.client, Some(id)), self.settings(id)).await?;
        let there = there.first().filter(|there| !is_going(&there.life_cycle_state));
        there.map(|there| read(scope, there, settings)).transpose()
    }

    async fn describe(
        &self,
        scope: &Scope,
        there: &FileSystemDescription,
    ) -> Result<Option<Observed<FileSystemSpec>>> {
        if is_going(&there.life_cycle_state) {
            return Ok(None);
        }
        let settings = self.settings(there.file_system_id()).await?;
        read(scope, there, settings).map(Some)
    }

    /// `None` where EFS does not tell of a file system that it is still busy with.
    async fn settings(&self, id: &str) -> Result<Option<Settings>> {
        match try_join3(self.policy(id), self.lifecycle(id), self.automatic_backups(id)).await {
            Ok((policy, lifecycle, automatic_backups)) => {
                Ok(Some(Settings { policy, lifecycle, automatic_backups }))
            }
            Err(error) if is_unsettled(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn policy(&self, id: &str) -> Result<Option<String>> {
        let described = self.client.describe_file_system_policy().file_system_id(id).send().await;
        let described = found(described.at(DESCRIBE_POLICY, id))?;
        Ok(described.and_then(|answer| answer.policy))
    }

    async fn lifecycle(&self, id: &str) -> Result<Vec<LifecyclePolicy>> {
        let described = self.client.describe_lifecycle_configuration().file_system_id(id).send().await;
        let described = found(described.at("elasticfilesystem:DescribeLifecycleConfiguration", id))?;
        Ok(described.and_then(|answer| answer.lifecycle_policies).unwrap_or_default())
    }

    async fn automatic_backups(&self, id: &str) -> Result<bool> {
        let described = self.client.describe_backup_policy().file_system_id(id).send().await;
        let described = found(described.at("elasticfilesystem:DescribeBackupPolicy", id))?;
        let status = described.and_then(|answer| answer.backup_policy).map(|policy| policy.status);
        Ok(matches!(status, Some(Status::Enabled | Status::Enabling)))
    }
}

/// What a file system has beside its description. A setting that is absent is as if it were never made.
#[derive(Default)]
struct Settings {
    policy: Option<String>,
    lifecycle: Vec<LifecyclePolicy>,
    automatic_backups: bool,
}

fn read(
    scope: &Scope,
    there: &FileSystemDescription,
    settings: Option<Settings>,
) -> Result<Observed<FileSystemSpec>> {
    let (id, arn) = (there.file_system_id(), arn(scope, there));
    let pending = pending(&there.life_cycle_state).or_else(|| settings.is_none().then(|| "unsettled".into()));
    let Settings { policy, lifecycle, automatic_backups } = settings.unwrap_or_default();
    let policy = policy.map(|text| {
        policy::read(&text, &arn).map_err(|error| Error::new(DESCRIBE_POLICY, id, Class::Fatal, error))
    });
    let transition = |of: fn(&LifecyclePolicy) -> Option<String>| lifecycle.iter().find_map(of);
    let throughput = there.throughput_mode().map(|mode| known(id, mode.as_str())).transpose()?;
    let spec = FileSystemSpec {
        encrypted: there.encrypted().unwrap_or_default(),
        performance_mode: known(id, there.performance_mode().as_str())?,
        throughput_mode: throughput.unwrap_or(ThroughputMode::Bursting),
        transition_to_infrequent_access: transition(|to| Some(to.transition_to_ia()?.as_str().to_owned())),
        transition_to_primary_storage_class: transition(|to| {
            Some(to.transition_to_primary_storage_class()?.as_str().to_owned())
        }),
        transition_to_archive: transition(|to| Some(to.transition_to_archive()?.as_str().to_owned())),
        automatic_backups,
        policy: policy.transpose()?,
    };
    Ok(Observed {
        id: id.to_owned(),
        name: None,
        owner: scope.owner(&tags::read(there.tags())),
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        created: Some(there.creation_time().to_string()),
        pending,
    })
}

fn arn(scope: &Scope, there: &FileSystemDescription) -> String {
    let path = format!("file-system/{}", there.file_system_id());
    there.file_system_arn().map_or_else(|| scope.arn("elasticfilesystem", &path), str::to_owned)
}

/// One of the names that `T` knows.
fn known<T: DeserializeOwned>(id: &str, name: &str) -> Result<T> {
    let unknown =
        |error: NotOneOfThem| Error::new("elasticfilesystem:DescribeFileSystems", id, Class::Fatal, error);
    T::deserialize(name.into_deserializer()).map_err(unknown)
}

impl Family for FileSystems {
    type Spec = FileSystemSpec;

    const KIND: Kind = Kind::new("AWS::EFS::FileSystem");

    const REFERS_TO: &'static [Kind] = &[];

    // Tagging inside CreateFileSystem asks for elasticfilesystem:TagResource:
    // https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("elasticfilesystem:DescribeBackupPolicy").within(FILE_SYSTEMS),
        IamAction::read("elasticfilesystem:DescribeFileSystemPolicy").within(FILE_SYSTEMS),
        IamAction::read("elasticfilesystem:DescribeFileSystems").within(Within::IN_REGION),
        IamAction::read("elasticfilesystem:DescribeLifecycleConfiguration").within(FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:CreateFileSystem").within(NEW_FILE_SYSTEM),
        IamAction::write("elasticfilesystem:DeleteFileSystem").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:DeleteFileSystemPolicy").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:PutBackupPolicy").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:PutFileSystemPolicy").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:PutLifecycleConfiguration").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:TagResource").within(TAGS),
        IamAction::write("elasticfilesystem:UpdateFileSystem").within(OWN_FILE_SYSTEMS),
        // The first automatic backup of an account has AWS Backup make its role.
        IamAction::dependent(
            "iam:CreateServiceLinkedRole",
            "https://docs.aws.amazon.com/aws-backup/latest/devguide/using-service-linked-roles.html",
        )
        .within(BACKUP_ROLE),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<FileSystemSpec>>> {
        let all = list::file_systems(&self.client, None).await?;
        let ours = all.iter().filter(|one| matches!(scope.owner(&tags::read(one.tags())), Owner::Us(_)));
        let described = try_join_all(ours.map(|one| self.describe(scope, one))).await?;
        Ok(described.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<FileSystemSpec>,
        observed: Option<&Observed<FileSystemSpec>>,
        progress: &Progress,
    ) -> Result<Observed<FileSystemSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<FileSystemSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<FileSystemSpec>>> {
        let name = id.rsplit('/').next().unwrap_or(id);
        let elsewhere =
            id.starts_with("arn:") && id != scope.arn("elasticfilesystem", &format!("file-system/{name}"));
        if elsewhere || !name.starts_with("fs-") {
            return Ok(None);
        }
        self.observe(scope, name).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<FileSystemSpec>) -> Result<()> {
        let operation = "elasticfilesystem:TagResource";
        let tags = tags::write(operation, scope, key)?;
        let tag = self.client.tag_resource().resource_id(&observed.id).set_tags(Some(tags));
        tag.send().await.at(operation, key).map(drop)
    }
}
