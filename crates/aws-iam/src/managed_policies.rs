//! The family `AWS::IAM::ManagedPolicy`: policies of their own name, which roles have attached or are bounded by.

#[cfg(test)]
mod tests;
mod versions;

use std::{collections::BTreeMap, time::Duration};

use aws_env::{At, Patience, SdkConfig, retry_while, wait_until};
use aws_sdk_iam::{
    Client,
    types::{Policy, PolicyScopeType},
};
use aws_smithy_types::date_time::Format;
use futures::future::try_join_all;
use resource::{
    Class, Desired, Effect, Error, Family, IamAction, Key, Kind, Observed, Owner, PolicyDocument, Progress,
    Result, Scope, Spec,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    change::{encode, gone, tags},
    observe::decode,
};

const CREATE: &str = "iam:CreatePolicy";
const DELETE: &str = "iam:DeletePolicy";
const GET: &str = "iam:GetPolicy";
const GET_VERSION: &str = "iam:GetPolicyVersion";
const LIST: &str = "iam:ListPolicies";
const TAG: &str = "iam:TagPolicy";

/// A policy just made is not found for some seconds, and one just detached still counts as attached.
const PATIENCE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

/// The fields of a managed policy that we set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedPolicySpec {
    /// The path: [`Scope::path`].
    pub path: String,
    /// What the policy is for; at most 1,000 characters. IAM cannot change it.
    pub description: String,
    /// What it allows and denies: at most 6,144 characters, white space not counted. It is the policy's default version.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    pub policy_document: PolicyDocument,
}

impl Spec for ManagedPolicySpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "path" | "description" => Effect::Refuse(
                "IAM cannot change it, and a policy that is attached cannot be made anew; detach and delete it by hand, \
                 then run this again"
                    .to_owned(),
            ),
            _ => Effect::Update,
        }
    }
}

/// A managed policy of an environment. Its ARN follows from its name, so that it can be spoken of before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicy {
    scope: Scope,
    name: String,
}

impl ManagedPolicy {
    /// The policy whose physical name ends in `suffix`.
    pub fn new(scope: &Scope, suffix: &str) -> Self {
        Self { scope: scope.clone(), name: scope.physical_name(suffix) }
    }

    /// Its physical name; at most 128 characters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN, with the environment's path in it.
    pub fn arn(&self) -> String {
        self.scope.iam_arn(&format!("policy{}{}", self.scope.path(), self.name))
    }
}

/// IAM's customer managed policies. One that the environment owns has its path: `/headwater/prod/`.
///
/// A policy is changed by a new default version. Of its versions, five at most, the oldest makes room. Its deletion detaches
/// it from nothing: while a role has it attached or is bounded by it, IAM refuses, and so does the step.
#[derive(Clone, Debug)]
pub struct ManagedPolicies {
    client: Client,
}

impl ManagedPolicies {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, path: &str) -> Result<Vec<String>> {
        let call = self.client.list_policies().scope(PolicyScopeType::Local).path_prefix(path);
        let mut pages = call.into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            let policies = page.at(LIST, path)?.policies.unwrap_or_default();
            arns.extend(policies.into_iter().filter_map(|policy| policy.arn));
        }
        Ok(arns)
    }

    async fn get(&self, arn: &str) -> Result<Option<Policy>> {
        match self.client.get_policy().policy_arn(arn).send().await.at(GET, arn) {
            Err(error) if error.class == Class::NotFound => Ok(None),
            found => Ok(found?.policy),
        }
    }

    /// The policy of that ARN, by two calls: a listing leaves out tags, description and document.
    async fn describe(&self, scope: &Scope, arn: &str) -> Result<Option<Observed<ManagedPolicySpec>>> {
        let Some(policy) = self.get(arn).await? else { return Ok(None) };
        let version = policy.default_version_id.clone().unwrap_or_default();
        let call = self.client.get_policy_version().policy_arn(arn).version_id(version);
        let version = match call.send().await.at(GET_VERSION, arn) {
            // Deleted, or given another default version, while it is looked at: the next look tells.
            Err(error) if error.class == Class::NotFound => {
                return Err(Error { class: Class::RetryLater, ..error });
            }
            found => found?.policy_version,
        };
        let document = version.and_then(|version| version.document).unwrap_or_default();
        observe(scope, arn, policy, decode(GET_VERSION, arn, &document)?).map(Some)
    }

    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<ManagedPolicySpec>,
    ) -> Result<Observed<ManagedPolicySpec>> {
        let Desired { key, name, spec } = desired;
        let Some(name) = name else {
            return Err(Error::new(CREATE, key, Class::Fatal, "a managed policy needs a name"));
        };
        let call = self
            .client
            .create_policy()
            .policy_name(name)
            .path(&spec.path)
            .description(&spec.description)
            .policy_document(encode(CREATE, key, &spec.policy_document)?)
            .set_tags(Some(tags(CREATE, scope, key)?));
        let arn = scope.iam_arn(&format!("policy{}{name}", spec.path));
        match call.send().await.at(CREATE, key) {
            Ok(created) => {
                let policy = created.policy.unwrap_or_else(|| Policy::builder().build());
                let made = observe(scope, &arn, policy, spec.policy_document.clone())?;
                let (name, owner, spec) = (Some(name.clone()), Owner::Us(key.clone()), spec.clone());
                Ok(Observed { name, owner, spec, ..made })
            }
            // An earlier attempt made it, and its reply was lost; or it is somebody else's.
            Err(error) if error.class == Class::AlreadyExists => match self.describe(scope, &arn).await? {
                Some(found) if found.owner == Owner::Us(key.clone()) => Ok(found),
                Some(_) => Err(error),
                // Whose it is shows once it is found: creations spread for some seconds.
                None => Err(Error { class: Class::RetryLater, ..error }),
            },
            Err(error) => Err(error),
        }
    }
}

