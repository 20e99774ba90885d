//! The family `AWS::EFS::MountTarget`: what survey and find see of mount targets, and what the contract asks for.
//!
//! All mount targets of a file system are one resource here. They carry no tags: whose they are, and their key, follow from
//! the file system's.

mod ensure;

use std::collections::{BTreeMap, BTreeSet};

use aws_env::{At, SdkConfig};
use aws_sdk_efs::{
    Client,
    types::{FileSystemDescription, MountTargetDescription},
};
use futures::future::try_join_all;
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{EFS_ROLE, FILE_SYSTEMS, INTERFACE, INTERFACE_GROUPS, NEW_INTERFACE, OWN_FILE_SYSTEMS};
use crate::{
    MountTargetsSpec, handle,
    list::{self, found, is_going, is_unsettled, pending},
    tags,
};

/// What our id for a file system's mount targets has after the file system's.
const SUFFIX: &str = "/mount-targets";

/// What a mount target's network interface takes of EC2.
const CREATE: &str = "https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html";

/// EFS's mount targets: all of a file system as one.
#[derive(Clone, Debug)]
pub struct MountTargets {
    client: Client,
}

impl MountTargets {
    /// The mount targets that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// All mount targets of the file system, also those that are being deleted; none where it is gone.
    async fn list(&self, file_system: &str) -> Result<Vec<MountTargetDescription>> {
        let pages = self.client.describe_mount_targets().file_system_id(file_system);
        let pages = pages.into_paginator().send().try_collect().await;
        let pages = found(pages.at("elasticfilesystem:DescribeMountTargets", file_system))?;
        Ok(pages.into_iter().flatten().flat_map(|page| page.mount_targets.unwrap_or_default()).collect())
    }

