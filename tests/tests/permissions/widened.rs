//! What of the policies the emulator cannot evaluate, though it is right on AWS: these actions have other bounds here.

use std::fmt::Write;

use resource::{PolicyDocument, Statement};

/// Actions that are widened, to what, and why.
pub(crate) struct Widened {
    pub(crate) actions: &'static [&'static str],
    pub(crate) to: &'static str,
    pub(crate) why: &'static str,
}

/// Found by leading the lives of `cases.rs` with the policies as they are, and widening what was denied, until nothing was.
pub(crate) const WIDENED: &[Widened] = &[
    Widened {
        actions: &[
            "ec2:AllocateAddress",
            "ec2:AssociateRouteTable",
            "ec2:AttachInternetGateway",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateInternetGateway",
            "ec2:CreateNatGateway",
            "ec2:CreateRoute",
            "ec2:CreateRouteTable",
            "ec2:CreateSecurityGroup",
            "ec2:CreateSubnet",
            "ec2:CreateTags",
            "ec2:CreateVpc",
            "ec2:CreateVpcEndpoint",
            "ec2:DeleteInternetGateway",
            "ec2:DeleteNatGateway",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteRoute",
            "ec2:DeleteRouteTable",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteSubnet",
            "ec2:DeleteVpc",
            "ec2:DeleteVpcEndpoints",
            "ec2:DetachInternetGateway",
            "ec2:DisassociateRouteTable",
            "ec2:ModifySecurityGroupRules",
            "ec2:ModifySubnetAttribute",
            "ec2:ModifyVpcAttribute",
            "ec2:ModifyVpcEndpoint",
            "ec2:ReleaseAddress",
            "ec2:ReplaceRoute",
            "ec2:ReplaceRouteTableAssociation",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
        ],
        to: "*",
        why: "it knows neither the resource of a call to EC2 nor its tags",
    },
    Widened {
        actions: &[
            "elasticfilesystem:CreateAccessPoint",
            "elasticfilesystem:CreateMountTarget",
            "elasticfilesystem:DeleteAccessPoint",
            "elasticfilesystem:DeleteFileSystem",
            "elasticfilesystem:DeleteFileSystemPolicy",
            "elasticfilesystem:DeleteMountTarget",
            "elasticfilesystem:DescribeMountTargets",
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
            "elasticfilesystem:PutBackupPolicy",
            "elasticfilesystem:PutFileSystemPolicy",
            "elasticfilesystem:PutLifecycleConfiguration",
            "elasticfilesystem:TagResource",
            "elasticfilesystem:UpdateFileSystem",
        ],
        to: "*",
        why: "it knows no tags of EFS, and no resource where the call names one in its query or body",
    },
    Widened {
        actions: &[
            "ecs:CreateCluster",
            "ecs:CreateService",
            "ecs:DeleteService",
            "ecs:DescribeClusters",
            "ecs:DescribeServices",
            "ecs:DescribeTasks",
            "ecs:ListServices",
            "ecs:ListTasks",
            "ecs:RegisterTaskDefinition",
            "ecs:TagResource",
            "ecs:UpdateService",
        ],
        to: "*",
        why: "it takes a service's cluster for the service, knows no resource of the others, and no `ecs:cluster`",
    },
    Widened {
        actions: &[
            "backup:CreateBackupPlan",
            "backup:CreateBackupSelection",
            "backup:CreateBackupVault",
            "backup:DeleteBackupPlan",
            "backup:DeleteBackupSelection",
            "backup:DeleteBackupVault",
            "backup:GetBackupPlan",
            "backup:GetBackupSelection",
            "backup:ListBackupSelections",
            "backup:ListTags",
            "backup:TagResource",
            "backup:UpdateBackupPlan",
        ],
        to: "*",
        why: "it knows no resource of AWS Backup, where the calls have them in their path, and no tags",
    },
    Widened {
        actions: &[
            "servicediscovery:CreateService",
            "servicediscovery:DeleteNamespace",
            "servicediscovery:DeleteService",
            "servicediscovery:GetNamespace",
            "servicediscovery:UpdatePrivateDnsNamespace",
            "servicediscovery:UpdateService",
        ],
        to: "*",
        why: "it takes namespaces for services, and knows no tags of Cloud Map",
    },
    Widened {
        actions: &[
            "dynamodb:ListTagsOfResource",
            "dynamodb:TagResource",
            "sns:ListTagsForResource",
            "sns:TagResource",
        ],
        to: "*",
        why: "it does not see the resource in these calls' `ResourceArn`",
    },
    Widened {
        actions: &["lambda:CreateEventSourceMapping", "lambda:CreateFunction"],
        to: "*",
        why: "it knows no `lambda:FunctionArn`, and not the name in the body of CreateFunction",
    },
];

/// Whether the action is widened.
pub(crate) fn is_wide(action: &str) -> bool {
    WIDENED.iter().any(|one| one.actions.contains(&action))
}

/// The documents with what the emulator cannot evaluate widened.
pub(crate) fn widen(documents: &[PolicyDocument]) -> Vec<PolicyDocument> {
    widen_but(documents, "")
}

/// The same, with this action as it is on AWS.
pub(crate) fn widen_but(documents: &[PolicyDocument], kept: &str) -> Vec<PolicyDocument> {
    let mut widened = documents.to_vec();
    for Widened { actions, to, .. } in WIDENED {
        let granted = |action: &&&str| {
            let mut statements = documents.iter().flat_map(|document| &document.statement);
            **action != kept && statements.any(|one| one.action.iter().any(|known| known == **action))
        };
        let granted: Vec<&str> = actions.iter().filter(granted).copied().collect();
        if granted.is_empty() {
            continue;
        }
        widened = granted.iter().fold(widened, |widened, action| without(&widened, action));
        if let Some(document) = widened.last_mut() {
            document.statement.push(Statement::allow("", granted, [*to]));
        }
    }
    widened
}

/// The documents without the action.
pub(crate) fn without(documents: &[PolicyDocument], action: &str) -> Vec<PolicyDocument> {
    let each = documents.iter().map(|document| {
        let statements = document.statement.iter().cloned().filter_map(|mut statement| {
            statement.action.retain(|known| known != action);
            (!statement.action.is_empty()).then_some(statement)
        });
        PolicyDocument { statement: statements.collect(), ..document.clone() }
    });
    each.filter(|document| !document.statement.is_empty()).collect()
}

/// Which are widened, and why.
pub(crate) fn report() -> String {
    let mut text = String::from("Widened here, bounded on AWS:\n");
    for Widened { actions, to, why } in WIDENED {
        let _ = writeln!(text, "  to {to}: {why}\n    {}", actions.join(" "));
    }
    text
}
