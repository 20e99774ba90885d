//! To what a policy can bound the family's actions.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>

use resource::{Condition, Within};

const NAMES: &[&str] = &["arn:{partition}:dynamodb:{region}:{account}:table/{project}-{environment}-*"];

/// To look at tables by their names; no action that is bounded so reads what they hold.
pub(crate) const TABLES: &[Within] = &[Within::of(NAMES)];
/// To make and change them.
pub(crate) const OWN_TABLES: &[Within] = &[Within::of(NAMES).when(&[Condition::NOT_ANOTHERS])];
/// The one table with the lease and the history.
pub(crate) const DEPLOYMENTS: &[Within] =
    &[Within::of(&["arn:{partition}:dynamodb:{region}:{account}:table/{project}-{environment}-deployments"])];
