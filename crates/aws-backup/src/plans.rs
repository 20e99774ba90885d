//! The family `AWS::Backup::BackupPlan`: what survey and find see of plans, and what the contract asks for.
//!
//! A plan's selection is a part of it here: it has neither tags nor a life without the plan.

mod ensure;
mod wire;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_backup::{Client, operation::get_backup_plan::GetBackupPlanOutput};
use futures::future::{try_join_all, try_join3};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{BACKUP_ROLE, NEW_PLAN, OWN_PLANS, PASS_ROLE, PLANS, TAG_PLAN};
use crate::{BackupSelection, PlanSpec, tags};

/// AWS Backup's plans, each with its selection.
#[derive(Clone, Debug)]
pub struct Plans {
    client: Client,
}

/// A selection, with the id that AWS Backup gave it.
#[derive(Clone, Debug, PartialEq)]
struct Selected {
    id: String,
    selection: BackupSelection,
}

impl Plans {
    /// The plans that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The ids and names of the account's plans, but for those that its organization manages: they are nobody's here.
    async fn list(&self) -> Result<Vec<(String, String)>> {
        let pages = self.client.list_backup_plans().into_paginator().send().try_collect().await;
        let pages = pages.at("backup:ListBackupPlans", "backup plans")?;
        let plans = pages.into_iter().flat_map(|page| page.backup_plans_list.unwrap_or_default());
        let plans = plans.filter(|plan| plan.deletion_date().is_none());
        let plans =
            plans.filter_map(|plan| Some((plan.backup_plan_id?, plan.backup_plan_name.unwrap_or_default())));
        Ok(plans.filter(|(id, _)| !id.starts_with("orgs/")).collect())
    }

    /// `None` where it is gone: AWS Backup still tells of a plan that was deleted.
    async fn plan(&self, id: &str) -> Result<Option<GetBackupPlanOutput>> {
        let plan = self.client.get_backup_plan().backup_plan_id(id).send().await;
        Ok(found(plan.at("backup:GetBackupPlan", id))?.filter(|plan| plan.deletion_date().is_none()))
    }

    /// Whose the plan is; `None` where it is gone.
    async fn owner(&self, scope: &Scope, id: &str) -> Result<Option<Owner>> {
        let tags = found(tags::list(&self.client, &arn(scope, id)).await)?;
        Ok(tags.map(|tags| scope.owner(&tags)))
    }

    /// The plan's selections, the older first; none where the plan is gone.
    async fn selections(&self, id: &str) -> Result<Vec<Selected>> {
        let pages = self.client.list_backup_selections().backup_plan_id(id).into_paginator().send();
        let pages = found(pages.try_collect().await.at("backup:ListBackupSelections", id))?;
        let listed =
            pages.into_iter().flatten().flat_map(|page| page.backup_selections_list.unwrap_or_default());
        let mut listed: Vec<_> = listed.collect();
        listed.sort_by_key(|selection| {
            selection.creation_date().map(|date| (date.secs(), date.subsec_nanos()))
        });
        let ids = listed.into_iter().filter_map(|selection| selection.selection_id);
        let selections = ids.map(|selection_id| async move {
            let get = self.client.get_backup_selection().backup_plan_id(id).selection_id(&selection_id);
            let got = found(get.send().await.at("backup:GetBackupSelection", id))?;
            let selection = got.and_then(|got| got.backup_selection);
            let selected =
                |selection| Selected { id: selection_id, selection: wire::read_selection(&selection) };
            Ok(selection.map(selected))
        });
        Ok(try_join_all(selections).await?.into_iter().flatten().collect())
    }

