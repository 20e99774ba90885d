//! To what a policy can bound the families' actions.
//!
//! Sources: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>

use resource::{Condition, Within};

const ALARM: &str = "arn:{partition}:cloudwatch:{region}:{account}:alarm:{project}-{environment}-*";
const LOG_GROUP: &str = "arn:{partition}:logs:{region}:{account}:log-group:/{project}/{environment}/*";
const TOPIC: &str = "arn:{partition}:sns:{region}:{account}:{project}-{environment}-*";

/// To look at alarms by their names.
pub(crate) const ALARMS: &[Within] = &[Within::of(&[ALARM])];
/// To make and change them.
pub(crate) const OWN_ALARMS: &[Within] = &[Within::of(&[ALARM]).when(&[Condition::NOT_ANOTHERS])];
/// Dashboards by their names, which no other environment's begin with. They have no region.
pub(crate) const DASHBOARDS: &[Within] =
    &[Within::of(&["arn:{partition}:cloudwatch::{account}:dashboard/{project}-{environment}_*"])];
/// Log groups by their names, which no other environment's begin with: their ARNs, with and without `:*`.
pub(crate) const LOG_GROUPS: &[Within] = &[Within::of(&[LOG_GROUP])];
/// To look at topics by their names.
pub(crate) const TOPICS: &[Within] = &[Within::of(&[TOPIC])];
/// To make and change them.
pub(crate) const OWN_TOPICS: &[Within] = &[Within::of(&[TOPIC]).when(&[Condition::NOT_ANOTHERS])];
