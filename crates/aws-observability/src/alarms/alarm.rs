//! An alarm as others speak of it: its name and ARN.

use resource::Scope;

/// An alarm of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    scope: Scope,
    name: String,
}

impl Alarm {
    /// The alarm whose physical name ends in `suffix`: `ingest-errors` is `headwater-prod-ingest-errors`.
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

/// The ARN of the alarm `name`.
pub(super) fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("cloudwatch", &format!("alarm:{name}"))
}
