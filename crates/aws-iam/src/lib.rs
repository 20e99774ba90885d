//! IAM roles: least privilege from grants, one inline policy a role, updated in place.

mod change;
mod family;
mod grants;
mod observe;
mod role;
mod spec;
#[cfg(test)]
mod tests;

pub use family::Roles;
pub use grants::POLICY_NAME;
pub use role::Role;
pub use spec::RoleSpec;
