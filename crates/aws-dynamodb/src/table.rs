//! A table as others speak of it: its ARN, and the permissions to use it.

use resource::{Grantee, Scope, Statement};

/// A table of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    scope: Scope,
    name: String,
}

impl Table {
    /// The table whose physical name ends in `suffix`: `event` is `headwater-prod-event`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.scope.arn("dynamodb", &format!("table/{}", self.name))
    }

    /// Lets the grantee append to the table: `BatchWriteItem`, and nothing that reads.
    pub fn grant_append(&self, grantee: &mut impl Grantee) {
        grantee.grant(Statement::allow("", ["dynamodb:BatchWriteItem"], [self.arn()]));
    }

    /// Lets the grantee be a function that an event source mapping feeds from the table's stream, and nothing that reads the
    /// table. Streams can be listed for all tables alone.
    ///
    /// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaDynamoDBExecutionRole.html>
    pub fn grant_read_stream(&self, grantee: &mut impl Grantee) {
        let actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
        grantee.grant(Statement::allow("", actions, [format!("{}/stream/*", self.arn())]));
        grantee.grant(Statement::allow("", ["dynamodb:ListStreams"], ["*"]));
    }
}

#[cfg(test)]
mod tests {
    use resource::PolicyDocument;

    use super::*;

    struct Role(Vec<Statement>);

    impl Grantee for Role {
        fn grant(&mut self, statement: Statement) {
            self.0.push(statement);
        }
    }

    #[test]
    fn who_may_append_may_do_nothing_else() {
        let scope = Scope {
            project: "headwater".into(),
            environment: "dev".into(),
            account: "111111111111".into(),
            region: "eu-west-1".into(),
        };
        let mut role = Role(Vec::new());
        Table::new(&scope, "event").grant_append(&mut role);
        insta::assert_json_snapshot!(PolicyDocument::new(role.0));
    }
}
