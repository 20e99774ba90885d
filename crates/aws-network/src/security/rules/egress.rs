//! Rules that let out.

use aws_env::At;
use aws_sdk_ec2::{
    Client,
    types::{IpPermission, TagSpecification},
};
use resource::{IamAction, Key, Kind, Result, Within};

use crate::scopes::{NEW_SECURITY_GROUP_RULE, OWN, TAGS};

use super::Direction;

/// Rules that let out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Egress;

impl Direction for Egress {
    const KIND: Kind = Kind::new("AWS::EC2::SecurityGroupEgress");
    const IS_EGRESS: bool = true;
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeSecurityGroupRules").within(Within::IN_REGION),
        IamAction::write("ec2:AuthorizeSecurityGroupEgress").within(NEW_SECURITY_GROUP_RULE),
        // Called to adopt, and asked for besides the authorize call with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:ModifySecurityGroupRules").within(OWN),
        IamAction::write("ec2:RevokeSecurityGroupEgress").within(OWN),
    ];

    async fn authorize(
        client: &Client,
        key: &Key,
        group_id: &str,
        permission: IpPermission,
        tags: TagSpecification,
    ) -> Result<Option<String>> {
        let authorize = client.authorize_security_group_egress().group_id(group_id);
        let authorize = authorize.ip_permissions(permission).tag_specifications(tags);
        let made = authorize.send().await.at("ec2:AuthorizeSecurityGroupEgress", key)?;
        Ok(made.security_group_rules.unwrap_or_default().pop().and_then(|rule| rule.security_group_rule_id))
    }

    async fn revoke(client: &Client, group_id: &str, id: &str) -> Result<()> {
        let revoke = client.revoke_security_group_egress().group_id(group_id).security_group_rule_ids(id);
        revoke.send().await.at("ec2:RevokeSecurityGroupEgress", id).map(drop)
    }
}
