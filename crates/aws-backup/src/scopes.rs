//! To what a policy can bound the families' actions.
//!
//! Sources: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbackup.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html>

use resource::{Condition, Within};

const VAULT: &str = "arn:{partition}:backup:{region}:{account}:backup-vault:{project}-{environment}-*";
const PLAN: &str = "arn:{partition}:backup:{region}:{account}:backup-plan:*";
const KEY: &str = "arn:{partition}:kms:{region}:{account}:key/*";

/// To look at vaults by their names.
pub(crate) const VAULTS: &[Within] = &[Within::of(&[VAULT])];
/// To make and change them.
pub(crate) const OWN_VAULTS: &[Within] = &[Within::of(&[VAULT]).when(&[Condition::NOT_ANOTHERS])];
/// To look at plans, which AWS Backup names by ids.
pub(crate) const PLANS: &[Within] = &[Within::of(&[PLAN])];
/// To make one.
pub(crate) const NEW_PLAN: &[Within] = &[Within::of(&[PLAN]).when(&[Condition::TAGGED])];
/// To change those that are ours by their tags.
pub(crate) const OWN_PLANS: &[Within] = &[Within::of(&[PLAN]).when(&[Condition::OURS])];
/// To tag a plan as ours, at its creation or when it is adopted.
pub(crate) const TAG_PLAN: &[Within] =
    &[Within::of(&[PLAN]).when(&[Condition::NOT_ANOTHERS, Condition::TAGGED])];
/// To look at the key of a vault.
pub(crate) const KEYS: &[Within] = &[Within::of(&[KEY])];
/// To use it, through AWS Backup alone.
pub(crate) const KEYS_BY_BACKUP: &[Within] = &[Within::of(&[KEY])
    .when(&[Condition("StringLike", &[("kms:ViaService", "backup.{region}.amazonaws.com*")])])];
/// To hand roles of the environment to AWS Backup.
pub(crate) const PASS_ROLE: &[Within] =
    &[Within::of(&["arn:{partition}:iam::{account}:role/{project}/{environment}/*"])
        .when(&[Condition("StringEquals", &[("iam:PassedToService", "backup.amazonaws.com")])])];
/// To have AWS Backup's own role made.
pub(crate) const BACKUP_ROLE: &[Within] =
    &[Within::of(&["arn:{partition}:iam::{account}:role/aws-service-role/backup.amazonaws.com/*"])
        .when(&[Condition("StringEquals", &[("iam:AWSServiceName", "backup.amazonaws.com")])])];
