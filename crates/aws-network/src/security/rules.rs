//! The families `AWS::EC2::SecurityGroupIngress` and `AWS::EC2::SecurityGroupEgress`.

mod direction;
mod egress;
mod ingress;
mod wire;

use std::marker::PhantomData;

use aws_env::{At, SdkConfig, retry_while, wait_until};
use aws_sdk_ec2::{
    Client,
    types::{Filter, ResourceType, SecurityGroupRule, SecurityGroupRuleUpdate},
};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope,
};

pub use self::{direction::Direction, egress::Egress, ingress::Ingress};
use super::SecurityGroupRuleSpec;
use crate::ec2::{self, FRESH, STALE};

const DESCRIBE: &str = "ec2:DescribeSecurityGroupRules";
const MODIFY: &str = "ec2:ModifySecurityGroupRules";

/// The tag that makes a rule one of our resources.
const KEY: &str = "headwater:key";

/// The rules of security groups that let in.
pub type SecurityGroupIngressRules = SecurityGroupRules<Ingress>;

/// The rules of security groups that let out.
pub type SecurityGroupEgressRules = SecurityGroupRules<Egress>;

/// The rules of security groups, of one direction.
///
/// A rule that is there already, whoever made it, becomes ours: EC2 holds no two with one protocol, ports and peer.
#[derive(Clone, Debug)]
pub struct SecurityGroupRules<D> {
    client: Client,
    direction: PhantomData<D>,
}

/// Whether a rule is one of our resources, of whichever environment.
pub(super) fn is_node(rule: &SecurityGroupRule) -> bool {
    rule.tags().iter().any(|tag| tag.key() == Some(KEY))
}

