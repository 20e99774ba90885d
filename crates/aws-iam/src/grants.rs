//! How grants become a role's one inline policy.

use resource::{Grantee, PolicyDocument, Statement};

use crate::RoleSpec;

/// The name of the one inline policy that grants go to.
pub const POLICY_NAME: &str = "headwater";

impl Grantee for RoleSpec {
    /// Adds `statement` to the inline policy [`POLICY_NAME`]. Statements that differ in their resources alone become
    /// one; a `Sid` that another statement has already gets a number, since IAM takes each only once a policy.
    fn grant(&mut self, statement: Statement) {
        let policy =
            self.policies.entry(POLICY_NAME.to_owned()).or_insert_with(|| PolicyDocument::new(Vec::new()));
        add(&mut policy.statement, statement);
    }
}

fn add(statements: &mut Vec<Statement>, new: Statement) {
    match statements.iter_mut().find(|known| differ_in_resources_alone(known, &new)) {
        Some(known) => known.resource.extend(new.resource),
        None => {
            let sid = free_sid(statements, &new.sid);
            statements.push(Statement { sid, ..new });
        }
    }
    for statement in &mut *statements {
        statement.resource.sort();
        statement.resource.dedup();
    }
    statements.sort_by(|a, b| (&a.sid, &a.action, &a.resource).cmp(&(&b.sid, &b.action, &b.resource)));
}

/// `Sid`s are left out: one that got its number differs from the same statement granted again.
fn differ_in_resources_alone(a: &Statement, b: &Statement) -> bool {
    let rest =
        |statement: &Statement| Statement { sid: String::new(), resource: Vec::new(), ..statement.clone() };
    rest(a) == rest(b)
}

fn free_sid(statements: &[Statement], wanted: &str) -> String {
    let is_free = |sid: &String| sid.is_empty() || statements.iter().all(|known| known.sid != *sid);
    std::iter::once(wanted.to_owned())
        .chain((2..).map(|number| format!("{wanted}{number}")))
        .find(is_free)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::scope;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-event-queue";
    const DLQ: &str = "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-event-dlq";

    fn role(grants: &[Statement]) -> RoleSpec {
        let mut role = RoleSpec::for_service("lambda.amazonaws.com", &scope(), "Runs ingest");
        grants.iter().for_each(|grant| role.grant(grant.clone()));
        role
    }

    #[test]
    fn a_role_trusts_its_service_and_may_do_what_was_granted() {
        insta::assert_json_snapshot!(role(&[
            Statement::allow("", ["sqs:ReceiveMessage", "sqs:DeleteMessage"], [QUEUE]),
            Statement::allow("", ["sqs:SendMessage"], [DLQ]),
            Statement::allow(
                "",
                ["dynamodb:BatchWriteItem"],
                ["arn:aws:dynamodb:eu-west-1:111111111111:table/t"]
            ),
        ]));
    }

    #[test]
    fn a_role_without_grants_has_no_policy() {
        assert!(role(&[]).policies.is_empty());
    }

    #[test]
    fn grants_that_differ_in_their_resources_alone_become_one_in_whatever_order_they_come() {
        let send = |arn| Statement::allow("", ["sqs:SendMessage"], [arn]);
        let receive = Statement::allow("", ["sqs:ReceiveMessage"], [QUEUE]);
        let one = role(&[send(QUEUE), receive.clone(), send(DLQ), send(QUEUE)]);
        let other = role(&[send(DLQ), send(QUEUE), receive]);
        assert_eq!(one, other);
        let statements = &one.policies[POLICY_NAME].statement;
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[1].resource, [DLQ, QUEUE]);
    }

    #[test]
    fn a_condition_keeps_statements_apart_and_a_name_is_used_once() {
        let send = Statement::allow("Send", ["sqs:SendMessage"], [QUEUE]);
        let in_region = send.clone().when("StringEquals", "aws:RequestedRegion", "eu-west-1");
        let grants = [send.clone(), in_region.clone(), in_region, send];
        let sids: Vec<_> =
            role(&grants).policies[POLICY_NAME].statement.iter().map(|known| known.sid.clone()).collect();
        assert_eq!(sids, ["Send", "Send2"]);
    }
}
