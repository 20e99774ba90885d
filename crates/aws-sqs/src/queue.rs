//! A queue as others speak of it: its ARN and URL, and the permissions to use it.

use resource::{Grantee, PolicyDocument, Scope, Statement};

/// A queue of an environment. ARN and URL follow from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    scope: Scope,
    name: String,
}

impl Queue {
    /// The queue whose physical name ends in `suffix`: `event-queue` is `headwater-prod-event-queue`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.scope.arn("sqs", &self.name)
    }

    /// Its URL as AWS forms it. An emulator takes it too: the SDK sends it to the endpoint that it is configured with.
    pub fn url(&self) -> String {
        let Scope { account, region, .. } = &self.scope;
        let suffix = if self.scope.partition() == "aws-cn" { ".cn" } else { "" };
        format!("https://sqs.{region}.amazonaws.com{suffix}/{account}/{}", self.name)
    }

    /// The policy by which nobody uses the queue over a connection without TLS.
    pub fn tls_only(&self) -> PolicyDocument {
        let statement = Statement::allow("TlsOnly", ["sqs:*"], [self.arn()])
            .deny()
            .principal("AWS", "*")
            .when("Bool", "aws:SecureTransport", "false");
        PolicyDocument::new(vec![statement])
    }

    /// Lets the grantee be a function that an event source mapping feeds from the queue.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions>
    pub fn grant_consume(&self, grantee: &mut impl Grantee) {
        let actions = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
        grantee.grant(Statement::allow("", actions, [self.arn()]));
    }

    /// Lets the grantee send messages to the queue, by its URL.
    pub fn grant_send(&self, grantee: &mut impl Grantee) {
        grantee.grant(Statement::allow("", ["sqs:SendMessage"], [self.arn()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Role(Vec<Statement>);

    impl Grantee for Role {
        fn grant(&mut self, statement: Statement) {
            self.0.push(statement);
        }
    }

    fn queue(region: &str) -> Queue {
        let scope = Scope {
            project: "headwater".into(),
            environment: "dev".into(),
            account: "111111111111".into(),
            region: region.into(),
        };
        Queue::new(&scope, "event-queue")
    }

    #[test]
    fn arn_and_url_follow_from_the_name() {
        let (ireland, beijing) = (queue("eu-west-1"), queue("cn-north-1"));
        assert_eq!(ireland.arn(), "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-event-queue");
        assert_eq!(
            ireland.url(),
            "https://sqs.eu-west-1.amazonaws.com/111111111111/headwater-dev-event-queue"
        );
        assert_eq!(
            beijing.url(),
            "https://sqs.cn-north-1.amazonaws.com.cn/111111111111/headwater-dev-event-queue"
        );
    }

    #[test]
    fn a_connection_without_tls_is_denied_everything() {
        insta::assert_json_snapshot!(queue("eu-west-1").tls_only());
    }

    #[test]
    fn a_grant_names_the_queue_and_just_the_actions_that_its_use_takes() {
        let mut role = Role(Vec::new());
        queue("eu-west-1").grant_consume(&mut role);
        queue("eu-west-1").grant_send(&mut role);
        insta::assert_json_snapshot!(PolicyDocument::new(role.0));
    }
}
