//! The family `AWS::Backup::BackupVault`.

use std::{collections::BTreeMap, time::Duration};

use aws_env::{At, Patience, SdkConfig, retry_while, wait_until};
use aws_sdk_backup::{Client, types::BackupVaultListMember};
use futures::future::try_join_all;
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{KEYS, KEYS_BY_BACKUP, OWN_VAULTS, VAULTS};
use crate::{VaultSpec, tags};

/// Marks a vault for which a key was chosen. AWS Backup tells a key of every vault, the account's own one too.
const ENCRYPTION_KEY: &str = "headwater:encryption-key-arn";

/// What a vault takes besides.
const PERMISSIONS: &str = "https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html";

/// A vault is made and deleted at once; a listing may be a moment behind.
const SETTLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(120));

/// AWS Backup's vaults.
#[derive(Clone, Debug)]
pub struct Vaults {
    client: Client,
}

impl Vaults {
    /// The vaults that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The account's vaults. DescribeBackupVault says of an absent one that access is denied, so nothing asks it.
    async fn list(&self) -> Result<Vec<BackupVaultListMember>> {
        let pages = self.client.list_backup_vaults().into_paginator().send().try_collect().await;
        let pages = pages.at("backup:ListBackupVaults", "backup vaults")?;
        Ok(pages.into_iter().flat_map(|page| page.backup_vault_list.unwrap_or_default()).collect())
    }

    async fn named(&self, name: &str) -> Result<Option<BackupVaultListMember>> {
        Ok(self.list().await?.into_iter().find(|vault| vault.backup_vault_name() == Some(name)))
    }

    /// `None` where it is gone meanwhile.
    async fn describe(
        &self,
        scope: &Scope,
        vault: &BackupVaultListMember,
    ) -> Result<Option<Observed<VaultSpec>>> {
        let name = vault.backup_vault_name().unwrap_or_default();
        let ours = || scope.arn("backup", &format!("backup-vault:{name}"));
        let arn = vault.backup_vault_arn().map_or_else(ours, str::to_owned);
        let tags = match tags::list(&self.client, &arn).await {
            Err(error) if error.class == Class::NotFound => return Ok(None),
            tags => tags?,
        };
        let chosen = tags.contains_key(ENCRYPTION_KEY);
        let key = vault.encryption_key_arn().filter(|_| chosen).map(str::to_owned);
        Ok(Some(Observed {
            id: name.to_owned(),
            name: Some(name.to_owned()),
            owner: scope.owner(&tags),
            spec: VaultSpec { encryption_key_arn: key },
            outputs: BTreeMap::from([("arn".to_owned(), arn)]),
            created: vault.creation_date().map(ToString::to_string),
            pending: None,
        }))
    }

    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<VaultSpec>,
        progress: &Progress,
    ) -> Result<Observed<VaultSpec>> {
        let operation = "backup:CreateBackupVault";
        let Desired { key, name, spec } = desired;
        let no_name = || Error::new(operation, key, Class::Fatal, "a backup vault needs a name");
        let name = name.as_deref().ok_or_else(no_name)?;
        let encryption_key = spec.encryption_key_arn.clone();
        let mut tags = scope.tags(key);
        tags.extend(encryption_key.clone().map(|arn| (ENCRYPTION_KEY.to_owned(), arn)));
        let create = self
            .client
            .create_backup_vault()
            .backup_vault_name(name)
            .set_encryption_key_arn(encryption_key)
            .set_backup_vault_tags(Some(tags.into_iter().collect()));
        let existed = match create.send().await.at(operation, key) {
            Ok(_) => false,
            // Made by a run before this one, or by somebody else.
            Err(error) if error.class == Class::AlreadyExists => true,
            Err(error) => return Err(error),
        };
        wait_until(&SETTLE, progress, operation, key, "the new vault to be seen with our tags", || async {
            let Some(vault) = self.named(name).await? else { return Ok(None) };
            match self.describe(scope, &vault).await? {
                Some(vault) if vault.owner == Owner::Us(key.clone()) => Ok(Some(vault)),
                Some(vault) if existed => Err(taken(key, &vault)),
                _ => Ok(None),
            }
        })
        .await
    }
}

