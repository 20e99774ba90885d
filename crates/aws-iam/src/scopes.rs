//! To what a policy can bound the families' actions.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use resource::{Condition, Within};

const ROLE: &str = "arn:{partition}:iam::{account}:role/{project}/{environment}/*";

/// The role is bounded by our boundary, or is being bounded by it.
const BOUNDED: Condition = Condition("StringEquals", &[("iam:PermissionsBoundary", "{boundary}")]);

/// To look at roles by path, and at those of our names: of one that is not there IAM does not know the path.
pub(crate) const ROLES: &[Within] =
    &[Within::of(&[ROLE, "arn:{partition}:iam::{account}:role/{project}-{environment}-*"])];
/// To change what gives a role no rights.
pub(crate) const OWN_ROLES: &[Within] = &[Within::of(&[ROLE])];
/// To make roles, and to give them rights, all within the boundary.
pub(crate) const BOUNDED_ROLES: &[Within] = &[Within::of(&[ROLE]).when(&[BOUNDED])];
/// To have the role made that ECS needs, the one service-linked role of a blueprint.
pub(crate) const ECS_ROLE: &[Within] =
    &[Within::of(&["arn:{partition}:iam::{account}:role/aws-service-role/ecs.amazonaws.com/*"])
        .when(&[Condition("StringEquals", &[("iam:AWSServiceName", "ecs.amazonaws.com")])])];