impl<D: Direction> SecurityGroupRules<D> {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config), direction: PhantomData }
    }

    async fn list(&self, filters: Vec<Filter>) -> Result<Vec<SecurityGroupRule>> {
        let pages = self.client.describe_security_group_rules().set_filters(Some(filters));
        let rules = pages.max_results(1000).into_paginator().items().send();
        let rules: Vec<_> = rules.try_collect().await.at(DESCRIBE, "security group rules")?;
        Ok(rules.into_iter().filter(is_of::<D>).collect())
    }

    /// The rule of that id; `None` where there is none of this direction.
    async fn rule(&self, id: &str) -> Result<Option<SecurityGroupRule>> {
        let describe = self.client.describe_security_group_rules().security_group_rule_ids(id);
        match describe.send().await.at(DESCRIBE, id) {
            Ok(found) => Ok(found.security_group_rules.unwrap_or_default().into_iter().find(is_of::<D>)),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The rule, ours.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<SecurityGroupRuleSpec>,
        progress: &Progress,
    ) -> Result<Observed<SecurityGroupRuleSpec>> {
        let key = &desired.key;
        let is_fresh = |error: &Error| error.class == Class::NotFound;
        let waits_for = "EC2 to know the security groups";
        let id =
            retry_while(&FRESH, progress, waits_for, is_fresh, || self.authorize(scope, desired)).await?;
        wait_until(&FRESH, progress, DESCRIBE, key, "the rule to be seen with our tags", || async {
            let Some(rule) = self.rule(&id).await? else { return Ok(None) };
            let seen = wire::observed(scope, &rule);
            if seen.owner == Owner::Us(key.clone()) {
                return Ok(Some(seen));
            }
            // It was there before, by another hand or under another key.
            ec2::or_gone(ec2::adopt(&self.client, key, &id, scope.tags(key)).await)?;
            Ok(None)
        })
        .await
    }

    /// Makes the rule, and returns its id; that of the one which is there already, where there is one.
    async fn authorize(&self, scope: &Scope, desired: &Desired<SecurityGroupRuleSpec>) -> Result<String> {
        let Desired { key, spec, .. } = desired;
        let tags = ec2::tag_specification(scope, key, ResourceType::SecurityGroupRule);
        let made = D::authorize(&self.client, key, &spec.group_id, wire::permission(spec), tags).await;
        match made {
            Ok(Some(id)) => return Ok(id),
            Err(error) if error.class != Class::AlreadyExists => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let rules = self.list(vec![ec2::filter("group-id", &spec.group_id)]).await?;
        let twin = rules.iter().find(|rule| wire::spec(rule).is_same_rule(spec));
        // It may have gone in between, or not be seen yet: then the whole is done again.
        let unseen = "EC2 has the rule already, but does not show it".to_owned();
        twin.and_then(|rule| rule.security_group_rule_id.clone())
            .ok_or_else(|| Error::new(DESCRIBE, key, Class::RetryLater, unseen))
    }

    /// Changes the description, which is all that can be changed. EC2 wants the whole rule for it.
    async fn describe_anew(
        &self,
        desired: &Desired<SecurityGroupRuleSpec>,
        id: &str,
        progress: &Progress,
    ) -> Result<()> {
        let Desired { key, spec, .. } = desired;
        let request = wire::request(spec);
        let update =
            SecurityGroupRuleUpdate::builder().security_group_rule_id(id).security_group_rule(request);
        let modify = self.client.modify_security_group_rules().group_id(&spec.group_id);
        let modify = modify.security_group_rules(update.build());
        ec2::once_found(progress, || async { modify.clone().send().await.at(MODIFY, key) }).await.map(drop)
    }
}

fn is_of<D: Direction>(rule: &SecurityGroupRule) -> bool {
    rule.is_egress() == Some(D::IS_EGRESS)
}

impl<D: Direction> Family for SecurityGroupRules<D> {
    type Spec = SecurityGroupRuleSpec;

    const KIND: Kind = D::KIND;
    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::EC2::SecurityGroup")];
    const ACTIONS: &'static [IamAction] = D::ACTIONS;

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<SecurityGroupRuleSpec>>> {
        let rules = self.list(ec2::own_filters(scope)).await?;
        Ok(ec2::ours(rules.iter().map(|rule| wire::observed(scope, rule))))
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<SecurityGroupRuleSpec>,
        observed: Option<&Observed<SecurityGroupRuleSpec>>,
        progress: &Progress,
    ) -> Result<Observed<SecurityGroupRuleSpec>> {
        let found = match observed {
            Some(observed) => observed.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        if found.spec == desired.spec {
            return Ok(found);
        }
        if !found.spec.is_same_rule(&desired.spec) {
            // What was made just now and reads otherwise is for the next plan to show.
            if observed.is_none() {
                return Ok(found);
            }
            let text = "EC2 changes nothing of a rule but its description".to_owned();
            return Err(Error::new(MODIFY, &desired.key, Class::Fatal, text));
        }
        self.describe_anew(desired, &found.id, progress).await?;
        Ok(Observed { spec: desired.spec.clone(), ..found })
    }

    /// Deletes the rule, unless it became another resource of ours since the survey: where a rule gets another key, its
    /// new node takes it over, and the old one has nothing left to delete.
    async fn delete(&self, observed: &Observed<SecurityGroupRuleSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        let Some(rule) = self.rule(id).await? else { return Ok(()) };
        if let Owner::Us(old) = &observed.owner
            && let Some(now) = ec2::tags(rule.tags()).get(KEY).filter(|now| *now != old.as_str())
        {
            progress.note(format!("{id} is `{now}` by now"));
            return Ok(());
        }
        ec2::or_gone(D::revoke(&self.client, &observed.spec.group_id, id).await)?;
        ec2::gone(&STALE, progress, DESCRIBE, id, || self.rule(id)).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<SecurityGroupRuleSpec>>> {
        match ec2::plain_id(scope, "security-group-rule", id).filter(|id| id.starts_with("sgr-")) {
            Some(id) => Ok(self.rule(id).await?.map(|rule| wire::observed(scope, &rule))),
            None => Ok(None),
        }
    }

    async fn adopt(
        &self,
        scope: &Scope,
        key: &Key,
        observed: &Observed<SecurityGroupRuleSpec>,
    ) -> Result<()> {
        ec2::adopt(&self.client, key, &observed.id, scope.tags(key)).await
    }
}
