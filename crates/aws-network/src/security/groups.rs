//! The family `AWS::EC2::SecurityGroup`.

mod delete;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while, wait_until};
use aws_sdk_ec2::{
    Client,
    types::{Filter, IpPermission, ResourceType, SecurityGroup, SecurityGroupRule},
};
use futures::future::{try_join, try_join_all};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use super::{SecurityGroupSpec, rules::is_node};
use crate::ec2::{self, FRESH};
use crate::scopes::{INTERFACES, NEW_SECURITY_GROUP, OWN, TAGS};

const CREATE: &str = "ec2:CreateSecurityGroup";
const DESCRIBE: &str = "ec2:DescribeSecurityGroups";
const DESCRIBE_RULES: &str = "ec2:DescribeSecurityGroupRules";
const REVOKE_EGRESS: &str = "ec2:RevokeSecurityGroupEgress";

const ALL_PROTOCOLS: &str = "-1";
const ALL_IPV4: &str = "0.0.0.0/0";
const ALL_IPV6: &str = "::/0";

/// EC2's security groups.
///
/// A group is made empty: EC2's own rule, which lets all traffic out, is taken away, and what may pass is said by rules that
/// are resources of their own.
#[derive(Clone, Debug)]
pub struct SecurityGroups {
    client: Client,
}

impl SecurityGroups {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<SecurityGroup>> {
        let pages = self.client.describe_security_groups().set_filters(Some(filters));
        // Without a size of pages EC2 gives all at once, or refuses to in an account that has many.
        let groups = pages.max_results(1000).into_paginator().items().send();
        groups.try_collect().await.at(DESCRIBE, "security groups")
    }

