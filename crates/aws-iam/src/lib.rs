//! IAM roles: least privilege from grants, one inline policy a role, updated in place; and the service-linked roles that an
//! account shares.

mod change;
mod family;
mod grants;
mod observe;
mod role;
mod service_linked_roles;
mod spec;
#[cfg(test)]
mod tests;

pub use family::Roles;
pub use grants::POLICY_NAME;
pub use role::Role;
pub use service_linked_roles::{ServiceLinkedRoleSpec, ServiceLinkedRoles, service_linked_role_key};
pub use spec::RoleSpec;
