//! To what a policy can bound the family's actions.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html>

use resource::Within;

/// Secrets by their names, `headwater/prod/…`, which no other environment's begin with.
pub(crate) const SECRETS: &[Within] =
    &[Within::of(&["arn:{partition}:secretsmanager:{region}:{account}:secret:{project}/{environment}/*"])];
