//! Making a plan as it is desired, and deleting one: what AWS Backup needs time for, and how long it is given.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_backup::types::BackupPlanInput;
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result, Scope};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Plans, Selected, found, wire};
use crate::{BackupSelection, PlanSpec};

/// A plan and its selections are made and deleted at once; a listing may be a moment behind.
const SETTLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(120));

/// How long a role may be fresh, or a vault.
const ROLE: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(180));

impl Plans {
    /// Creates the plan where it is absent, changes its rule where it differs, and puts another selection in the place of
    /// one that differs.
    pub(super) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<PlanSpec>,
        observed: Option<&Observed<PlanSpec>>,
        progress: &Progress,
    ) -> Result<Observed<PlanSpec>> {
        let Desired { key, spec, .. } = desired;
        let there = match observed {
            Some(there) => there.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        if there.spec == *spec && there.pending.is_none() {
            return Ok(there);
        }
        let other_rules = there.pending.as_deref().is_some_and(|pending| pending.ends_with("rules"));
        if there.spec.rule != spec.rule || other_rules {
            let operation = "backup:UpdateBackupPlan";
            let update = self.client.update_backup_plan().backup_plan_id(&there.id);
            let update = update.backup_plan(document(operation, desired)?);
            update.send().await.at(operation, key)?;
        }
        self.select(scope, desired, &there.id, progress).await?;
        self.read_back(scope, desired, &there.id, progress).await
    }

    /// The plan as it is made: without a selection. One that an earlier run made is as good.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<PlanSpec>,
        progress: &Progress,
    ) -> Result<Observed<PlanSpec>> {
        let operation = "backup:CreateBackupPlan";
        let Desired { key, spec, .. } = desired;
        let create = self
            .client
            .create_backup_plan()
            .backup_plan(document(operation, desired)?)
            .set_backup_plan_tags(Some(scope.tags(key).into_iter().collect()));
        let fresh_vault = |error: &Error| error.class == Class::NotFound;
        let send = |request_id: Option<String>| {
            let create = create.clone().set_creator_request_id(request_id);
            retry_while(&ROLE, progress, "AWS Backup to know the vault", fresh_vault, move || {
                let create = create.clone();
                async move { create.send().await.at(operation, key) }
            })
        };
        let known = match send(Some(request_id(operation, scope, key, &spec.rule)?)).await {
            Ok(made) => self.unless_deleted(made.backup_plan_id.unwrap_or_default()).await?,
            Err(error) if error.class == Class::AlreadyExists => self.of_key(scope, key).await?,
            Err(error) => return Err(error),
        };
        let id = match known {
            Some(id) => id,
            // AWS Backup remembers the request of a plan that was deleted since.
            None => send(None).await?.backup_plan_id.unwrap_or_default(),
        };
        wait_until(&SETTLE, progress, operation, key, "the new plan to be seen with our tags", || async {
            Ok(self.observe(scope, &id).await?.filter(|plan| plan.owner == Owner::Us(key.clone())))
        })
        .await
    }

    /// The id, unless it is of a plan that was deleted. One that is not found is one that was just made.
    async fn unless_deleted(&self, id: String) -> Result<Option<String>> {
        let plan = self.client.get_backup_plan().backup_plan_id(&id).send().await;
        let plan = found(plan.at("backup:GetBackupPlan", &id))?;
        Ok(plan.is_none_or(|plan| plan.deletion_date().is_none()).then_some(id))
    }

    /// The id of the plan with that key.
    async fn of_key(&self, scope: &Scope, key: &Key) -> Result<Option<String>> {
        for (id, _) in self.list().await? {
            if self.owner(scope, &id).await? == Some(Owner::Us(key.clone())) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Leaves the plan with the one selection that is wanted: makes it first, so that none is without backup meanwhile.
    async fn select(
        &self,
        scope: &Scope,
        desired: &Desired<PlanSpec>,
        plan: &str,
        progress: &Progress,
    ) -> Result<()> {
        let (key, want) = (&desired.key, desired.spec.selection.as_ref());
        let mut others = self.selections(plan).await?;
        let kept = others.iter().position(|there| Some(&there.selection) == want);
        match (want, kept) {
            (_, Some(kept)) => drop(others.remove(kept)),
            (None, None) => {}
            (Some(want), None) => {
                let id = request_id("backup:CreateBackupSelection", scope, key, &(plan, want))?;
                match self.create_selection(key, plan, want, Some(id), progress).await {
                    Err(error) if error.class == Class::AlreadyExists => {
                        // The name is taken, or the request was one whose selection was deleted since.
                        self.unselect(plan, &others, progress).await?;
                        self.create_selection(key, plan, want, None, progress).await?;
                    }
                    created => created?,
                }
            }
        }
        self.unselect(plan, &others, progress).await
    }

    async fn create_selection(
        &self,
        key: &Key,
        plan: &str,
        want: &BackupSelection,
        request_id: Option<String>,
        progress: &Progress,
    ) -> Result<()> {
        let operation = "backup:CreateBackupSelection";
        let selection =
            wire::selection(want).map_err(|error| Error::new(operation, key, Class::Fatal, error))?;
        let create = self.client.create_backup_selection().backup_plan_id(plan);
        let create = create.backup_selection(selection).set_creator_request_id(request_id);
        let waits_for = "the role to reach AWS Backup";
        retry_while(&ROLE, progress, waits_for, is_fresh, || {
            let create = create.clone();
            async move { create.send().await.at(operation, key).map(drop) }
        })
        .await
    }

    async fn unselect(&self, plan: &str, selections: &[Selected], progress: &Progress) -> Result<()> {
        let waits_for = "AWS Backup to end what it does with the plan";
        for selected in selections {
            let deleted = retry_while(
                &SETTLE,
                progress,
                waits_for,
                |_| false,
                || async {
                    let delete = self.client.delete_backup_selection().backup_plan_id(plan);
                    let delete = delete.selection_id(&selected.id).send().await;
                    delete.at("backup:DeleteBackupSelection", plan)
                },
            );
            found(deleted.await)?;
        }
        Ok(())
    }

    /// The plan once it reads as desired, or as it reads when that takes too long: then the next plan shows what is left.
    async fn read_back(
        &self,
        scope: &Scope,
        desired: &Desired<PlanSpec>,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<PlanSpec>> {
        let (operation, key) = ("backup:GetBackupPlan", &desired.key);
        let read = wait_until(&SETTLE, progress, operation, key, "the change to be seen", || async {
            let there = self.observe(scope, id).await?;
            Ok(there.filter(|there| there.spec == desired.spec && there.pending.is_none()))
        });
        match read.await {
            Err(error) if error.class == Class::RetryLater => self.observe(scope, id).await?.ok_or(error),
            read => read,
        }
    }

    /// Deletes the selections, then the plan, and waits until it is gone.
    pub(super) async fn delete_and_wait(&self, id: &str, progress: &Progress) -> Result<()> {
        self.unselect(id, &self.selections(id).await?, progress).await?;
        let waits_for = "AWS Backup to know that the selections are gone";
        let selected = |error: &Error| error.says("selections must be deleted");
        let deleted = retry_while(&SETTLE, progress, waits_for, selected, || async {
            self.client.delete_backup_plan().backup_plan_id(id).send().await.at("backup:DeleteBackupPlan", id)
        });
        found(deleted.await)?;
        let operation = "backup:GetBackupPlan";
        wait_until(&SETTLE, progress, operation, id, "the plan to be gone", || async {
            Ok(self.plan(id).await?.is_none().then_some(()))
        })
        .await
    }
}

/// AWS Backup does not know the role yet, or what it may do. It leaves nothing but its message to tell this by.
fn is_fresh(error: &Error) -> bool {
    error.class == Class::NotFound
        || error.says("cannot be assumed by AWS Backup")
        || error.says("is not authorized to call tag:GetResources")
}

fn document(operation: &'static str, desired: &Desired<PlanSpec>) -> Result<BackupPlanInput> {
    let Desired { key, name, spec } = desired;
    let no_name = || Error::new(operation, key, Class::Fatal, "a backup plan needs a name");
    let name = name.as_deref().ok_or_else(no_name)?;
    wire::plan(name, &spec.rule).map_err(|error| Error::new(operation, key, Class::Fatal, error))
}

/// By what AWS Backup tells a repeated request from another one: 50 characters, as many as it takes.
fn request_id(operation: &'static str, scope: &Scope, key: &Key, wanted: &impl Serialize) -> Result<String> {
    let wanted =
        serde_json::to_string(wanted).map_err(|error| Error::new(operation, key, Class::Fatal, error))?;
    let parts = [scope.project.as_str(), &scope.environment, key.as_str(), &wanted].join("\n");
    Ok(Sha256::digest(parts).iter().take(25).map(|byte| format!("{byte:02x}")).collect())
}
