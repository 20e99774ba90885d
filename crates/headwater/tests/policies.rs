//! What a bootstrap grants: all that the command calls, and nothing beyond the environment.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::{collections::BTreeMap, collections::BTreeSet, path::Path};

use blueprint::{
    PACKAGES,
    bootstrap::{
        self, Documents,
        policies::{self, DOCUMENT_CHARACTERS, DOCUMENTS, Purpose, characters},
    },
    configuration::{Configuration, Environment},
};
use headwater::{commands::bootstrap::documents, session::Session};
use resource::{IamAction, Need, Node, PolicyDocument, Scope, Statement};

fn shipped(name: &str) -> Environment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../headwater.toml");
    Configuration::load(&path).unwrap().environment(name).unwrap()
}

/// Names as long as can be, in a partition of its own, with every grant that a knob can bring.
fn extreme() -> Environment {
    let text = r#"
        project = "abcdefghijklmnopqrst"
        [environments.abcdefghijklmnop]
        account = "333333333333"
        region = "us-gov-west-1"
        network = { egress = "nat" }
        eventstore = { execute_command = true }
        gateway = { enabled = true, image = "444444444444.dkr.ecr.us-gov-west-1.amazonaws.com/gateway:1.0.0", routes_file = "../blueprint/tests/gateway.toml", cluster = "own", execute_command = true }
        alarms = { emails = ["ops@example.com"] }
    "#;
    let configuration = Configuration::parse(text, Path::new("headwater.toml")).unwrap();
    configuration.environment("abcdefghijklmnop").unwrap()
}

fn sessions() -> impl Iterator<Item = Session> {
    [shipped("local"), shipped("dev"), shipped("prod"), extreme()].into_iter().map(Session::unconnected)
}

fn statements(documents: &[PolicyDocument]) -> impl Iterator<Item = &Statement> {
    documents.iter().flat_map(|document| &document.statement)
}

/// Action, resource and conditions of all that is allowed.
fn allowed(documents: &[PolicyDocument]) -> BTreeSet<(String, String, String)> {
    statements(documents)
        .flat_map(|one| {
            let condition = serde_json::to_string(&one.condition).unwrap();
            let each = move |action: &String| {
                let (action, condition) = (action.clone(), condition.clone());
                one.resource.iter().map(move |arn| (action.clone(), arn.clone(), condition.clone()))
            };
            one.action.iter().flat_map(each)
        })
        .collect()
}

/// Whether the pattern, as IAM reads `*`, is met by the text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[test]
fn what_a_bootstrap_of_prod_grants_is_reviewed() {
    let Documents { boundary, plan, deploy } = documents(&Session::unconnected(shipped("prod"))).unwrap();
    let json = |value: &PolicyDocument| serde_json::to_string_pretty(value).unwrap();
    insta::assert_snapshot!("boundary", json(&boundary));
    for (number, document) in (1..).zip(&plan) {
        insta::assert_snapshot!(format!("plan_{number}"), json(document));
    }
    for (number, document) in (1..).zip(&deploy) {
        insta::assert_snapshot!(format!("deploy_{number}"), json(document));
    }
}

#[test]
fn iam_takes_the_documents() {
    for session in sessions() {
        let Documents { boundary, plan, deploy } = documents(&session).unwrap();
        assert!(plan.len() <= DOCUMENTS && deploy.len() <= DOCUMENTS);
        for document in plan.iter().chain(&deploy).chain([&boundary]) {
            assert!(characters(document) <= DOCUMENT_CHARACTERS);
        }
        for statement in statements(&plan).chain(statements(&deploy)).chain(&boundary.statement) {
            let conditions = statement.condition.values().flat_map(BTreeMap::values).flatten();
            let texts = statement.resource.iter().chain(conditions);
            assert!(texts.clone().all(|text| !text.contains('{')), "{statement:?}");
            assert!(!statement.action.is_empty() && !statement.resource.is_empty());
        }
    }
}

