//! IAM roles: least privilege from grants, one inline policy a role, updated in place.

mod spec;

pub use spec::{POLICY_NAME, RoleSpec, role_arn};
