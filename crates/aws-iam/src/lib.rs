//! IAM roles: least privilege from grants, one inline policy a role, updated in place; managed policies; and what an account
//! shares: service-linked roles, and the OpenID Connect provider of GitHub Actions.

mod change;
mod family;
mod grants;
mod managed_policies;
mod observe;
mod oidc_providers;
mod role;
mod scopes;
mod service_linked_roles;
mod spec;
#[cfg(test)]
mod tests;

pub use family::Roles;
pub use grants::POLICY_NAME;
pub use managed_policies::{ManagedPolicies, ManagedPolicy, ManagedPolicySpec};
pub use oidc_providers::{OidcProviderSpec, OidcProviders, github_provider_key};
pub use role::Role;
pub use service_linked_roles::{ServiceLinkedRoleSpec, ServiceLinkedRoles, service_linked_role_key};
pub use spec::RoleSpec;
