//! Making a file system as it is desired, and deleting one: what EFS needs time for, and how long it is given.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_efs::types::{BackupPolicy, FileSystemDescription, LifeCycleState, Status};
use futures::future::try_join_all;
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result, Scope};

use super::{
    FileSystems,
    changes::{Change, changes},
    policy,
};
use crate::{
    FileSystemSpec,
    list::{self, is_going, is_unsettled},
    tags,
};

/// A file system is made in some seconds, and changes its throughput mode in minutes.
const SETTLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(900));

/// How long EFS may count mount targets that are gone, or keep the token of a file system that is being deleted.
const GOING: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(300));

/// How long a describing call may show what was before a change.
const STALE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

impl FileSystems {
    /// Creates the file system where it is absent and changes what differs.
    pub(super) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<FileSystemSpec>,
        observed: Option<&Observed<FileSystemSpec>>,
        progress: &Progress,
    ) -> Result<Observed<FileSystemSpec>> {
        let there = match observed {
            Some(there) if there.pending.is_none() => there.clone(),
            Some(there) => self.available(scope, &desired.key, &there.id, progress).await?,
            None => {
                let id = self.create(scope, desired, progress).await?;
                self.available(scope, &desired.key, &id, progress).await?
            }
        };
        let fixed = |spec: &FileSystemSpec| (spec.encrypted, spec.performance_mode);
        if fixed(&there.spec) != fixed(&desired.spec) {
            let text = "EFS cannot change a file system's encryption or performance mode";
            return Err(Error::new("elasticfilesystem:UpdateFileSystem", &desired.key, Class::Fatal, text));
        }
        if there.spec == desired.spec {
            return Ok(there);
        }
        // What is in no order to one another is done at once.
        for changes in changes(&there.spec, &desired.spec) {
            let applied = changes.iter().map(|change| self.apply(&desired.key, &there, change, progress));
            try_join_all(applied).await?;
        }
        self.read_back(scope, desired, &there.id, progress).await
    }

    /// Gives the id of the file system, which may not be `available` yet. One that an earlier run made is as good.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<FileSystemSpec>,
        progress: &Progress,
    ) -> Result<String> {
        let operation = "elasticfilesystem:CreateFileSystem";
        let Desired { key, spec, .. } = desired;
        let token = tags::token(scope, key, "");
        let create = self
            .client
            .create_file_system()
            .creation_token(&token)
            .encrypted(spec.encrypted)
            .performance_mode(spec.performance_mode.into())
            .throughput_mode(spec.throughput_mode.into())
            .set_tags(Some(tags::write(operation, scope, key)?));
        let waits_for = "the deleted file system of that token to be gone";
        retry_while(
            &GOING,
            progress,
            waits_for,
            |error| error.class == Class::Conflict,
            || {
                let create = create.clone();
                let token = token.as_str();
                async move {
                    match create.send().await.at(operation, key) {
                        Ok(made) => Ok(made.file_system_id),
                        Err(error) if error.class == Class::AlreadyExists => {
                            let live = self.with_token(token).await?;
                            live.map(|there| there.file_system_id)
                                .ok_or(Error { class: Class::Conflict, ..error })
                        }
                        Err(error) => Err(error),
                    }
                }
            },
        )
        .await
    }

    /// The file system that was made with that token, unless it is being deleted.
    async fn with_token(&self, token: &str) -> Result<Option<FileSystemDescription>> {
        let described = self.client.describe_file_systems().creation_token(token).send().await;
        let described = described.at("elasticfilesystem:DescribeFileSystems", token)?;
        let found = described.file_systems.unwrap_or_default().into_iter();
        Ok(found.into_iter().find(|there| !is_going(&there.life_cycle_state)))
    }

    /// The file system once it is `available`. One just made may not be found for a moment.
    async fn available(
        &self,
        scope: &Scope,
        key: &Key,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<FileSystemSpec>> {
        let operation = "elasticfilesystem:DescribeFileSystems";
        let waits_for = "the file system to become available";
        let there = wait_until(&SETTLE, progress, operation, key, waits_for, || async {
            let there = self.observe(scope, id).await?;
            if there.as_ref().is_some_and(|there| there.pending.as_deref() == Some("error")) {
                let text = format!("EFS says that the file system `{id}` is in the state `error`");
                return Err(Error::new(operation, key, Class::Fatal, text));
            }
            Ok(there.filter(|there| there.pending.is_none()))
        })
        .await?;
        if there.owner == Owner::Us(key.clone()) { Ok(there) } else { Err(taken(key, &there)) }
    }

    async fn apply(
        &self,
        key: &Key,
        there: &Observed<FileSystemSpec>,
        change: &Change,
        progress: &Progress,
    ) -> Result<()> {
        let waits_for = "EFS to end what it does with the file system";
        retry_while(&SETTLE, progress, waits_for, is_unsettled, || self.call(key, there, change)).await
    }

    async fn call(&self, key: &Key, there: &Observed<FileSystemSpec>, change: &Change) -> Result<()> {
        let id = there.id.as_str();
        match change {
            Change::Throughput(mode) => {
                let update = self.client.update_file_system().file_system_id(id);
                let updated = update.throughput_mode((*mode).into()).send().await;
                updated.at("elasticfilesystem:UpdateFileSystem", key).map(drop).map_err(once_a_day)
            }
            Change::Policy(Some(policy)) => {
                let operation = "elasticfilesystem:PutFileSystemPolicy";
                let arn = there.outputs.get("arn").map(String::as_str).unwrap_or_default();
                let text = policy::write(policy, arn)
                    .map_err(|error| Error::new(operation, key, Class::Fatal, error))?;
                let put = self.client.put_file_system_policy().file_system_id(id).policy(text);
                put.send().await.at(operation, key).map(drop)
            }
            Change::Policy(None) => {
                let delete = self.client.delete_file_system_policy().file_system_id(id);
                delete.send().await.at("elasticfilesystem:DeleteFileSystemPolicy", key).map(drop)
            }
            Change::Lifecycle(policies) => {
                let put = self.client.put_lifecycle_configuration().file_system_id(id);
                let put = put.set_lifecycle_policies(Some(policies.clone()));
                put.send().await.at("elasticfilesystem:PutLifecycleConfiguration", key).map(drop)
            }
            Change::AutomaticBackups(on) => {
                let operation = "elasticfilesystem:PutBackupPolicy";
                let status = if *on { Status::Enabled } else { Status::Disabled };
                let policy = BackupPolicy::builder()
                    .status(status)
                    .build()
                    .map_err(|error| Error::new(operation, key, Class::Fatal, error))?;
                let put = self.client.put_backup_policy().file_system_id(id).backup_policy(policy);
                put.send().await.at(operation, key).map(drop)
            }
        }
    }

    /// The file system once it reads as desired, or as it reads when that takes too long and it is available: then the next
    /// plan shows what is left.
    async fn read_back(
        &self,
        scope: &Scope,
        desired: &Desired<FileSystemSpec>,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<FileSystemSpec>> {
        let (operation, key) = ("elasticfilesystem:DescribeFileSystems", &desired.key);
        let read = wait_until(&STALE, progress, operation, key, "the change to be seen", || async {
            let there = self.observe(scope, id).await?;
            Ok(there.filter(|there| there.pending.is_none() && there.spec == desired.spec))
        });
        match read.await {
            // Another throughput mode takes minutes.
            Err(error) if error.class == Class::RetryLater => self.available(scope, key, id, progress).await,
            read => read,
        }
    }

    /// Deletes the file system and waits until it is gone. EFS refuses while mount targets remain, also some that are
    /// being deleted.
    pub(super) async fn delete_and_wait(&self, id: &str, progress: &Progress) -> Result<()> {
        let may_pass = |error: &Error| error.class == Class::Conflict || is_unsettled(error);
        let deleted = retry_while(&GOING, progress, "its mount targets to be gone", may_pass, || async {
            let delete = self.client.delete_file_system().file_system_id(id);
            delete.send().await.at("elasticfilesystem:DeleteFileSystem", id)
        });
        list::found(deleted.await)?;
        let operation = "elasticfilesystem:DescribeFileSystems";
        wait_until(&SETTLE, progress, operation, id, "the file system to be gone", || async {
            let there = list::file_systems(&self.client, Some(id)).await?;
            let gone = there.iter().all(|there| there.life_cycle_state == LifeCycleState::Deleted);
            Ok(gone.then_some(()))
        })
        .await
    }
}

/// EFS lets the throughput mode be changed once in 24 hours. It says so by the code of its throttling, which no patience
/// outlasts: <https://docs.aws.amazon.com/efs/latest/ug/API_UpdateFileSystem.html>
fn once_a_day(error: Error) -> Error {
    if error.says("TooManyRequests") { Error { class: Class::Conflict, ..error } } else { error }
}

fn taken(key: &Key, there: &Observed<FileSystemSpec>) -> Error {
    let whose = match &there.owner {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text.clone(),
    };
    let text = format!(
        "the file system `{}` was made with our creation token and is there already, {whose}",
        there.id
    );
    Error::new("elasticfilesystem:CreateFileSystem", key, Class::AlreadyExists, text)
}
