//! A topic as others speak of it: its name and ARN.

use resource::Scope;

/// A topic of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    scope: Scope,
    name: String,
}

impl Topic {
    /// The topic whose physical name ends in `suffix`: `alarms` is `headwater-prod-alarms`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        arn(&self.scope, &self.name)
    }
}

/// The ARN of the topic `name`.
pub(super) fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("sns", name)
}