fn observe(
    scope: &Scope,
    arn: &str,
    policy: Policy,
    policy_document: PolicyDocument,
) -> Result<Observed<ManagedPolicySpec>> {
    let tags = policy.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    Ok(Observed {
        id: arn.to_owned(),
        name: policy.policy_name,
        owner: scope.owner(&tags),
        spec: ManagedPolicySpec {
            path: policy.path.unwrap_or_default(),
            description: policy.description.unwrap_or_default(),
            policy_document,
        },
        outputs: BTreeMap::from([("arn".to_owned(), arn.to_owned())]),
        created: policy.create_date.and_then(|date| date.fmt(Format::DateTime).ok()),
        pending: None,
    })
}

impl Family for ManagedPolicies {
    type Spec = ManagedPolicySpec;

    const KIND: Kind = Kind::new("AWS::IAM::ManagedPolicy");
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("iam:GetPolicy"),
        IamAction::read("iam:GetPolicyVersion"),
        IamAction::read("iam:ListPolicies"),
        IamAction::write("iam:CreatePolicy"),
        IamAction::write("iam:CreatePolicyVersion"),
        IamAction::write("iam:DeletePolicy"),
        IamAction::write("iam:DeletePolicyVersion"),
        IamAction::write("iam:ListPolicyVersions"),
        // Called to adopt, and asked for besides CreatePolicy with tags:
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_customer-managed-policies.html
        IamAction::write("iam:TagPolicy"),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<ManagedPolicySpec>>> {
        let arns = self.list(&scope.path()).await?;
        let policies = try_join_all(arns.iter().map(|arn| self.describe(scope, arn))).await?;
        Ok(policies.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<ManagedPolicySpec>,
        observed: Option<&Observed<ManagedPolicySpec>>,
        progress: &Progress,
    ) -> Result<Observed<ManagedPolicySpec>> {
        let found = match observed {
            Some(observed) => observed.clone(),
            None => {
                let create = || self.create(scope, desired);
                retry_while(&PATIENCE, progress, "the policy", |_| false, create).await?
            }
        };
        let document = &desired.spec.policy_document;
        if found.spec.policy_document != *document {
            self.write(&desired.key, &found.id, document, progress).await?;
        }
        if observed.is_none() {
            // Who attaches it next would not find it.
            let (arn, waits_for) = (&found.id, "the policy to be known to all of IAM");
            wait_until(&PATIENCE, progress, GET, &desired.key, waits_for, || self.get(arn)).await?;
        }
        let spec = ManagedPolicySpec { policy_document: document.clone(), ..found.spec.clone() };
        Ok(Observed { spec, ..found })
    }

    async fn delete(&self, observed: &Observed<ManagedPolicySpec>, progress: &Progress) -> Result<()> {
        let arn = &observed.id;
        self.clear(arn, progress).await?;
        let conflicts = |error: &Error| error.class == Class::Conflict;
        let delete =
            || async { gone(self.client.delete_policy().policy_arn(arn).send().await.at(DELETE, arn)) };
        retry_while(&PATIENCE, progress, "the policy to be attached to nothing", conflicts, delete).await?;
        let is_gone = || async { Ok(self.get(arn).await?.is_none().then_some(())) };
        wait_until(&PATIENCE, progress, DELETE, arn, "the policy to be gone", is_gone).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<ManagedPolicySpec>>> {
        let is_arn = id.starts_with("arn:");
        let arn = if is_arn { id.to_owned() } else { scope.iam_arn(&format!("policy{}{id}", scope.path())) };
        self.describe(scope, &arn).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<ManagedPolicySpec>) -> Result<()> {
        let call = self.client.tag_policy().policy_arn(&observed.id).set_tags(Some(tags(TAG, scope, key)?));
        call.send().await.at(TAG, key).map(drop)
    }
}
