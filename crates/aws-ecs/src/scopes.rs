//! To what a policy can bound the families' actions.
//!
//! Sources: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>

use resource::{Condition, Within};

const CLUSTER: &str = "arn:{partition}:ecs:{region}:{account}:cluster/{project}-{environment}-*";
const SERVICE: &str = "arn:{partition}:ecs:{region}:{account}:service/{project}-{environment}-*/*";
const TASK_DEFINITION: &str =
    "arn:{partition}:ecs:{region}:{account}:task-definition/{project}-{environment}-*";

/// To look at clusters by their names.
pub(crate) const CLUSTERS: &[Within] = &[Within::of(&[CLUSTER])];
/// To make and change them.
pub(crate) const OWN_CLUSTERS: &[Within] = &[Within::of(&[CLUSTER]).when(&[Condition::NOT_ANOTHERS])];
/// To look at the services of those clusters.
pub(crate) const SERVICES: &[Within] = &[Within::of(&[SERVICE])];
/// To make and change them.
pub(crate) const OWN_SERVICES: &[Within] = &[Within::of(&[SERVICE]).when(&[Condition::NOT_ANOTHERS])];
/// To look at the tasks of those clusters.
pub(crate) const TASKS: &[Within] =
    &[Within::of(&["arn:{partition}:ecs:{region}:{account}:task/{project}-{environment}-*/*"])];
/// To list what those clusters hold: AWS knows no resource for it.
pub(crate) const IN_CLUSTERS: &[Within] =
    &[Within::of(&["*"]).when(&[Condition("ArnLike", &[("ecs:cluster", CLUSTER)])])];
/// To make task definitions, by their family.
pub(crate) const OWN_TASK_DEFINITIONS: &[Within] =
    &[Within::of(&[TASK_DEFINITION]).when(&[Condition::NOT_ANOTHERS])];
/// To read what a task of ours wrote.
pub(crate) const LOGS: &[Within] =
    &[Within::of(&["arn:{partition}:logs:{region}:{account}:log-group:/{project}/{environment}/*"])];
/// To hand roles of the environment to tasks.
pub(crate) const PASS_ROLE: &[Within] =
    &[Within::of(&["arn:{partition}:iam::{account}:role/{project}/{environment}/*"])
        .when(&[Condition("StringEquals", &[("iam:PassedToService", "ecs-tasks.amazonaws.com")])])];
