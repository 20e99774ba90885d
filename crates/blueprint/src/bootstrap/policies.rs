//! The policies of the bootstrap's roles, made from the actions that the families need and from what bounds each.

use std::collections::{BTreeMap, BTreeSet};

use resource::{Condition, IamAction, Need, PolicyDocument, Scope, Statement, Within};

use crate::Error;

/// The most characters of a managed policy. IAM counts no white space.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const DOCUMENT_CHARACTERS: usize = 6_144;
/// The most managed policies that a role has attached, unless AWS was asked for more. Source: the same.
pub const DOCUMENTS: usize = 10;

/// What a role is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To look: it has what families call to observe, and of data the table with lease and history alone.
    Plan,
    /// To deploy and destroy.
    Deploy,
}

/// What a deploy does besides its families' work: it replays the journal through the relay once the mapping that feeds that
/// was made anew.
const BESIDES: [IamAction; 2] = [
    IamAction::write("dynamodb:Scan").within(&[Within::of(&[
        "arn:{partition}:dynamodb:{region}:{account}:table/{project}-{environment}-event",
    ])]),
    IamAction::write("lambda:InvokeFunction").within(&[Within::of(&[
        "arn:{partition}:lambda:{region}:{account}:function:{project}-{environment}-relay",
    ])]),
];

/// What the role may do on the environment of `scope`: the documents of its managed policies. `actions` are those that the
/// environment's families need.
///
/// # Errors
/// [`Error::Policies`] where there are more documents than a role has attached.
pub fn documents(
    purpose: Purpose,
    actions: &[IamAction],
    scope: &Scope,
    boundary_arn: &str,
) -> Result<Vec<PolicyDocument>, Error> {
    let granted = actions.iter().chain(match purpose {
        Purpose::Plan => &[][..],
        Purpose::Deploy => &BESIDES,
    });
    let granted = granted.filter(|action| purpose == Purpose::Deploy || action.need == Need::Read);
    let documents = pack(statements(granted, scope, boundary_arn));
    match documents.len() {
        0..=DOCUMENTS => Ok(documents),
        number => Err(Error::Policies(number)),
    }
}

/// The most that a role may do which a deploy makes, whatever it is granted: what the environment's functions, its task and
/// its backups do, within the environment's names. Nothing of IAM or STS, nothing of the table with lease and history.
pub fn boundary(scope: &Scope) -> PolicyDocument {
    PolicyDocument::new(
        BOUNDARY.iter().map(|(actions, within)| statement(actions, within, scope, "")).collect(),
    )
}

/// How many characters IAM counts of a document.
pub fn characters(document: &PolicyDocument) -> usize {
    let text = serde_json::to_string(document).unwrap_or_default();
    text.chars().filter(|character| !character.is_whitespace()).count()
}

const BOUNDARY: &[(&[&str], Within)] = &[
    (
        &["dynamodb:BatchWriteItem"],
        Within::of(&["arn:{partition}:dynamodb:{region}:{account}:table/{project}-{environment}-event"]),
    ),
    (
        &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
        Within::of(&[
            "arn:{partition}:dynamodb:{region}:{account}:table/{project}-{environment}-event/stream/*",
        ]),
    ),
    (
        &[
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        Within::of(&["arn:{partition}:sqs:{region}:{account}:{project}-{environment}-*"])
            .when(&[Condition::NOT_ANOTHERS]),
    ),
    (
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        Within::of(&["arn:{partition}:logs:{region}:{account}:log-group:/{project}/{environment}/*"]),
    ),
    (
        &["secretsmanager:GetSecretValue"],
        Within::of(&["arn:{partition}:secretsmanager:{region}:{account}:secret:{project}/{environment}/*"]),
    ),
    // Images of the gateway: whoever has the repository says who of other accounts may pull.
    (
        &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        Within::of(&["arn:{partition}:ecr:{region}:*:repository/*"]),
    ),
    // EFS makes the ids; without an access point, which holds whoever mounts to one directory, nothing is mounted.
    (
        &["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        Within::of(&["arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*"]).when(&[
            Condition(
                "StringLike",
                &[(
                    "elasticfilesystem:AccessPointArn",
                    "arn:{partition}:elasticfilesystem:{region}:{account}:access-point/*",
                )],
            ),
            Condition::NOT_ANOTHERS,
        ]),
    ),
    // AWS knows no resource for those of DynamoDB, ECR, Systems Manager and tags. Lambda asks for its interfaces on every resource:
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    (
        &[
            "dynamodb:ListStreams",
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
            "ecr:GetAuthorizationToken",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
            "tag:GetResources",
        ],
        Within::of(&["*"]).when(&[Condition("StringEquals", &[("aws:RequestedRegion", "{region}")])]),
    ),
    // Of AWSBackupServiceRolePolicyForBackup what backs a file system up:
    // https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceRolePolicyForBackup.html
    (
        &["elasticfilesystem:Backup", "elasticfilesystem:DescribeTags"],
        Within::of(&["arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*"])
            .when(&[Condition::NOT_ANOTHERS]),
    ),
    (
        &["backup:CopyIntoBackupVault", "backup:DescribeBackupVault"],
        Within::of(&["arn:{partition}:backup:{region}:{account}:backup-vault:{project}-{environment}-*"]),
    ),
    // The tags of what is backed up go over to the copy, and a job that may not do that fails.
    (
        &["backup:TagResource"],
        Within::of(&["arn:{partition}:backup:{region}:{account}:recovery-point:*"])
            .when(&[Condition::NOT_ANOTHERS]),
    ),
    (
        &["kms:CreateGrant"],
        Within::of(&["arn:{partition}:kms:{region}:{account}:key/*"])
            .when(&[Condition("Bool", &[("kms:GrantIsForAWSResource", "true")])]),
    ),
    (&["kms:DescribeKey"], Within::of(&["arn:{partition}:kms:{region}:{account}:key/*"])),
    (
        &["kms:Decrypt", "kms:GenerateDataKey"],
        Within::of(&["arn:{partition}:kms:{region}:{account}:key/*"])
            .when(&[Condition("StringLike", &[("kms:ViaService", "*.{region}.amazonaws.com*")])]),
    ),
];