#[test]
fn every_action_of_a_family_is_in_the_deploy_roles_policies_and_those_that_look_in_the_plan_roles() {
    for session in sessions() {
        let Documents { plan, deploy, .. } = documents(&session).unwrap();
        let granted = |documents: &[PolicyDocument]| {
            statements(documents).flat_map(|one| one.action.clone()).collect::<BTreeSet<_>>()
        };
        let (mut all, mut look) = (BTreeSet::new(), BTreeSet::new());
        for action in session.actions() {
            // It would undo the boundary.
            if action.within.is_empty() {
                assert_eq!(action.name, "iam:DeleteRolePermissionsBoundary");
                continue;
            }
            all.insert(action.name.to_owned());
            if action.need == Need::Read {
                look.insert(action.name.to_owned());
            }
        }
        all.extend(["dynamodb:Scan", "lambda:InvokeFunction"].map(str::to_owned));
        assert_eq!(granted(&deploy), all);
        assert_eq!(granted(&plan), look);
    }
}

/// Grouped and divided, the policies allow what each action's own would.
#[test]
fn each_action_is_allowed_within_what_it_says_and_no_more() {
    for session in sessions() {
        let Documents { deploy, .. } = documents(&session).unwrap();
        let boundary = bootstrap::boundary(&session.scope).arn();
        let alone = |action: &IamAction| {
            let own = policies::documents(Purpose::Deploy, &[*action], &session.scope, &boundary).unwrap();
            allowed(&own)
        };
        let each: BTreeSet<_> = session.actions().iter().flat_map(alone).collect();
        assert_eq!(allowed(&deploy), each);
        for action in session.actions() {
            let patterns: usize = action.within.iter().map(|within| within.resources.len()).sum();
            let own: Vec<_> = alone(&action).into_iter().filter(|(name, ..)| name == action.name).collect();
            assert_eq!(own.len(), patterns, "{}", action.name);
        }
    }
}

#[test]
fn what_the_plan_role_may_do_the_deploy_role_may_too() {
    for session in sessions() {
        let Documents { plan, deploy, .. } = documents(&session).unwrap();
        assert!(allowed(&plan).is_subset(&allowed(&deploy)));
    }
}

#[test]
fn the_plan_role_reads_no_data_but_lease_and_history() {
    const DATA: [&str; 9] = [
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:GetRecords",
        "dynamodb:Query",
        "dynamodb:Scan",
        "logs:GetLogEvents",
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:GetSecretValue",
        "sqs:ReceiveMessage",
    ];
    for session in sessions() {
        let Documents { plan, .. } = documents(&session).unwrap();
        let table = session.scope.physical_name("deployments");
        let deployments = session.scope.arn("dynamodb", &format!("table/{table}"));
        for (action, resource, _) in allowed(&plan) {
            assert!(!DATA.contains(&action.as_str()) || resource == deployments, "{action} {resource}");
            let verb = action.split_once(':').unwrap().1;
            let looks = ["Describe", "Get", "List", "Query"].iter().any(|word| verb.starts_with(word));
            assert!(looks, "{action}");
        }
    }
}

#[test]
fn nothing_is_allowed_for_all_actions_or_without_a_bound() {
    for session in sessions() {
        let Documents { boundary, plan, deploy } = documents(&session).unwrap();
        for statement in statements(&plan).chain(statements(&deploy)).chain(&boundary.statement) {
            assert_eq!(statement.effect, "Allow");
            assert!(statement.action.iter().all(|action| !action.contains('*')), "{statement:?}");
            // Services without regions, and calls for which AWS knows neither resource nor key.
            const UNBOUNDED: [&str; 4] = [
                "cloudwatch:ListDashboards",
                "iam:ListRoles",
                "route53:CreateHostedZone",
                "route53:ListHostedZonesByName",
            ];
            let is_bounded = statement.resource != ["*"] || !statement.condition.is_empty();
            assert!(
                is_bounded || statement.action.iter().all(|action| UNBOUNDED.contains(&action.as_str())),
                "{statement:?}"
            );
        }
    }
}

