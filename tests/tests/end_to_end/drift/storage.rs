use anyhow::{Context, Result};
use aws_sdk_backup::types::{BackupPlanInput, BackupRuleInput};
use aws_sdk_efs::types::{BackupPolicy, Status, ThroughputMode};
use end_to_end::Local;

use super::Touched;

/// EFS has no call that changes an access point, AWS Backup none that changes a vault's key.
pub(super) async fn change(local: &Local) -> Result<Vec<Touched>> {
    let sdk = &local.bench.session.sdk;
    let efs = aws_sdk_efs::Client::new(sdk);
    let id = local.id("stateful/file-system").await?;
    let update = efs.update_file_system().file_system_id(&id).throughput_mode(ThroughputMode::Bursting);
    update.send().await?;
    efs.put_lifecycle_configuration().file_system_id(&id).set_lifecycle_policies(Some(vec![])).send().await?;
    let daily = BackupPolicy::builder().status(Status::Enabled).build()?;
    efs.put_backup_policy().file_system_id(&id).backup_policy(daily).send().await?;
    efs.delete_file_system_policy().file_system_id(&id).send().await?;
    let other = local.id("relay/security-group").await?;
    let targets = efs.describe_mount_targets().file_system_id(&id).send().await?.mount_targets;
    for target in targets.unwrap_or_default() {
        let modify = efs.modify_mount_target_security_groups().mount_target_id(target.mount_target_id);
        modify.security_groups(&other).send().await?;
    }

    let backup = aws_sdk_backup::Client::new(sdk);
    let plan = local.id("stateful/backup-plan").await?;
    let found = backup.get_backup_plan().backup_plan_id(&plan).send().await?.backup_plan;
    let found = found.context("there is no plan")?;
    let rule = BackupRuleInput::builder()
        .rule_name("somebody's")
        .target_backup_vault_name(local.name("backup"))
        .schedule_expression("cron(0 0 1 * ? *)");
    let input = BackupPlanInput::builder().backup_plan_name(found.backup_plan_name).rules(rule.build()?);
    backup.update_backup_plan().backup_plan_id(plan).backup_plan(input.build()?).send().await?;

    let secrets = aws_sdk_secretsmanager::Client::new(sdk);
    let password = local.id("stateful/eventstore-admin-password").await?;
    secrets.update_secret().secret_id(password).description("Somebody's.").send().await?;
    Ok(vec![
        (
            "stateful/file-system",
            &["throughputMode", "transitionToInfrequentAccess", "automaticBackups", "policy"],
        ),
        ("stateful/file-system-mount-targets", &["securityGroupIds"]),
        ("stateful/backup-plan", &["rule"]),
        ("stateful/eventstore-admin-password", &["description"]),
    ])
}
