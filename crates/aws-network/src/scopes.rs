//! To what a policy can bound the families' actions.
//!
//! Sources: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>

use resource::{Condition, Within};

/// Whatever is ours by its tags: EC2 makes the ids.
const OURS: Within = Within::of(&["arn:{partition}:ec2:{region}:{account}:*/*"]).when(&[Condition::OURS]);

/// To change what is ours.
pub(crate) const OWN: &[Within] = &[OURS];
/// To look at a VPC.
pub(crate) const VPCS: &[Within] = &[Within::of(&["arn:{partition}:ec2:{region}:{account}:vpc/*"])];
/// To delete the interfaces that Lambda and EFS leave in our subnets: they have none of our tags.
pub(crate) const INTERFACES: &[Within] =
    &[Within::of(&["arn:{partition}:ec2:{region}:{account}:network-interface/*"])
        .when(&[Condition::NOT_ANOTHERS])];
/// To tag what is being made, and again what is ours. So nobody makes ours what is not.
pub(crate) const TAGS: &[Within] = &[
    Within::of(&["arn:{partition}:ec2:{region}:{account}:*/*"]).when(&[Condition::OURS, Condition::TAGGED]),
    Within::of(&["arn:{partition}:ec2:{region}:{account}:*/*"]).when(&[
        Condition(
            "StringEquals",
            &[
                ("ec2:CreateAction", "AllocateAddress"),
                ("ec2:CreateAction", "AuthorizeSecurityGroupEgress"),
                ("ec2:CreateAction", "AuthorizeSecurityGroupIngress"),
                ("ec2:CreateAction", "CreateInternetGateway"),
                ("ec2:CreateAction", "CreateNatGateway"),
                ("ec2:CreateAction", "CreateRouteTable"),
                ("ec2:CreateAction", "CreateSecurityGroup"),
                ("ec2:CreateAction", "CreateSubnet"),
                ("ec2:CreateAction", "CreateVpc"),
                ("ec2:CreateAction", "CreateVpcEndpoint"),
            ],
        ),
        Condition::TAGGED,
    ]),
];
/// The hosted zone of an endpoint's private name, which AWS makes.
pub(crate) const ZONES: &[Within] = &[Within::of(&["arn:{partition}:route53:::hostedzone/*"])];
/// To make an address with our tags, of what is ours.
pub(crate) const NEW_ELASTIC_IP: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:elastic-ip/*"])];
/// To make an internet gateway with our tags, of what is ours.
pub(crate) const NEW_INTERNET_GATEWAY: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:internet-gateway/*"])];
/// To make a NAT gateway with our tags, of what is ours.
pub(crate) const NEW_NAT_GATEWAY: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:natgateway/*"])];
/// To make a route table with our tags, of what is ours.
pub(crate) const NEW_ROUTE_TABLE: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:route-table/*"])];
/// To make a security group with our tags, of what is ours.
pub(crate) const NEW_SECURITY_GROUP: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:security-group/*"])];
/// To make a rule with our tags, of what is ours.
pub(crate) const NEW_SECURITY_GROUP_RULE: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:security-group-rule/*"])];
/// To make a subnet with our tags, of what is ours.
pub(crate) const NEW_SUBNET: &[Within] = &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:subnet/*"])];
/// To make a VPC with our tags, of what is ours.
pub(crate) const NEW_VPC: &[Within] = &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:vpc/*"])];
/// To make an endpoint with our tags, of what is ours.
pub(crate) const NEW_VPC_ENDPOINT: &[Within] =
    &[OURS, new(&["arn:{partition}:ec2:{region}:{account}:vpc-endpoint/*"])];

const fn new(resources: &'static [&'static str]) -> Within {
    Within::of(resources).when(&[Condition::TAGGED])
}
