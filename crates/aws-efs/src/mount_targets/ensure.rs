//! Making a file system's mount targets as they are desired, and deleting them: one at a time, since EFS lets a zone have
//! only one, and those that are being made in one zone at once collide.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_efs::types::{LifeCycleState, MountTargetDescription};
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result};

use super::MountTargets;
use crate::{
    MountTargetsSpec,
    list::{found, is_going, is_unsettled},
};

/// A mount target is made or deleted in one to three minutes.
const SETTLE: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(900));

/// How long EFS may not know a subnet or security group that was just made, or take a zone for occupied whose mount target
/// is gone.
const FRESH: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(120));

impl MountTargets {
    /// Continues from what is there: removes what is not wanted, which frees its zone, then makes what is missing, then
    /// changes security groups.
    pub(super) async fn make_so(
        &self,
        desired: &Desired<MountTargetsSpec>,
        progress: &Progress,
    ) -> Result<Observed<MountTargetsSpec>> {
        let Desired { key, spec, .. } = desired;
        let file_system = spec.file_system_id.as_str();
        let unwanted = |target: &MountTargetDescription| {
            target.life_cycle_state == LifeCycleState::Error || !spec.subnet_ids.contains(target.subnet_id())
        };
        self.remove(key.as_str(), file_system, progress, unwanted).await?;
        for subnet in &spec.subnet_ids {
            if self.in_subnet(file_system, subnet).await?.is_none() {
                self.create(key, spec, subnet, progress).await?;
            }
            let id = self.available(key, file_system, subnet, progress).await?;
            self.regroup(key, spec, &id, progress).await?;
        }
        self.read_back(desired, progress).await
    }

    /// The mount target in that subnet, unless it is being deleted.
    async fn in_subnet(&self, file_system: &str, subnet: &str) -> Result<Option<MountTargetDescription>> {
        let targets = self.list(file_system).await?.into_iter();
        Ok(targets
            .into_iter()
            .find(|target| target.subnet_id() == subnet && !is_going(&target.life_cycle_state)))
    }

    async fn create(
        &self,
        key: &Key,
        spec: &MountTargetsSpec,
        subnet: &str,
        progress: &Progress,
    ) -> Result<()> {
        let file_system = spec.file_system_id.as_str();
        let groups = spec.security_group_ids.iter().cloned().collect();
        let create = self.client.create_mount_target().file_system_id(file_system).subnet_id(subnet);
        let create = create.set_security_groups(Some(groups));
        let may_pass =
            |error: &Error| matches!(error.class, Class::NotFound | Class::Conflict) || is_unsettled(error);
        let waits_for = "EFS to know the subnet and its zone to be free";
        retry_while(&FRESH, progress, waits_for, may_pass, || {
            let create = create.clone();
            async move {
                match create.send().await.at("elasticfilesystem:CreateMountTarget", key) {
                    Ok(_) => Ok(()),
                    // Made by an attempt whose reply was lost, or its zone has another one still.
                    Err(error) if error.says("MountTargetConflict") => {
                        let made = self.in_subnet(file_system, subnet).await?;
                        made.map(drop).ok_or(Error { class: Class::Conflict, ..error })
                    }
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }

    /// The id of the mount target in that subnet once it is `available`.
    async fn available(
        &self,
        key: &Key,
        file_system: &str,
        subnet: &str,
        progress: &Progress,
    ) -> Result<String> {
        let operation = "elasticfilesystem:DescribeMountTargets";
        let waits_for = format!("the mount target in {subnet} to become available");
        wait_until(&SETTLE, progress, operation, key, &waits_for, || async {
            let target = self.in_subnet(file_system, subnet).await?;
            match target.as_ref().map(|target| &target.life_cycle_state) {
                Some(LifeCycleState::Error) => {
                    let text = format!(
                        "EFS could not make the mount target in {subnet}: it is in the state `error`"
                    );
                    Err(Error::new(operation, key, Class::Fatal, text))
                }
                Some(LifeCycleState::Available) => Ok(target.map(|target| target.mount_target_id)),
                _ => Ok(None),
            }
        })
        .await
    }

    async fn regroup(&self, key: &Key, spec: &MountTargetsSpec, id: &str, progress: &Progress) -> Result<()> {
        if self.groups(id).await? == spec.security_group_ids {
            return Ok(());
        }
        let may_pass = |error: &Error| error.class == Class::NotFound || is_unsettled(error);
        retry_while(&FRESH, progress, "EFS to know the security groups", may_pass, || async {
            let modify = self.client.modify_mount_target_security_groups().mount_target_id(id);
            let groups = spec.security_group_ids.iter().cloned().collect();
            let modified = modify.set_security_groups(Some(groups)).send().await;
            modified.at("elasticfilesystem:ModifyMountTargetSecurityGroups", key).map(drop)
        })
        .await
    }

    /// The mount targets once they read as desired, or as they read when that takes too long: then the next plan shows
    /// what is left.
    async fn read_back(
        &self,
        desired: &Desired<MountTargetsSpec>,
        progress: &Progress,
    ) -> Result<Observed<MountTargetsSpec>> {
        let Desired { key, spec, .. } = desired;
        let operation = "elasticfilesystem:DescribeMountTargets";
        let observe = || self.observe(Owner::Us(key.clone()), &spec.file_system_id);
        let read = wait_until(&FRESH, progress, operation, key, "the change to be seen", || async {
            let there = observe().await?;
            Ok(there.filter(|there| there.spec == *spec && there.pending.is_none()))
        });
        match read.await {
            Err(error) if error.class == Class::RetryLater => observe().await?.ok_or(error),
            read => read,
        }
    }

    /// Deletes the unwanted ones, and waits until they are gone, with whatever else is being deleted.
    pub(super) async fn remove(
        &self,
        resource: &str,
        file_system: &str,
        progress: &Progress,
        unwanted: impl Fn(&MountTargetDescription) -> bool,
    ) -> Result<()> {
        let targets = self.list(file_system).await?;
        for target in targets.iter().filter(|target| unwanted(target) && !is_going(&target.life_cycle_state))
        {
            let id = target.mount_target_id();
            let waits_for = "EFS to end what it does with the mount target";
            let deleted = retry_while(&SETTLE, progress, waits_for, is_unsettled, || async {
                let delete = self.client.delete_mount_target().mount_target_id(id).send().await;
                delete.at("elasticfilesystem:DeleteMountTarget", resource)
            });
            found(deleted.await)?;
        }
        if !targets.iter().any(|target| unwanted(target) || is_going(&target.life_cycle_state)) {
            return Ok(());
        }
        let operation = "elasticfilesystem:DescribeMountTargets";
        wait_until(&SETTLE, progress, operation, resource, "the mount targets to be gone", || async {
            let mut left = self.list(file_system).await?;
            left.retain(|target| target.life_cycle_state != LifeCycleState::Deleted);
            let gone = !left.iter().any(|target| unwanted(target) || is_going(&target.life_cycle_state));
            Ok(gone.then_some(()))
        })
        .await
    }
}
