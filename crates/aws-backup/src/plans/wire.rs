//! A plan's spec as AWS Backup's words, and back: pure.

use std::collections::BTreeSet;

use aws_sdk_backup::{
    error::BuildError,
    types::{self, BackupPlan, BackupPlanInput, BackupRuleInput, Lifecycle},
};

use crate::{BackupRule, BackupSelection};

pub(super) fn plan(name: &str, rule: &BackupRule) -> Result<BackupPlanInput, BuildError> {
    let keep = rule.delete_after_days.map(|days| Lifecycle::builder().delete_after_days(days.into()).build());
    let rule = BackupRuleInput::builder()
        .rule_name(&rule.name)
        .target_backup_vault_name(&rule.target_backup_vault_name)
        .schedule_expression(&rule.schedule_expression)
        .start_window_minutes(rule.start_window_minutes.into())
        .completion_window_minutes(rule.completion_window_minutes.into())
        .set_lifecycle(keep)
        .build()?;
    BackupPlanInput::builder().backup_plan_name(name).rules(rule).build()
}

pub(super) fn selection(selection: &BackupSelection) -> Result<types::BackupSelection, BuildError> {
    types::BackupSelection::builder()
        .selection_name(&selection.name)
        .iam_role_arn(&selection.iam_role_arn)
        .set_resources(Some(selection.resources.iter().cloned().collect()))
        .build()
}

/// The plan's rule, the first of several. What it does not say is 0 or empty, which no rule of ours is.
pub(super) fn read_rule(plan: &BackupPlan) -> BackupRule {
    let rule = plan.rules().first();
    let number = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    BackupRule {
        name: text(rule.map(|rule| rule.rule_name())),
        target_backup_vault_name: text(rule.map(|rule| rule.target_backup_vault_name())),
        schedule_expression: text(rule.and_then(|rule| rule.schedule_expression())),
        start_window_minutes: number(rule.and_then(|rule| rule.start_window_minutes())).unwrap_or_default(),
        completion_window_minutes: number(rule.and_then(|rule| rule.completion_window_minutes()))
            .unwrap_or_default(),
        delete_after_days: number(
            rule.and_then(|rule| rule.lifecycle()).and_then(|lifecycle| lifecycle.delete_after_days()),
        ),
    }
}

pub(super) fn read_selection(selection: &types::BackupSelection) -> BackupSelection {
    BackupSelection {
        name: selection.selection_name().to_owned(),
        iam_role_arn: selection.iam_role_arn().to_owned(),
        resources: selection.resources().iter().cloned().collect::<BTreeSet<_>>(),
    }
}