    /// The security groups of a mount target; none where it is gone, or not made yet.
    async fn groups(&self, id: &str) -> Result<BTreeSet<String>> {
        let described = self.client.describe_mount_target_security_groups().mount_target_id(id).send().await;
        let described = described.at("elasticfilesystem:DescribeMountTargetSecurityGroups", id);
        match found(described) {
            Ok(groups) => Ok(groups.into_iter().flat_map(|groups| groups.security_groups).collect()),
            Err(error) if is_unsettled(&error) => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    /// The mount targets of the file system; `None` where it has none but what is being deleted.
    async fn observe(&self, owner: Owner, file_system: &str) -> Result<Option<Observed<MountTargetsSpec>>> {
        let mut targets = self.list(file_system).await?;
        targets.retain(|target| !is_going(&target.life_cycle_state));
        let groups = self.groups_of(&targets).await?;
        Ok((!targets.is_empty()).then(|| read(owner, file_system, &targets, groups)))
    }

    async fn groups_of(&self, targets: &[MountTargetDescription]) -> Result<Vec<BTreeSet<String>>> {
        try_join_all(targets.iter().map(|target| self.groups(target.mount_target_id()))).await
    }
}

/// What is observed of mount targets and the security groups of each.
fn read(
    owner: Owner,
    file_system: &str,
    targets: &[MountTargetDescription],
    groups: Vec<BTreeSet<String>>,
) -> Observed<MountTargetsSpec> {
    let alike = groups.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    // The spec has one set for all, so that they differ is told besides.
    let pending = targets.iter().find_map(|target| pending(&target.life_cycle_state));
    let pending = pending.or_else(|| (!alike).then(|| "of differing security groups".to_owned()));
    let spec = MountTargetsSpec {
        file_system_id: file_system.to_owned(),
        subnet_ids: targets.iter().map(|target| target.subnet_id.clone()).collect(),
        security_group_ids: groups.into_iter().flatten().collect(),
    };
    Observed {
        id: format!("{file_system}{SUFFIX}"),
        name: None,
        owner,
        spec,
        outputs: BTreeMap::new(),
        created: None,
        pending,
    }
}

/// Whose the file system's mount targets are, with their key.
fn owner(scope: &Scope, file_system: &FileSystemDescription) -> Owner {
    match scope.owner(&tags::read(file_system.tags())) {
        Owner::Us(key) => Owner::Us(handle::mount_targets_key(&key)),
        other => other,
    }
}

impl Family for MountTargets {
    type Spec = MountTargetsSpec;

    const KIND: Kind = Kind::new("AWS::EFS::MountTarget");

    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EFS::FileSystem"),
        Kind::new("AWS::EC2::Subnet"),
        Kind::new("AWS::EC2::SecurityGroup"),
    ];

    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("elasticfilesystem:DescribeFileSystems").within(Within::IN_REGION),
        IamAction::read("elasticfilesystem:DescribeMountTargetSecurityGroups").within(FILE_SYSTEMS),
        IamAction::read("elasticfilesystem:DescribeMountTargets").within(FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:CreateMountTarget").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:DeleteMountTarget").within(OWN_FILE_SYSTEMS),
        IamAction::write("elasticfilesystem:ModifyMountTargetSecurityGroups").within(OWN_FILE_SYSTEMS),
        IamAction::dependent("ec2:CreateNetworkInterface", CREATE).within(NEW_INTERFACE),
        IamAction::dependent("ec2:DescribeNetworkInterfaces", CREATE).within(Within::IN_REGION),
        IamAction::dependent("ec2:DescribeSubnets", CREATE).within(Within::IN_REGION),
        IamAction::dependent(
            "ec2:DeleteNetworkInterface",
            "https://docs.aws.amazon.com/efs/latest/ug/API_DeleteMountTarget.html",
        )
        .within(INTERFACE),
        IamAction::dependent(
            "ec2:ModifyNetworkInterfaceAttribute",
            "https://docs.aws.amazon.com/efs/latest/ug/API_ModifyMountTargetSecurityGroups.html",
        )
        .within(INTERFACE_GROUPS),
        IamAction::dependent(
            "iam:CreateServiceLinkedRole",
            "https://docs.aws.amazon.com/efs/latest/ug/using-service-linked-roles.html",
        )
        .within(EFS_ROLE),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<MountTargetsSpec>>> {
        let all = list::file_systems(&self.client, None).await?;
        let ours = all.iter().filter_map(|one| match owner(scope, one) {
            Owner::Us(key) if !is_going(&one.life_cycle_state) => {
                Some(self.observe(Owner::Us(key), one.file_system_id()))
            }
            _ => None,
        });
        Ok(try_join_all(ours).await?.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        _: &Scope,
        desired: &Desired<MountTargetsSpec>,
        observed: Option<&Observed<MountTargetsSpec>>,
        progress: &Progress,
    ) -> Result<Observed<MountTargetsSpec>> {
        match observed {
            Some(there) if there.pending.is_none() && there.spec == desired.spec => Ok(there.clone()),
            _ => self.make_so(desired, progress).await,
        }
    }

    async fn delete(&self, observed: &Observed<MountTargetsSpec>, progress: &Progress) -> Result<()> {
        self.remove(&observed.id, &observed.spec.file_system_id, progress, |_| true).await.map(drop)
    }

    /// By the file system's id or ARN, or by ours for its mount targets.
    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<MountTargetsSpec>>> {
        let arn = scope.arn("elasticfilesystem", "file-system/");
        let id = id.strip_suffix(SUFFIX).unwrap_or(id);
        let id = id.strip_prefix(&arn).unwrap_or(id);
        if !id.starts_with("fs-") {
            return Ok(None);
        }
        match list::file_systems(&self.client, Some(id)).await?.first() {
            Some(there) => self.observe(owner(scope, there), id).await,
            None => Ok(None),
        }
    }

    /// Nothing to write: mount targets are whose their file system is.
    async fn adopt(&self, _: &Scope, key: &Key, observed: &Observed<MountTargetsSpec>) -> Result<()> {
        if observed.owner == Owner::Us(key.clone()) {
            return Ok(());
        }
        let file_system = &observed.spec.file_system_id;
        let text = format!(
            "mount targets carry no tags and belong to whom their file system belongs to; adopt `{file_system}` instead"
        );
        Err(Error::new("elasticfilesystem:DescribeMountTargets", key, Class::Fatal, text))
    }
}
