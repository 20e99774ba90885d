//! The family: what survey and find see of secrets, and what the contract asks for.

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_secretsmanager::{
    Client,
    types::{Filter, FilterNameStringType, Tag},
};
use futures::{StreamExt, TryStreamExt, stream};
use resource::{Class, Desired, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within};
use time::OffsetDateTime;

use crate::scopes::SECRETS;
use crate::{
    SecretSpec,
    secret::prefix,
    tags::{self, Tags},
};

/// How many secrets are described at once.
const CONCURRENCY: usize = 16;

/// The label of the version that readers get.
const CURRENT: &str = "AWSCURRENT";

/// What becomes of a secret that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletePolicy {
    /// It can be restored for so many days, 7 to 30, and is when it is wanted again; its name is taken until then.
    Recoverable {
        /// How many days.
        days: u8,
    },
    /// It is gone for good, for environments that are thrown away.
    Force,
}

/// Secrets Manager's secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub(crate) client: Client,
    pub(crate) policy: DeletePolicy,
    pub(crate) now: fn() -> OffsetDateTime,
}

/// A secret as Secrets Manager describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) tags: Tags,
    /// The current version; `None` where it has no value.
    pub(crate) version: Option<String>,
    /// Whether it is scheduled for deletion.
    pub(crate) deleted: bool,
    pub(crate) created: Option<String>,
}

impl Secrets {
    /// The secrets that this configuration leads to.
    pub fn new(config: &SdkConfig, policy: DeletePolicy) -> Self {
        Self { client: Client::new(config), policy, now: OffsetDateTime::now_utc }
    }

    /// The same, with another clock to tell by what a certificate has left.
    #[must_use]
    pub fn with_clock(self, now: fn() -> OffsetDateTime) -> Self {
        Self { now, ..self }
    }

    /// The names that begin with `prefix`. Secrets Manager may leave out what is younger than five minutes:
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>
    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let named = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
        let pages = self.client.list_secrets().filters(named).into_paginator().send();
        let pages: Vec<_> = pages.try_collect().await.at("secretsmanager:ListSecrets", prefix)?;
        let listed = pages.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
        Ok(listed.filter_map(|secret| secret.name).filter(|name| name.starts_with(prefix)).collect())
    }

    /// The secret that `id`, a name or an ARN, means; `None` where there is none.
    pub(crate) async fn describe(&self, id: &str) -> Result<Option<Found>> {
        let described = self.client.describe_secret().secret_id(id).send().await;
        let described = match described.at("secretsmanager:DescribeSecret", id) {
            Ok(described) => described,
            Err(error) if error.class == Class::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut versions = described.version_ids_to_stages.unwrap_or_default().into_iter();
        let tags = described.tags.unwrap_or_default().into_iter();
        Ok(Some(Found {
            arn: described.arn.unwrap_or_default(),
            name: described.name.unwrap_or_default(),
            description: described.description.unwrap_or_default(),
            kms_key_id: described.kms_key_id.filter(|key| !key.is_empty()),
            tags: tags.filter_map(|Tag { key, value, .. }| Some((key?, value?))).collect(),
            version: versions
                .find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT))
                .map(|(version, _)| version),
            deleted: described.deleted_date.is_some(),
            created: described.created_date.map(|created| created.to_string()),
        }))
    }

    /// The same where it is there and not scheduled for deletion, as the engine sees it.
    pub(crate) async fn observe(&self, scope: &Scope, id: &str) -> Result<Option<Observed<SecretSpec>>> {
        let found = self.describe(id).await?.filter(|found| !found.deleted);
        Ok(found.map(|found| found.observed(scope, (self.now)())))
    }

    /// Adds these tags, or gives those that are there these values.
    pub(crate) async fn tag(&self, id: &str, resource: &Key, tags: Tags) -> Result<()> {
        let tag = self.client.tag_resource().secret_id(id).set_tags(Some(written(tags)));
        tag.send().await.at("secretsmanager:TagResource", resource).map(drop)
    }
}

/// Tags as the SDK writes them.
pub(crate) fn written(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

impl Found {
    pub(crate) fn observed(self, scope: &Scope, now: OffsetDateTime) -> Observed<SecretSpec> {
        let Self { arn, name, description, kms_key_id, tags, version, created, .. } = self;
        let outputs =
            [("arn", Some(&arn)), ("versionId", version.as_ref()), ("notAfter", tags::not_after(&tags))];
        let outputs = outputs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
        Observed {
            outputs: BTreeMap::from_iter(outputs),
            name: Some(name),
            owner: scope.owner(&tags),
            pending: tags::pending(&tags, version.as_deref(), now),
            spec: SecretSpec { description, kms_key_id, content: tags::content(&tags) },
            id: arn,
            created,
        }
    }
}

impl Family for Secrets {
    type Spec = SecretSpec;

    const KIND: Kind = Kind::new("AWS::SecretsManager::Secret");

    const REFERS_TO: &'static [Kind] = &[];

    const RENEWED: &'static [&'static str] = &["notAfter", "versionId"];

    // Reading a value changes nothing, but is no business of a role that only plans: no survey does it. Tagging inside
    // CreateSecret asks for secretsmanager:TagResource:
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("secretsmanager:DescribeSecret").within(SECRETS),
        IamAction::read("secretsmanager:ListSecrets").within(Within::IN_REGION),
        IamAction::write("secretsmanager:CreateSecret").within(SECRETS),
        IamAction::write("secretsmanager:DeleteSecret").within(SECRETS),
        IamAction::write("secretsmanager:GetSecretValue").within(SECRETS),
        IamAction::write("secretsmanager:PutSecretValue").within(SECRETS),
        IamAction::write("secretsmanager:RestoreSecret").within(SECRETS),
        IamAction::write("secretsmanager:TagResource").within(SECRETS),
        IamAction::write("secretsmanager:UpdateSecret").within(SECRETS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<SecretSpec>>> {
        let names = self.list(&prefix(scope)).await?;
        let observed = stream::iter(names).map(|name| async move { self.observe(scope, &name).await });
        let secrets: Vec<_> = observed.buffered(CONCURRENCY).try_collect().await?;
        Ok(secrets.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<SecretSpec>,
        observed: Option<&Observed<SecretSpec>>,
        progress: &Progress,
    ) -> Result<Observed<SecretSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<SecretSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<SecretSpec>>> {
        if id.starts_with("arn:") && !id.starts_with(&scope.arn("secretsmanager", "secret:")) {
            return Ok(None);
        }
        self.observe(scope, id).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<SecretSpec>) -> Result<()> {
        self.tag(&observed.id, key, scope.tags(key)).await
    }
}