/// What changes roles reaches those of the environment, with the boundary where it gives rights.
#[test]
fn no_policy_reaches_a_role_beyond_the_environment_or_a_policy_but_the_boundary() {
    const LOOKS: [&str; 4] =
        ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"];
    for session in sessions() {
        let Documents { boundary, plan, deploy } = documents(&session).unwrap();
        let scope = &session.scope;
        let own = scope.iam_arn(&format!("role{}*", scope.path()));
        let service = scope.iam_arn("role/aws-service-role/");
        let boundary_arn = bootstrap::boundary(scope).arn();
        for statement in statements(&plan).chain(statements(&deploy)) {
            for action in statement.action.iter().filter(|action| action.starts_with("iam:")) {
                for resource in &statement.resource {
                    let within = match action.as_str() {
                        "iam:ListRoles" => true,
                        "iam:GetPolicy" => *resource == boundary_arn,
                        "iam:CreateServiceLinkedRole" => resource.starts_with(&service),
                        // What looks may ask for a role that is not there, whose path IAM does not know.
                        look if LOOKS.contains(&look) => {
                            *resource == own
                                || *resource == scope.iam_arn(&format!("role/{}*", scope.name_prefix()))
                        }
                        _ => *resource == own,
                    };
                    assert!(within, "{action} {resource}");
                }
                let gives = ["AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"];
                if gives.contains(&&action[4..]) || action == "iam:UpdateAssumeRolePolicy" {
                    assert_eq!(
                        statement.condition["StringEquals"]["iam:PermissionsBoundary"],
                        [boundary_arn.as_str()]
                    );
                }
                assert_ne!(action, "iam:DeleteRolePermissionsBoundary");
                assert!(!action.contains("Policy") || !action.contains("Version"), "{action}");
            }
        }
        // The bootstrap's roles and policies lie elsewhere.
        let roles = bootstrap::roles(scope);
        for arn in [roles.plan.arn(), roles.deploy.arn(), boundary_arn] {
            let changing = statements(&deploy).filter(|one| {
                one.action.iter().any(|action| {
                    action.starts_with("iam:")
                        && !action.starts_with("iam:List")
                        && !action.starts_with("iam:Get")
                })
            });
            assert!(changing.flat_map(|one| &one.resource).all(|pattern| !matches(pattern, &arn)), "{arn}");
        }
        let actions = boundary.statement.iter().flat_map(|one| &one.action);
        assert!(actions.clone().all(|action| !action.starts_with("iam:") && !action.starts_with("sts:")));
    }
}

