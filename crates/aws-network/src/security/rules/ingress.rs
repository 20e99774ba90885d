//! Rules that let in.

use aws_env::At;
use aws_sdk_ec2::{
    Client,
    types::{IpPermission, TagSpecification},
};
use resource::{IamAction, Key, Kind, Result, Within};

use crate::scopes::{NEW_SECURITY_GROUP_RULE, OWN, TAGS};

use super::Direction;

/// Rules that let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ingress;

impl Direction for Ingress {
    const KIND: Kind = Kind::new("AWS::EC2::SecurityGroupIngress");
    const IS_EGRESS: bool = false;
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeSecurityGroupRules").within(Within::IN_REGION),
        IamAction::write("ec2:AuthorizeSecurityGroupIngress").within(NEW_SECURITY_GROUP_RULE),
        // Called to adopt, and asked for besides the authorize call with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:ModifySecurityGroupRules").within(OWN),
        IamAction::write("ec2:RevokeSecurityGroupIngress").within(OWN),
    ];

    async fn authorize(
        client: &Client,
        key: &Key,
        group_id: &str,
        permission: IpPermission,
        tags: TagSpecification,
    ) -> Result<Option<String>> {
        let authorize = client.authorize_security_group_ingress().group_id(group_id);
        let authorize = authorize.ip_permissions(permission).tag_specifications(tags);
        let made = authorize.send().await.at("ec2:AuthorizeSecurityGroupIngress", key)?;
        Ok(made.security_group_rules.unwrap_or_default().pop().and_then(|rule| rule.security_group_rule_id))
    }

    async fn revoke(client: &Client, group_id: &str, id: &str) -> Result<()> {
        let revoke = client.revoke_security_group_ingress().group_id(group_id).security_group_rule_ids(id);
        revoke.send().await.at("ec2:RevokeSecurityGroupIngress", id).map(drop)
    }
}
