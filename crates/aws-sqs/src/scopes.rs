//! To what a policy can bound the family's actions.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>

use resource::{Condition, Within};

const NAMES: &[&str] = &["arn:{partition}:sqs:{region}:{account}:{project}-{environment}-*"];

/// To look at queues by their names.
pub(crate) const QUEUES: &[Within] = &[Within::of(NAMES)];
/// To make and change them.
pub(crate) const OWN_QUEUES: &[Within] = &[Within::of(NAMES).when(&[Condition::NOT_ANOTHERS])];