#[test]
fn the_boundary_lets_every_role_of_the_blueprint_do_what_it_was_granted() {
    let packages: BTreeMap<String, String> = PACKAGES
        .map(|name| (name.to_owned(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned()))
        .into();
    for session in sessions() {
        let graph = blueprint::blueprint(&session.environment, &packages).unwrap();
        let boundary = documents(&session).unwrap().boundary;
        for role in graph.nodes().filter(|node| node.kind.as_str() == "AWS::IAM::Role") {
            let policies: BTreeMap<String, PolicyDocument> =
                serde_json::from_value(role.spec["policies"].clone()).unwrap();
            for granted in policies.values().flat_map(|policy| &policy.statement) {
                for action in &granted.action {
                    for resource in
                        granted.resource.iter().map(|one| example(one, &session.scope, graph.nodes()))
                    {
                        assert!(
                            allows(&boundary, action, &resource, granted),
                            "{}: {action} {resource}",
                            role.key
                        );
                    }
                }
            }
        }
    }
}

/// Its role has AWS's own policy. These are what that has for a file system and its copies, as of version 30.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceRolePolicyForBackup.html>
#[test]
fn the_boundary_lets_aws_backup_copy_a_file_system() {
    for session in sessions() {
        let (scope, boundary) = (&session.scope, documents(&session).unwrap().boundary);
        let vault = format!("backup-vault:{}", scope.physical_name("backup"));
        for (service, resource, actions) in [
            ("backup", "recovery-point:0123", &["backup:TagResource"][..]),
            ("backup", &vault, &["backup:CopyIntoBackupVault", "backup:DescribeBackupVault"]),
            (
                "elasticfilesystem",
                "file-system/fs-0123",
                &["elasticfilesystem:Backup", "elasticfilesystem:DescribeTags"],
            ),
            ("kms", "key/0123", &["kms:CreateGrant", "kms:DescribeKey"]),
            ("tag", "*", &["tag:GetResources"]),
        ] {
            let arn = scope.arn(service, resource);
            for action in actions {
                let granted = Statement::allow("", [*action], [&arn]);
                assert!(allows(&boundary, action, &arn, &granted), "{action} {arn}");
            }
        }
    }
}

/// Names may begin as ours do, and ids tell nothing. What is not bounded so is listed here, with why.
#[test]
fn what_changes_things_by_names_and_ids_asks_for_the_environments_tags_where_aws_has_them() {
    const BESIDES: [&str; 18] = [
        // AWS knows neither a resource nor a key: of SNS it is a subscription, of ECS a task definition.
        "backup-storage:MountCapsule",
        "ecs:DeregisterTaskDefinition",
        "sns:Unsubscribe",
        // The roles of AWS's services, one of each for the account.
        "iam:CreateServiceLinkedRole",
        // Only through AWS Backup; a key's own policy bounds it.
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "kms:RetireGrant",
        // Route 53 has no tags in conditions. A zone with records is not deleted, and records are bounded by their names.
        "route53:AssociateVPCWithHostedZone",
        "route53:ChangeResourceRecordSets",
        "route53:CreateHostedZone",
        "route53:DeleteHealthCheck",
        "route53:DeleteHostedZone",
        "route53:UpdateHealthCheck",
        // By exact names.
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:Scan",
        "lambda:InvokeFunction",
    ];
    for session in sessions() {
        let Documents { deploy, .. } = documents(&session).unwrap();
        let path = session.scope.path();
        // Between slashes, or before an underscore, the name is whole.
        let whole = [path.trim_start_matches('/').to_owned(), format!("-{}_*", session.scope.environment)];
        let mut besides = BTreeSet::new();
        for (action, resource, condition) in allowed(&deploy) {
            let verb = action.split_once(':').unwrap().1;
            let looks = ["Describe", "Get", "List", "Query"].iter().any(|word| verb.starts_with(word));
            let is_ours =
                condition.contains("/headwater:env") || whole.iter().any(|part| resource.contains(part));
            if !looks && !is_ours {
                assert!(BESIDES.contains(&action.as_str()), "{action} {resource} {condition}");
                besides.insert(action);
            }
        }
        assert_eq!(besides.len(), BESIDES.len());
    }
}

#[test]
fn the_boundary_lets_nobody_at_the_table_of_deployments() {
    for session in sessions() {
        let boundary = documents(&session).unwrap().boundary;
        let table = session.scope.physical_name("deployments");
        let table = session.scope.arn("dynamodb", &format!("table/{table}"));
        let at_tables = boundary.statement.iter().filter(|one| {
            one.action
                .iter()
                .any(|action| action.starts_with("dynamodb:") && action != "dynamodb:ListStreams")
        });
        for pattern in at_tables.flat_map(|one| &one.resource).filter(|pattern| *pattern != "*") {
            assert!(!matches(pattern, &table) && !matches(pattern, &format!("{table}/stream/x")));
        }
    }
}

/// An ARN that AWS might give what is referred to.
fn example<'a>(resource: &str, scope: &Scope, mut nodes: impl Iterator<Item = &'a Node>) -> String {
    let Some(key) = resource.strip_prefix("${").and_then(|rest| rest.strip_suffix(".arn}")) else {
        return resource.to_owned();
    };
    let node = nodes.find(|node| node.key.as_str() == key).unwrap();
    match (node.kind.as_str(), &node.name) {
        ("AWS::SecretsManager::Secret", Some(name)) => {
            scope.arn("secretsmanager", &format!("secret:{name}-AbCdEf"))
        }
        ("AWS::EFS::FileSystem", _) => scope.arn("elasticfilesystem", "file-system/fs-0123"),
        other => panic!("{other:?}"),
    }
}

/// A condition of the boundary on what a call names has to be in the grant as well.
fn allows(boundary: &PolicyDocument, action: &str, resource: &str, granted: &Statement) -> bool {
    boundary.statement.iter().any(|statement| {
        let keys = statement.condition.values().flat_map(BTreeMap::keys);
        let mut open = keys.filter(|key| !key.starts_with("aws:") && !key.starts_with("kms:"));
        let in_grant = |key: &String| granted.condition.values().any(|keys| keys.contains_key(key));
        statement.action.iter().any(|one| one == action)
            && statement.resource.iter().any(|pattern| matches(pattern, resource))
            && open.all(in_grant)
    })
}
