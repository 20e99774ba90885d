//! AWS Backup: vaults, and the plans that fill them.

mod plans;
mod scopes;
mod spec;
mod tags;
#[cfg(test)]
mod tests;
mod vault;
mod vaults;

pub use plans::Plans;
pub use spec::{BackupRule, BackupSelection, PlanSpec, VaultSpec};
pub use vault::Vault;
pub use vaults::Vaults;