    /// The plan with that id; `None` where it is gone.
    async fn observe(&self, scope: &Scope, id: &str) -> Result<Option<Observed<PlanSpec>>> {
        let seen = try_join3(self.plan(id), self.selections(id), self.owner(scope, id)).await?;
        let (Some(plan), selections, Some(owner)) = seen else { return Ok(None) };
        let no_plan =
            || Error::new("backup:GetBackupPlan", id, Class::Fatal, "AWS Backup told nothing of the plan");
        let document = plan.backup_plan().ok_or_else(no_plan)?;
        // The spec has one of each, so that there are more is told besides.
        let many = |what: &str, count: usize| (count > 1).then(|| format!("with {count} {what}"));
        let pending = many("rules", document.rules().len()).or_else(|| many("selections", selections.len()));
        Ok(Some(Observed {
            id: id.to_owned(),
            name: Some(document.backup_plan_name().to_owned()),
            owner,
            spec: PlanSpec {
                rule: wire::read_rule(document),
                selection: selections.into_iter().next().map(|selected| selected.selection),
            },
            outputs: BTreeMap::from([("arn".to_owned(), arn(scope, id))]),
            created: plan.creation_date().map(ToString::to_string),
            pending,
        }))
    }
}

fn arn(scope: &Scope, id: &str) -> String {
    scope.arn("backup", &format!("backup-plan:{id}"))
}

/// What is not found is `None`. Of a plan that is gone AWS Backup says at times that a parameter is wrong.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound || error.says("Cannot find Backup plan") => Ok(None),
        Err(error) => Err(error),
    }
}

impl Family for Plans {
    type Spec = PlanSpec;

    const KIND: Kind = Kind::new("AWS::Backup::BackupPlan");

    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::Backup::BackupVault"),
        Kind::new("AWS::EFS::FileSystem"),
        Kind::new("AWS::IAM::Role"),
    ];

    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("backup:GetBackupPlan").within(PLANS),
        IamAction::read("backup:GetBackupSelection").within(PLANS),
        IamAction::read("backup:ListBackupPlans").within(Within::IN_REGION),
        IamAction::read("backup:ListBackupSelections").within(PLANS),
        IamAction::read("backup:ListTags").within(PLANS),
        IamAction::write("backup:CreateBackupPlan").within(NEW_PLAN),
        IamAction::write("backup:CreateBackupSelection").within(OWN_PLANS),
        IamAction::write("backup:DeleteBackupPlan").within(OWN_PLANS),
        IamAction::write("backup:DeleteBackupSelection").within(OWN_PLANS),
        // Called to adopt, and asked for besides CreateBackupPlan with tags.
        IamAction::write("backup:TagResource").within(TAG_PLAN),
        IamAction::write("backup:UpdateBackupPlan").within(OWN_PLANS),
        IamAction::dependent(
            "iam:PassRole",
            "https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html",
        )
        .within(PASS_ROLE),
        // The first plan of an account has AWS Backup make its own role.
        IamAction::dependent(
            "iam:CreateServiceLinkedRole",
            "https://docs.aws.amazon.com/aws-backup/latest/devguide/using-service-linked-roles.html",
        )
        .within(BACKUP_ROLE),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<PlanSpec>>> {
        let prefix = scope.name_prefix();
        let plans = self.list().await?;
        let plans = plans.iter().map(|(id, name)| {
            let prefix = prefix.as_str();
            async move {
                // Of those with other names only the tags are asked for at first.
                let ours =
                    name.starts_with(prefix) || matches!(self.owner(scope, id).await?, Some(Owner::Us(_)));
                if ours { self.observe(scope, id).await } else { Ok(None) }
            }
        });
        Ok(try_join_all(plans).await?.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<PlanSpec>,
        observed: Option<&Observed<PlanSpec>>,
        progress: &Progress,
    ) -> Result<Observed<PlanSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<PlanSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    /// By id or ARN, or by name where only one plan has it.
    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<PlanSpec>>> {
        let id = id.strip_prefix(&arn(scope, "")).unwrap_or(id);
        let plans = self.list().await?;
        let named: Vec<_> = plans.iter().filter(|(plan, name)| plan == id || name == id).collect();
        match named.as_slice() {
            [(id, _)] => self.observe(scope, id).await,
            _ => Ok(None),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<PlanSpec>) -> Result<()> {
        let tag = self.client.tag_resource().resource_arn(arn(scope, &observed.id));
        let tag = tag.set_tags(Some(scope.tags(key).into_iter().collect()));
        tag.send().await.at("backup:TagResource", key).map(drop)
    }
}
