//! A backup vault as others speak of it: its name and ARN.

use resource::Scope;

/// A backup vault of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    scope: Scope,
    name: String,
}

impl Vault {
    /// The vault whose physical name ends in `suffix`: `backup` is `headwater-prod-backup`. AWS Backup takes 2 to 50
    /// letters, digits, `-` and `_`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.scope.arn("backup", &format!("backup-vault:{}", self.name))
    }
}
