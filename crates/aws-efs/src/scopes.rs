//! To what a policy can bound the families' actions.
//!
//! Sources: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticfilesystem.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>

use resource::{Condition, Within};

const FILE_SYSTEM: &str = "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*";
const ACCESS_POINT: &str = "arn:{partition}:elasticfilesystem:{region}:{account}:access-point/*";

/// To look at file systems and at what belongs to them. EFS makes their ids.
pub(crate) const FILE_SYSTEMS: &[Within] = &[Within::of(&[FILE_SYSTEM])];
/// To change those that are ours by their tags.
pub(crate) const OWN_FILE_SYSTEMS: &[Within] = &[Within::of(&[FILE_SYSTEM]).when(&[Condition::OURS])];
/// To make one: AWS knows no resource for it.
pub(crate) const NEW_FILE_SYSTEM: &[Within] = &[Within::of(&["*"]).when(&[Condition::TAGGED])];
/// To make an access point of a file system of ours.
pub(crate) const NEW_ACCESS_POINT: &[Within] =
    &[Within::of(&[FILE_SYSTEM]).when(&[Condition::OURS, Condition::TAGGED])];
/// To delete access points that are ours by their tags.
pub(crate) const OWN_ACCESS_POINTS: &[Within] = &[Within::of(&[ACCESS_POINT]).when(&[Condition::OURS])];
/// To tag what is being made, and again what is ours. So nobody makes ours what is not.
pub(crate) const TAGS: &[Within] = &[
    Within::of(&[ACCESS_POINT, FILE_SYSTEM]).when(&[Condition::OURS, Condition::TAGGED]),
    Within::of(&[ACCESS_POINT, FILE_SYSTEM]).when(&[
        Condition(
            "StringEquals",
            &[
                ("elasticfilesystem:CreateAction", "CreateAccessPoint"),
                ("elasticfilesystem:CreateAction", "CreateFileSystem"),
            ],
        ),
        Condition::TAGGED,
    ]),
];
/// To make the network interface of a mount target, in our subnet and with our security group. EFS makes and tags it.
pub(crate) const NEW_INTERFACE: &[Within] = &[INTERFACES, OURS_IN_VPC];
/// To change one.
pub(crate) const INTERFACE: &[Within] = &[INTERFACES];
/// To give one other security groups of ours.
pub(crate) const INTERFACE_GROUPS: &[Within] = &[INTERFACES, OURS_IN_VPC];
/// EC2 makes their ids, and they have no tags of ours but those that EFS gives them.
const INTERFACES: Within = Within::of(&["arn:{partition}:ec2:{region}:{account}:network-interface/*"])
    .when(&[Condition::NOT_ANOTHERS]);
const OURS_IN_VPC: Within = Within::of(&[
    "arn:{partition}:ec2:{region}:{account}:security-group/*",
    "arn:{partition}:ec2:{region}:{account}:subnet/*",
])
.when(&[Condition::OURS]);
/// To have EFS's own role made.
pub(crate) const EFS_ROLE: &[Within] = &[Within::of(&[
    "arn:{partition}:iam::{account}:role/aws-service-role/elasticfilesystem.amazonaws.com/*",
])
.when(&[Condition("StringEquals", &[("iam:AWSServiceName", "elasticfilesystem.amazonaws.com")])])];
/// To have AWS Backup's own role made.
pub(crate) const BACKUP_ROLE: &[Within] =
    &[Within::of(&["arn:{partition}:iam::{account}:role/aws-service-role/backup.amazonaws.com/*"])
        .when(&[Condition("StringEquals", &[("iam:AWSServiceName", "backup.amazonaws.com")])])];
