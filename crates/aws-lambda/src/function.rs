//! A function as others speak of it: its name and ARN.

use resource::Scope;

/// A function of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    scope: Scope,
    name: String,
}

impl Function {
    /// The function whose physical name ends in `suffix`: `ingest` is `headwater-prod-ingest`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN, without a version.
    pub fn arn(&self) -> String {
        self.scope.arn("lambda", &format!("function:{}", self.name))
    }
}
