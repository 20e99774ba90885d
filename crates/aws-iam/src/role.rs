//! A role as others speak of it: its name and ARN.

use resource::Scope;

/// A role of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    scope: Scope,
    name: String,
}

impl Role {
    /// The role whose physical name ends in `suffix`: `ingest` is `headwater-prod-ingest`. IAM knows no regions, so the
    /// name is the account's only one.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name; at most 64 characters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN, with the environment's path in it.
    pub fn arn(&self) -> String {
        self.scope.iam_arn(&format!("role{}{}", self.scope.path(), self.name))
    }
}
