//! A log group as others speak of it: its name and ARN, and the permission to write to it.

use resource::{Grantee, Scope, Statement};

/// A log group of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    scope: Scope,
    name: String,
}

impl LogGroup {
    /// The log group whose name ends in `suffix`: `ingest` is `/headwater/prod/ingest`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: format!("{}{suffix}", scope.path()) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN, as the tagging calls want it: without `:*`.
    pub fn arn(&self) -> String {
        arn(&self.scope, &self.name)
    }

    /// Lets `grantee` make streams in the group and write to them.
    ///
    /// `logs:CreateLogGroup` is not granted: with it, events that are delivered after the group's deletion would make
    /// it again, untagged and without retention.
    pub fn grant_write(&self, grantee: &mut impl Grantee) {
        let streams = format!("{}:log-stream:*", self.arn());
        grantee.grant(Statement::allow("", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams]));
    }
}

/// The ARN of the log group `name`, without `:*`.
pub(crate) fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("logs", &format!("log-group:{name}"))
}