    /// The group of that id; `None` where there is none.
    async fn group(&self, id: &str) -> Result<Option<SecurityGroup>> {
        match self.client.describe_security_groups().group_ids(id).send().await.at(DESCRIBE, id) {
            Ok(found) => Ok(found.security_groups.unwrap_or_default().into_iter().next()),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The groups of that name, in that VPC or in any.
    async fn named(&self, name: &str, vpc_id: Option<&str>) -> Result<Vec<SecurityGroup>> {
        let vpc = vpc_id.map(|id| ec2::filter("vpc-id", id));
        self.list([ec2::filter("group-name", name)].into_iter().chain(vpc).collect()).await
    }

    /// The rules of the group of that id; none where there is no such group.
    async fn rules(&self, id: &str) -> Result<Vec<SecurityGroupRule>> {
        let rules = self.client.describe_security_group_rules().filters(ec2::filter("group-id", id));
        rules.into_paginator().items().send().try_collect().await.at(DESCRIBE_RULES, id)
    }

    /// The group, with what [`default_egress`] says of it.
    async fn see(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Observed<SecurityGroupSpec>, Option<Vec<String>>)>> {
        let (group, rules) = try_join(self.group(id), self.rules(id)).await?;
        Ok(group.map(|group| {
            let default = default_egress(&group, &rules);
            (observed(scope, &group, default.is_some()), default)
        }))
    }

    /// Asks for the rules only of a group that lets everything out.
    async fn observe(&self, scope: &Scope, group: &SecurityGroup) -> Result<Observed<SecurityGroupSpec>> {
        let rules = match group.ip_permissions_egress().iter().any(lets_everything) {
            true => self.rules(group.group_id().unwrap_or_default()).await?,
            false => Vec::new(),
        };
        Ok(observed(scope, group, default_egress(group, &rules).is_some()))
    }

    /// The id of the new group, or of the one that a run before this one made. EC2's own rule is in it still.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<SecurityGroupSpec>,
        progress: &Progress,
    ) -> Result<String> {
        let Desired { key, name, spec } = desired;
        let fatal = |text: &str| Error::new(CREATE, key, Class::Fatal, text.to_owned());
        let name = name.as_deref().ok_or_else(|| fatal("a security group needs a name"))?;
        let create = self
            .client
            .create_security_group()
            .group_name(name)
            .description(&spec.description)
            .vpc_id(&spec.vpc_id)
            .tag_specifications(ec2::tag_specification(scope, key, ResourceType::SecurityGroup));
        // A lost reply does no harm: the name is taken then, by what is ours.
        let is_fresh = |error: &Error| error.class == Class::NotFound;
        retry_while(&FRESH, progress, "EC2 to know the VPC", is_fresh, || async {
            match create.clone().send().await.at(CREATE, key) {
                Ok(made) => made.group_id.ok_or_else(|| fatal("EC2 gave no id for the group")),
                Err(error) if error.class == Class::AlreadyExists => {
                    match self.named(name, Some(&spec.vpc_id)).await?.first() {
                        Some(twin) => own_id(scope, key, twin),
                        None => Err(Error { class: Class::RetryLater, ..error }),
                    }
                }
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The group once it is seen as ours, with EC2's own rules or, where they are not wanted, without: they are taken away
    /// as they are seen.
    async fn settled(
        &self,
        scope: &Scope,
        desired: &Desired<SecurityGroupSpec>,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<SecurityGroupSpec>> {
        let key = &desired.key;
        let see = || async {
            let seen = self.see(scope, id).await?;
            Ok(seen.filter(|(group, _)| group.owner == Owner::Us(key.clone())))
        };
        let waits_for = "the security group to be seen without the rule that lets everything out";
        wait_until(&FRESH, progress, DESCRIBE, key, waits_for, || async {
            let default = match see().await? {
                Some((_, Some(default))) if !desired.spec.default_egress => default,
                seen => return Ok(seen.map(|(group, _)| group)),
            };
            if default.is_empty() {
                return Ok(None);
            }
            let revoke = self.client.revoke_security_group_egress().group_id(id);
            let revoke = revoke.set_security_group_rule_ids(Some(default));
            ec2::or_gone(revoke.send().await.at(REVOKE_EGRESS, key))?;
            Ok(see().await?.filter(|(_, left)| left.is_none()).map(|(group, _)| group))
        })
        .await
    }
}

/// The rules that let everything out of the group and are no resource of ours, by their ids; `None` where there is none.
/// Where the group shows one that its rules do not show yet, there are no ids.
fn default_egress(group: &SecurityGroup, rules: &[SecurityGroupRule]) -> Option<Vec<String>> {
    if !group.ip_permissions_egress().iter().any(lets_everything) {
        return None;
    }
    let of_everything: Vec<_> = rules.iter().filter(|rule| lets_everything_out(rule)).collect();
    let left: Vec<_> = of_everything
        .iter()
        .filter(|rule| !is_node(rule))
        .filter_map(|rule| rule.security_group_rule_id.clone())
        .collect();
    (of_everything.is_empty() || !left.is_empty()).then_some(left)
}

fn lets_everything(permission: &IpPermission) -> bool {
    let ipv4 = permission.ip_ranges().iter().any(|range| range.cidr_ip() == Some(ALL_IPV4));
    let ipv6 = permission.ipv6_ranges().iter().any(|range| range.cidr_ipv6() == Some(ALL_IPV6));
    permission.ip_protocol() == Some(ALL_PROTOCOLS) && (ipv4 || ipv6)
}

fn lets_everything_out(rule: &SecurityGroupRule) -> bool {
    let everywhere = rule.cidr_ipv4() == Some(ALL_IPV4) || rule.cidr_ipv6() == Some(ALL_IPV6);
    rule.is_egress() == Some(true) && rule.ip_protocol() == Some(ALL_PROTOCOLS) && everywhere
}

/// The id of the group that has the wanted name already, where it is ours.
fn own_id(scope: &Scope, key: &Key, group: &SecurityGroup) -> Result<String> {
    let id = group.group_id().unwrap_or_default();
    match scope.owner(&ec2::tags(group.tags())) {
        Owner::Us(owner) if owner == *key => Ok(id.to_owned()),
        owner => {
            let whose = match owner {
                Owner::Us(owner) => format!("as `{owner}`"),
                Owner::Other(text) => text,
            };
            let name = group.group_name().unwrap_or_default();
            let text = format!("the VPC has a security group `{name}` already ({id}), {whose}");
            Err(Error::new(CREATE, key, Class::AlreadyExists, text))
        }
    }
}

fn observed(scope: &Scope, group: &SecurityGroup, default_egress: bool) -> Observed<SecurityGroupSpec> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let (id, name, vpc_id) = (text(group.group_id()), text(group.group_name()), text(group.vpc_id()));
    let arn = scope.arn("ec2", &format!("security-group/{id}"));
    Observed {
        id,
        name: Some(name),
        owner: scope.owner(&ec2::tags(group.tags())),
        spec: SecurityGroupSpec { vpc_id, description: text(group.description()), default_egress },
        // The VPC's id is no output: who names that does not refer to the group.
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        // EC2 does not tell when it was made.
        created: None,
        pending: None,
    }
}

impl Family for SecurityGroups {
    type Spec = SecurityGroupSpec;

    const KIND: Kind = Kind::new("AWS::EC2::SecurityGroup");
    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::EC2::VPC")];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ec2:DescribeNetworkInterfaces").within(Within::IN_REGION),
        IamAction::read("ec2:DescribeSecurityGroupRules").within(Within::IN_REGION),
        IamAction::read("ec2:DescribeSecurityGroups").within(Within::IN_REGION),
        IamAction::write("ec2:CreateSecurityGroup").within(NEW_SECURITY_GROUP),
        // Called to adopt, and asked for besides the create call with tags:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        IamAction::write("ec2:CreateTags").within(TAGS),
        IamAction::write("ec2:DeleteNetworkInterface").within(INTERFACES),
        IamAction::write("ec2:DeleteSecurityGroup").within(OWN),
        IamAction::write("ec2:RevokeSecurityGroupEgress").within(OWN),
        IamAction::write("ec2:RevokeSecurityGroupIngress").within(OWN),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<SecurityGroupSpec>>> {
        let prefix = scope.name_prefix();
        let seen = self.list(Vec::new()).await?.into_iter().filter_map(|group| {
            let is_ours = matches!(scope.owner(&ec2::tags(group.tags())), Owner::Us(_));
            let is_named = group.group_name().is_some_and(|name| name.starts_with(&prefix));
            (is_ours || is_named).then_some((group, is_ours))
        });
        try_join_all(seen.map(|(group, is_ours)| async move {
            // The rules of what is not ours are nothing to us.
            if is_ours { self.observe(scope, &group).await } else { Ok(observed(scope, &group, false)) }
        }))
        .await
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<SecurityGroupSpec>,
        observed: Option<&Observed<SecurityGroupSpec>>,
        progress: &Progress,
    ) -> Result<Observed<SecurityGroupSpec>> {
        let id = match observed {
            Some(there) if !there.spec.default_egress || desired.spec.default_egress => {
                return Ok(there.clone());
            }
            Some(there) => there.id.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        self.settled(scope, desired, &id, progress).await
    }

    async fn delete(&self, observed: &Observed<SecurityGroupSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<SecurityGroupSpec>>> {
        let Some(id) = ec2::plain_id(scope, "security-group", id) else { return Ok(None) };
        // A group's name cannot begin as an id does.
        let found = match id.starts_with("sg-") {
            true => self.group(id).await?.into_iter().collect(),
            false => self.named(id, None).await?,
        };
        match found.as_slice() {
            [] => Ok(None),
            [group] => self.observe(scope, group).await.map(Some),
            [..] => {
                let text = "several VPCs have a security group of that name; say its id".to_owned();
                Err(Error::new(DESCRIBE, id, Class::Fatal, text))
            }
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<SecurityGroupSpec>) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