/// One statement for all actions within the same, sorted.
fn statements<'a>(
    actions: impl Iterator<Item = &'a IamAction>,
    scope: &Scope,
    boundary: &str,
) -> Vec<Statement> {
    let mut groups: BTreeMap<&Within, BTreeSet<&str>> = BTreeMap::new();
    for action in actions {
        for within in action.within {
            groups.entry(within).or_default().insert(action.name);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(_, a), (_, b)| a.cmp(b));
    groups
        .into_iter()
        .map(|(within, actions)| {
            let actions: Vec<&str> = actions.into_iter().collect();
            statement(&actions, within, scope, boundary)
        })
        .collect()
}

fn statement(actions: &[&str], within: &Within, scope: &Scope, boundary: &str) -> Statement {
    let fill = |text: &str| {
        text.replace("{partition}", scope.partition())
            .replace("{region}", &scope.region)
            .replace("{account}", &scope.account)
            .replace("{project}", &scope.project)
            .replace("{environment}", &scope.environment)
            .replace("{boundary}", boundary)
    };
    let resources = within.resources.iter().map(|resource| fill(resource));
    let allowed = Statement::allow("", actions.iter().copied(), resources);
    let conditions = within
        .conditions
        .iter()
        .flat_map(|Condition(operator, keys)| keys.iter().map(move |(key, value)| (*operator, *key, *value)));
    conditions.fold(allowed, |allowed, (operator, key, value)| allowed.when(operator, key, fill(value)))
}

/// The statements in as many documents as they need: each goes to the first that has room, and one for which there is none
/// is divided.
fn pack(statements: Vec<Statement>) -> Vec<PolicyDocument> {
    let mut documents: Vec<PolicyDocument> = Vec::new();
    let mut left: Vec<Statement> = statements.into_iter().rev().collect();
    while let Some(mut statement) = left.pop() {
        let alone = PolicyDocument::new(vec![statement.clone()]);
        if characters(&alone) > DOCUMENT_CHARACTERS && statement.action.len() > 1 {
            let rest = statement.action.split_off(statement.action.len() / 2);
            left.push(Statement { action: rest, ..statement.clone() });
            left.push(statement);
            continue;
        }
        // The comma between two statements is the one character more.
        let needed = characters(&alone) - characters(&PolicyDocument::new(Vec::new())) + 1;
        match documents.iter_mut().find(|one| characters(one) + needed <= DOCUMENT_CHARACTERS) {
            Some(document) => document.statement.push(statement),
            None => documents.push(alone),
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            project: "headwater".into(),
            environment: "dev".into(),
            account: "111111111111".into(),
            region: "eu-west-1".into(),
        }
    }

    const QUEUES: &[Within] =
        &[Within::of(&["arn:{partition}:sqs:{region}:{account}:{project}-{environment}-*"])];

    #[test]
    fn actions_within_the_same_are_one_statement_and_the_plan_has_those_that_read() {
        let actions = [
            IamAction::write("sqs:DeleteQueue").within(QUEUES),
            IamAction::read("sqs:ListQueues").within(Within::IN_REGION),
            IamAction::read("sqs:GetQueueUrl").within(QUEUES),
            IamAction::write("iam:Unbounded"),
        ];
        let plan = documents(Purpose::Plan, &actions, &scope(), "").unwrap();
        let queues = "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-*";
        let look = Statement::allow("", ["sqs:ListQueues"], ["*"]);
        let look = look.when("StringEquals", "aws:RequestedRegion", "eu-west-1");
        assert_eq!(
            plan,
            [PolicyDocument::new(vec![Statement::allow("", ["sqs:GetQueueUrl"], [queues]), look.clone()])]
        );
        let deploy = documents(Purpose::Deploy, &actions, &scope(), "").unwrap();
        let both = Statement::allow("", ["sqs:DeleteQueue", "sqs:GetQueueUrl"], [queues]);
        assert_eq!(deploy[0].statement[2..], [both, look]);
    }

    #[test]
    fn what_the_command_does_besides_is_on_the_relay_and_the_journal() {
        let deploy = documents(Purpose::Deploy, &[], &scope(), "").unwrap();
        let resources: Vec<_> = deploy[0].statement.iter().flat_map(|one| &one.resource).collect();
        let table = scope().arn("dynamodb", &format!("table/{}", scope().physical_name(crate::EVENT_TABLE)));
        let relay = scope().arn("lambda", &format!("function:{}", scope().physical_name(crate::RELAY)));
        assert_eq!(resources, [&table, &relay]);
    }

    #[test]
    fn statements_fill_documents_and_one_that_is_too_long_is_divided() {
        let long = |service: &str, count: usize| {
            let actions = (0..count).map(|number| format!("{service}:Action{number:04}"));
            Statement::allow("", actions, ["*"])
        };
        let packed = pack(vec![long("a", 200), long("b", 500), long("c", 50)]);
        assert!(packed.iter().all(|document| characters(document) <= DOCUMENT_CHARACTERS));
        let actions = packed.iter().flat_map(|document| &document.statement).flat_map(|one| &one.action);
        assert_eq!(actions.collect::<BTreeSet<_>>().len(), 750);
        assert_eq!(packed.len(), 3);
    }
}
