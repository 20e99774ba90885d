//! Deleting a security group: what refers to it goes first.

use std::collections::{BTreeMap, BTreeSet};

use aws_env::At;
use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use resource::{Class, Error, Progress, Result};

use super::{DESCRIBE_RULES, REVOKE_EGRESS, SecurityGroups};
use crate::{
    ec2::{self, SETTLE},
    interfaces::{self, Place},
};

const DELETE: &str = "ec2:DeleteSecurityGroup";
const REVOKE_INGRESS: &str = "ec2:RevokeSecurityGroupIngress";

/// The tags that say which environment a group belongs to.
const ENVIRONMENT: [&str; 2] = ["headwater:project", "headwater:env"];

impl SecurityGroups {
    /// Deletes the group, and returns when it is gone. Rules of other groups of its environment that refer to it are
    /// revoked first, and its network interfaces waited for, which Lambda keeps for as long as 40 minutes.
    ///
    /// # Errors
    /// [`Class::Fatal`] where a rule of somebody else's group refers to it, which is named.
    pub(super) async fn delete_and_wait(&self, id: &str, progress: &Progress) -> Result<()> {
        let delete =
            || async { self.client.delete_security_group().group_id(id).send().await.at(DELETE, id) };
        interfaces::delete_without(&self.client, Place::SecurityGroup, id, progress, || async {
            match delete().await {
                Err(error) if error.class == Class::Conflict => match self.release(id).await? {
                    true => delete().await,
                    false => Err(error),
                },
                done => done,
            }
        })
        .await?;
        ec2::gone(&SETTLE, progress, DELETE, id, || self.group(id)).await
    }

    /// Revokes the rules of other groups that refer to this one; whether there were any.
    async fn release(&self, id: &str) -> Result<bool> {
        let rules = self.client.describe_security_group_rules().max_results(1000).into_paginator();
        let rules: Vec<_> = rules.items().send().try_collect().await.at(DESCRIBE_RULES, id)?;
        let referring: Vec<_> = rules.into_iter().filter(|rule| refers_to(rule, id)).collect();
        if referring.is_empty() {
            return Ok(false);
        }
        let ours = self.of_one_environment(id, referring.iter().filter_map(|rule| rule.group_id())).await?;
        let mut revocable: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
        for rule in referring {
            let rule_id = rule.security_group_rule_id.unwrap_or_default();
            let group = rule.group_id.unwrap_or_default();
            if !ours.contains(&group) {
                let text =
                    format!("the rule {rule_id} of {group}, which is not ours, refers to it; delete that");
                return Err(Error::new(DELETE, id, Class::Fatal, text));
            }
            revocable.entry((group, rule.is_egress == Some(true))).or_default().push(rule_id);
        }
        for ((group, is_egress), rules) in revocable {
            self.revoke(&group, is_egress, rules).await?;
        }
        Ok(true)
    }

    /// Those of the groups that have the tags of this one's environment.
    async fn of_one_environment<'a>(
        &self,
        id: &str,
        groups: impl Iterator<Item = &'a str>,
    ) -> Result<BTreeSet<String>> {
        let ids: BTreeSet<_> = groups.map(str::to_owned).chain([id.to_owned()]).collect();
        let filter = Filter::builder().name("group-id").set_values(Some(ids.into_iter().collect()));
        let groups = self.list(vec![filter.build()]).await?;
        let environment = |group: &aws_sdk_ec2::types::SecurityGroup| {
            let tags = ec2::tags(group.tags());
            ENVIRONMENT.map(|name| tags.get(name).cloned())
        };
        let this = groups.iter().find(|group| group.group_id() == Some(id)).map(environment);
        let Some(this) = this.filter(|tags| tags.iter().all(Option::is_some)) else {
            return Ok(BTreeSet::new());
        };
        Ok(groups
            .into_iter()
            .filter(|group| environment(group) == this)
            .filter_map(|group| group.group_id)
            .collect())
    }

    async fn revoke(&self, group: &str, is_egress: bool, rules: Vec<String>) -> Result<()> {
        let rules = Some(rules);
        ec2::or_gone(if is_egress {
            let revoke = self.client.revoke_security_group_egress().group_id(group);
            revoke.set_security_group_rule_ids(rules).send().await.at(REVOKE_EGRESS, group).map(drop)
        } else {
            let revoke = self.client.revoke_security_group_ingress().group_id(group);
            revoke.set_security_group_rule_ids(rules).send().await.at(REVOKE_INGRESS, group).map(drop)
        })
    }
}

/// Whether a rule of another group has this one as its peer. A group's own rules go with it.
fn refers_to(rule: &SecurityGroupRule, id: &str) -> bool {
    rule.referenced_group_info().and_then(|peer| peer.group_id()) == Some(id) && rule.group_id() != Some(id)
}