fn taken(key: &Key, vault: &Observed<VaultSpec>) -> Error {
    let whose = match &vault.owner {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text.clone(),
    };
    let text = format!("a backup vault `{}` is there already, {whose}", vault.id);
    Error::new("backup:CreateBackupVault", key, Class::AlreadyExists, text)
}

/// What AWS Backup says of a vault that is not empty, with what to do.
fn not_empty(name: &str, error: Error) -> Error {
    let text = format!(
        "the backup vault `{name}` holds recovery points, and AWS Backup deletes no vault before they are gone; delete \
         them, or wait until they expire, and try again ({})",
        error.source
    );
    Error { source: text.into(), ..error }
}

impl Family for Vaults {
    type Spec = VaultSpec;

    const KIND: Kind = Kind::new("AWS::Backup::BackupVault");

    const REFERS_TO: &'static [Kind] = &[];

    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("backup:ListBackupVaults").within(Within::IN_REGION),
        IamAction::read("backup:ListTags").within(VAULTS),
        IamAction::write("backup:CreateBackupVault").within(OWN_VAULTS),
        IamAction::write("backup:DeleteBackupVault").within(OWN_VAULTS),
        // Called to adopt, and asked for besides CreateBackupVault with tags.
        IamAction::write("backup:TagResource").within(OWN_VAULTS),
        IamAction::dependent("backup-storage:MountCapsule", PERMISSIONS).within(Within::IN_REGION),
        IamAction::dependent("kms:CreateGrant", PERMISSIONS).within(KEYS_BY_BACKUP),
        IamAction::dependent("kms:Decrypt", PERMISSIONS).within(KEYS_BY_BACKUP),
        IamAction::dependent("kms:DescribeKey", PERMISSIONS).within(KEYS),
        IamAction::dependent("kms:GenerateDataKey", PERMISSIONS).within(KEYS_BY_BACKUP),
        IamAction::dependent("kms:RetireGrant", PERMISSIONS).within(KEYS_BY_BACKUP),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<VaultSpec>>> {
        let mut vaults = self.list().await?;
        // A vault's name is for ever, so ours have it.
        let prefix = scope.name_prefix();
        vaults.retain(|vault| vault.backup_vault_name().is_some_and(|name| name.starts_with(&prefix)));
        let described = vaults.iter().map(|vault| self.describe(scope, vault));
        Ok(try_join_all(described).await?.into_iter().flatten().collect())
    }

    /// There is nothing that could be changed: it is there, or it is made.
    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<VaultSpec>,
        observed: Option<&Observed<VaultSpec>>,
        progress: &Progress,
    ) -> Result<Observed<VaultSpec>> {
        let there = match observed {
            Some(there) => there.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        if there.spec == desired.spec {
            return Ok(there);
        }
        let text =
            format!("the backup vault `{}` has another key, and AWS Backup cannot change it", there.id);
        Err(Error::new("backup:CreateBackupVault", &desired.key, Class::Fatal, text))
    }

    async fn delete(&self, observed: &Observed<VaultSpec>, progress: &Progress) -> Result<()> {
        let name = observed.id.as_str();
        let waits_for = "AWS Backup to end what it does with the vault";
        let conflict = |error: &Error| error.class == Class::Conflict;
        let deleted = retry_while(&SETTLE, progress, waits_for, conflict, || async {
            let delete = self.client.delete_backup_vault().backup_vault_name(name);
            delete.send().await.at("backup:DeleteBackupVault", name)
        });
        match deleted.await {
            Err(error) if error.says("recovery point") => return Err(not_empty(name, error)),
            Err(error) if error.class != Class::NotFound => return Err(error),
            _ => {}
        }
        let operation = "backup:ListBackupVaults";
        wait_until(&SETTLE, progress, operation, name, "the vault to be gone", || async {
            Ok(self.named(name).await?.is_none().then_some(()))
        })
        .await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<VaultSpec>>> {
        let name = id.strip_prefix(&scope.arn("backup", "backup-vault:")).unwrap_or(id);
        match self.named(name).await? {
            Some(vault) => self.describe(scope, &vault).await,
            None => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<VaultSpec>) -> Result<()> {
        let arn = scope.arn("backup", &format!("backup-vault:{}", observed.id));
        let tag = self.client.tag_resource().resource_arn(arn);
        let tag = tag.set_tags(Some(scope.tags(key).into_iter().collect()));
        tag.send().await.at("backup:TagResource", key).map(drop)
    }
}
