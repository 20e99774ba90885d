//! Making a file system's mount targets as they are desired, and deleting them: all at once, since each is in a zone of its
//! own. EFS lets a zone have only one, and those that are being made in one zone at once collide.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_efs::types::{LifeCycleState, MountTargetDescription};
use futures::future::try_join_all;
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result};

use super::{MountTargets, read};
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
        let kept = self.remove(key.as_str(), file_system, progress, unwanted).await?;
        let missing = spec.subnet_ids.iter().filter(|subnet| in_subnet(&kept, subnet).is_none());
        try_join_all(missing.map(|subnet| self.create(key, spec, subnet, progress))).await?;
        let targets = self.available(key, spec, progress).await?;
        let groups = self.groups_of(&targets).await?;
        let there = read(Owner::Us(key.clone()), file_system, &targets, groups.clone());
        if there.pending.is_none() && there.spec == *spec {
            return Ok(there);
        }
        let differing = targets.iter().zip(groups).filter(|(_, groups)| *groups != spec.security_group_ids);
        let regrouped = differing.map(|(one, _)| self.regroup(key, spec, one.mount_target_id(), progress));
        try_join_all(regrouped).await?;
        self.read_back(desired, progress).await
    }

    async fn create(
        &self,
        key: &Key,
        spec: &MountTargetsSpec,
        subnet: &str,
        progress: &Progress,
    ) -> Result<()> {
        let operation = "elasticfilesystem:CreateMountTarget";
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
                match create.send().await.at(operation, key) {
                    // Of two that are asked for in one zone at once, EFS may give the same to both.
                    Ok(made) if made.subnet_id() != subnet => {
                        let text = format!("the zone of {subnet} has a mount target in {}", made.subnet_id());
                        Err(Error::new(operation, key, Class::Conflict, text))
                    }
                    Ok(_) => Ok(()),
                    // Made by an attempt whose reply was lost, or its zone has another one still.
                    Err(error) if error.says("MountTargetConflict") => {
                        let there = self.list(file_system).await?;
                        in_subnet(&there, subnet).map(drop).ok_or(Error { class: Class::Conflict, ..error })
                    }
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }

    /// The mount targets in the subnets, once all are `available`.
    async fn available(
        &self,
        key: &Key,
        spec: &MountTargetsSpec,
        progress: &Progress,
    ) -> Result<Vec<MountTargetDescription>> {
        let operation = "elasticfilesystem:DescribeMountTargets";
        let waits_for = "the mount targets to become available";
        wait_until(&SETTLE, progress, operation, key, waits_for, || async {
            let mut targets = self.list(&spec.file_system_id).await?;
            targets.retain(|target| !is_going(&target.life_cycle_state));
            let of_spec = targets.iter().filter(|target| spec.subnet_ids.contains(target.subnet_id()));
            if let Some(failed) = of_spec.clone().find(|one| one.life_cycle_state == LifeCycleState::Error) {
                let subnet = failed.subnet_id();
                let text =
                    format!("EFS could not make the mount target in {subnet}: it is in the state `error`");
                return Err(Error::new(operation, key, Class::Fatal, text));
            }
            let usable = of_spec.filter(|target| target.life_cycle_state == LifeCycleState::Available);
            Ok((usable.count() == spec.subnet_ids.len()).then_some(targets))
        })
        .await
    }

    async fn regroup(&self, key: &Key, spec: &MountTargetsSpec, id: &str, progress: &Progress) -> Result<()> {
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

    /// Deletes the unwanted ones, waits until they are gone, with whatever else is being deleted, and gives those that stay.
    pub(super) async fn remove(
        &self,
        resource: &str,
        file_system: &str,
        progress: &Progress,
        unwanted: impl Fn(&MountTargetDescription) -> bool,
    ) -> Result<Vec<MountTargetDescription>> {
        let targets = self.list(file_system).await?;
        let goes = |target: &&MountTargetDescription| unwanted(target) || is_going(&target.life_cycle_state);
        if !targets.iter().any(|target| goes(&target)) {
            return Ok(targets);
        }
        let doomed = targets.iter().filter(|target| unwanted(target) && !is_going(&target.life_cycle_state));
        let deleted = doomed.map(|target| async {
            let id = target.mount_target_id();
            let waits_for = "EFS to end what it does with the mount target";
            let deleted = retry_while(&SETTLE, progress, waits_for, is_unsettled, || async {
                let delete = self.client.delete_mount_target().mount_target_id(id).send().await;
                delete.at("elasticfilesystem:DeleteMountTarget", resource)
            });
            found(deleted.await)
        });
        try_join_all(deleted).await?;
        let operation = "elasticfilesystem:DescribeMountTargets";
        wait_until(&SETTLE, progress, operation, resource, "the mount targets to be gone", || async {
            let mut left = self.list(file_system).await?;
            left.retain(|target| target.life_cycle_state != LifeCycleState::Deleted);
            Ok((!left.iter().any(|target| goes(&target))).then_some(left))
        })
        .await
    }
}

/// The mount target in that subnet, unless it is being deleted.
fn in_subnet<'a>(targets: &'a [MountTargetDescription], subnet: &str) -> Option<&'a MountTargetDescription> {
    let mut kept = targets.iter().filter(|target| !is_going(&target.life_cycle_state));
    kept.find(|target| target.subnet_id() == subnet)
}
