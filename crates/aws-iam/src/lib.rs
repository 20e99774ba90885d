//! IAM roles: least privilege from grants, one inline policy a role, updated in place.

mod role;
mod spec;

pub use role::Role;
pub use spec::{POLICY_NAME, RoleSpec};
