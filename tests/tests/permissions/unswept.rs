//! What the policies allow and no run here is refused for, each with the reason, and what shows that it is called all the same.

use std::fmt::Write;

use resource::{IamAction, Need};

/// Direct actions of a family that no run here is refused for.
pub(crate) struct Unswept {
    pub(crate) kind: &'static str,
    pub(crate) actions: &'static [&'static str],
    /// Why.
    pub(crate) why: &'static str,
    /// The test on scripted responses that calls it, or another source.
    pub(crate) shown_by: &'static str,
}

const CBOR: &str = "the emulator does not evaluate calls to CloudWatch in CBOR";
const LEFT: &str = "for what Lambda and EFS leave in a network, which the emulator leaves not";

pub(crate) const UNSWEPT: &[Unswept] = &[
    Unswept {
        kind: "AWS::CloudWatch::Alarm",
        actions: &[
            "cloudwatch:DeleteAlarms",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
        ],
        why: CBOR,
        shown_by: "crates/aws-observability/src/alarms/tests.rs",
    },
    Unswept {
        kind: "AWS::CloudWatch::Dashboard",
        actions: &[
            "cloudwatch:DeleteDashboards",
            "cloudwatch:GetDashboard",
            "cloudwatch:ListDashboards",
            "cloudwatch:PutDashboard",
        ],
        why: CBOR,
        shown_by: "crates/aws-observability/src/dashboards/tests.rs",
    },
    Unswept {
        kind: "AWS::DynamoDB::Table",
        actions: &["dynamodb:DeleteItem"],
        why: "a run that cannot give its lease back succeeds, and the lease runs out by itself",
        shown_by: "the_lease_is_written_only_over_what_was_expected",
    },
    Unswept {
        kind: "AWS::EC2::SecurityGroup",
        actions: &["ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"],
        why: LEFT,
        shown_by: "lambdas_interfaces_are_waited_for_and_deleted_once_it_let_go_of_them",
    },
    Unswept {
        kind: "AWS::EC2::SecurityGroup",
        actions: &["ec2:RevokeSecurityGroupIngress"],
        why: "the emulator deletes a group that rules refer to",
        shown_by: "rules_of_our_other_groups_that_refer_to_it_are_revoked_first",
    },
    Unswept {
        kind: "AWS::EC2::Subnet",
        actions: &["ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"],
        why: LEFT,
        shown_by: "what_lambda_left_behind_is_deleted_and_what_it_still_uses_or_others_made_is_not",
    },
    Unswept {
        kind: "AWS::EC2::VPC",
        actions: &["ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"],
        why: LEFT,
        shown_by: "a_vpc_that_somebody_elses_resources_are_in_is_given_up",
    },
    Unswept {
        kind: "AWS::ECS::Service",
        actions: &["logs:GetLogEvents"],
        why: "for a task that failed, and the emulator runs none",
        shown_by: "a_deployment_that_fails_tells_why_its_tasks_stopped",
    },
    Unswept {
        kind: "AWS::Lambda::EventSourceMapping",
        actions: &[
            "lambda:DeleteEventSourceMapping",
            "lambda:GetEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
        ],
        why: "the emulator takes the reading one for the listing, and does not evaluate the others",
        shown_by: "crates/aws-lambda/src/mappings/tests.rs",
    },
    Unswept {
        kind: "AWS::Lambda::Function",
        actions: &["lambda:DeleteFunctionConcurrency"],
        why: "the emulator takes it for PutFunctionConcurrency",
        shown_by: "each_field_that_differs_makes_its_own_call_and_no_other",
    },
    Unswept {
        kind: "AWS::Lambda::Function",
        actions: &["lambda:ListTags"],
        why: "on AWS GetFunction tells no tags without it, and the emulator's does",
        shown_by: "https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html",
    },
    Unswept {
        kind: "AWS::Logs::LogGroup",
        actions: &["logs:AssociateKmsKey", "logs:DisassociateKmsKey"],
        why: "the emulator has neither",
        shown_by: "each_field_that_differs_makes_its_own_call_and_no_other",
    },
    Unswept {
        kind: "AWS::SecretsManager::Secret",
        actions: &["secretsmanager:RestoreSecret"],
        why: "for production, whose secrets are deleted with a window for second thoughts",
        shown_by: "a_secret_that_is_scheduled_for_deletion_is_restored_with_its_value",
    },
    Unswept {
        kind: "AWS::ServiceDiscovery::Service",
        actions: &["servicediscovery:DeregisterInstance", "servicediscovery:ListInstances"],
        why: "the emulator deletes a service with instances",
        shown_by: "a_service_is_deleted_with_the_instances_that_are_left_in_it",
    },
];

/// What is unproven here: `actions` are those of all families.
pub(crate) fn report(actions: impl Iterator<Item = IamAction>) -> String {
    let mut text = String::from("Not swept here, and what shows them instead:\n");
    for Unswept { kind, actions, why, shown_by } in UNSWEPT {
        let _ = writeln!(text, "  {} ({kind})\n    {why}: {shown_by}", actions.join(" "));
    }
    text.push_str("\nAsked for by AWS besides other calls, which the emulator does not, by their sources:\n");
    let mut dependent: Vec<(&str, &str)> = actions
        .filter_map(|action| match action.need {
            Need::Dependent(source) => Some((action.name, source)),
            _ => None,
        })
        .collect();
    dependent.sort_unstable();
    dependent.dedup();
    for (action, source) in dependent {
        let _ = writeln!(text, "  {action:<38} {source}");
    }
    text
}
