//! Making a secret as it is desired, and deleting one: what Secrets Manager needs time for, and how long it is given.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use resource::{Class, Desired, Error, Observed, Owner, Progress, Result, Scope};
use uuid::Uuid;

use crate::{
    DeletePolicy, SecretSpec, Secrets,
    family::{Found, written},
    tags::{self, Facts},
};

/// A deleted secret's name is free only when a process behind the call has ended:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>
const NAME: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(120));

/// All operations are eventually consistent, and AWS names no time.
pub(crate) const SPREAD: Patience =
    Patience::new(Duration::from_millis(100), Duration::from_secs(2), Duration::from_secs(60));

/// A secret that is there, and what is known of its value where it was just made.
struct Made {
    found: Found,
    facts: Option<Facts>,
}

impl Secrets {
    /// Creates the secret where it is absent and changes what differs.
    pub(crate) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<SecretSpec>,
        observed: Option<&Observed<SecretSpec>>,
        progress: &Progress,
    ) -> Result<Observed<SecretSpec>> {
        let key = &desired.key;
        if let Some(there) = observed.filter(|there| there.spec == desired.spec && there.pending.is_none()) {
            return Ok(there.clone());
        }
        if let Some(problem) = desired.spec.content.problem() {
            return Err(Error::new("secretsmanager:CreateSecret", key, Class::Fatal, problem));
        }
        let found = match observed {
            Some(observed) => self.describe(&observed.id).await?.filter(|found| !found.deleted),
            None => None,
        };
        let Made { found, facts } = match found {
            Some(found) => Made { found, facts: None },
            None => self.create(scope, desired, progress).await?,
        };
        self.update(desired, &found, progress).await?;
        let facts = match facts {
            Some(facts) => facts,
            None => self.fill(key, &desired.spec.content, &found, progress).await?,
        };
        let mut tags = tags::all(scope, key, &desired.spec.content, &facts);
        tags.retain(|name, value| found.tags.get(name) != Some(value));
        if !tags.is_empty() {
            let tag = || self.tag(&found.arn, key, tags.clone());
            retry_while(&SPREAD, progress, "the secret to be known everywhere", is_absent, tag).await?;
        }
        self.settled(scope, desired, &found.arn, progress).await
    }

    /// Creates the secret with its value and its tags in one call, or finds the one that is there.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<SecretSpec>,
        progress: &Progress,
    ) -> Result<Made> {
        let operation = "secretsmanager:CreateSecret";
        let Desired { key, spec, .. } = desired;
        let name = desired.name.as_deref();
        let name = name.ok_or_else(|| Error::new(operation, key, Class::Fatal, "a secret needs a name"))?;
        let (value, not_after) = self.value_of(key, &spec.content, None, progress).await?;
        // The token becomes the version's id, so that the tags can name the version that they come with.
        let token = Uuid::new_v4().to_string();
        let facts = Facts { version: Some(token.clone()), not_after };
        let tags = tags::all(scope, key, &spec.content, &facts);
        let create = self
            .client
            .create_secret()
            .name(name)
            .description(&spec.description)
            .set_kms_key_id(spec.kms_key_id.clone())
            .client_request_token(token)
            .secret_string(value.expose())
            .set_tags(Some(written(tags.clone())));
        let attempt = || async {
            match create.clone().send().await.at(operation, key) {
                Ok(created) => {
                    let found = Found {
                        arn: created.arn.unwrap_or_default(),
                        name: name.to_owned(),
                        description: spec.description.clone(),
                        kms_key_id: spec.kms_key_id.clone(),
                        tags: tags.clone(),
                        version: created.version_id.clone(),
                        deleted: false,
                        created: None,
                    };
                    let facts = Facts { version: created.version_id, ..facts.clone() };
                    Ok(Made { found, facts: Some(facts) })
                }
                Err(error) if error.class == Class::AlreadyExists || is_leaving(&error) => {
                    let found = self.reclaim(scope, desired, name, error).await?;
                    Ok(Made { found, facts: None })
                }
                Err(error) => Err(error),
            }
        };
        retry_while(&NAME, progress, "Secrets Manager to free the secret's name", is_leaving, attempt).await
    }

    /// The secret that has our name already: as it is, restored, or, where environments are thrown away, deleted, so that
    /// the name gets free. `refusal` is what the creation met with.
    async fn reclaim(
        &self,
        scope: &Scope,
        desired: &Desired<SecretSpec>,
        name: &str,
        refusal: Error,
    ) -> Result<Found> {
        let operation = "secretsmanager:RestoreSecret";
        let Some(found) = self.describe(name).await? else { return Err(later(refusal)) };
        if scope.owner(&found.tags) != Owner::Us(desired.key.clone()) {
            return Err(taken(scope, desired, &found));
        }
        match self.policy {
            _ if !found.deleted => Ok(found),
            DeletePolicy::Recoverable { .. } => {
                let restore = self.client.restore_secret().secret_id(&found.arn);
                restore.send().await.at(operation, &desired.key)?;
                Ok(Found { deleted: false, ..found })
            }
            DeletePolicy::Force => {
                self.schedule(&found.arn).await?;
                Err(later(refusal))
            }
        }
    }

    /// Changes description and key where they differ.
    async fn update(&self, desired: &Desired<SecretSpec>, found: &Found, progress: &Progress) -> Result<()> {
        let SecretSpec { description, kms_key_id, .. } = &desired.spec;
        if (description, kms_key_id) == (&found.description, &found.kms_key_id) {
            return Ok(());
        }
        // An empty key is the account's own: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
        let other_key = (*kms_key_id != found.kms_key_id).then(|| kms_key_id.clone().unwrap_or_default());
        let update = self
            .client
            .update_secret()
            .secret_id(&found.arn)
            .description(description)
            .set_kms_key_id(other_key);
        retry_while(&SPREAD, progress, "the secret to be known everywhere", is_absent, || {
            let update = update.clone();
            async move { update.send().await.at("secretsmanager:UpdateSecret", &desired.key).map(drop) }
        })
        .await
    }

    /// The secret once it reads as desired, or as it reads when it has had its time: then the next plan shows what is
    /// left.
    async fn settled(
        &self,
        scope: &Scope,
        desired: &Desired<SecretSpec>,
        arn: &str,
        progress: &Progress,
    ) -> Result<Observed<SecretSpec>> {
        let operation = "secretsmanager:DescribeSecret";
        let settled =
            wait_until(&SPREAD, progress, operation, &desired.key, "the change to spread", || async {
                let seen = self.observe(scope, arn).await?;
                Ok(seen.filter(|seen| seen.spec == desired.spec && seen.pending.is_none()))
            });
        match settled.await {
            Err(error) if error.class == Class::RetryLater => self.observe(scope, arn).await?.ok_or(error),
            settled => settled,
        }
    }

    /// Deletes the secret, and waits until it is seen to be deleted or to be scheduled for it.
    pub(crate) async fn delete_and_wait(&self, arn: &str, progress: &Progress) -> Result<()> {
        self.schedule(arn).await?;
        let operation = "secretsmanager:DeleteSecret";
        wait_until(&SPREAD, progress, operation, arn, "the secret to be gone", || async {
            Ok(self.describe(arn).await?.is_none_or(|found| found.deleted).then_some(()))
        })
        .await
    }

    /// Deletes the secret as the policy says. That it is gone, or scheduled for it, is success.
    async fn schedule(&self, arn: &str) -> Result<()> {
        let delete = self.client.delete_secret().secret_id(arn);
        let delete = match self.policy {
            DeletePolicy::Recoverable { days } => delete.recovery_window_in_days(i64::from(days)),
            DeletePolicy::Force => delete.force_delete_without_recovery(true),
        };
        match delete.send().await.at("secretsmanager:DeleteSecret", arn) {
            Err(error) if error.class != Class::NotFound && !is_leaving(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// The name belongs to a secret that is being deleted. All that Secrets Manager refuses then has one code,
/// `InvalidRequestException`, which other refusals have as well: nothing but its message tells them apart.
fn is_leaving(error: &Error) -> bool {
    error.says("scheduled for deletion") || error.says("marked for deletion") || error.says("marked deleted")
}

/// A secret of ours that a host does not know yet.
pub(crate) fn is_absent(error: &Error) -> bool {
    error.class == Class::NotFound || is_leaving(error)
}

/// The same refusal, as one that passes.
fn later(refusal: Error) -> Error {
    Error { class: Class::RetryLater, ..refusal }
}

fn taken(scope: &Scope, desired: &Desired<SecretSpec>, found: &Found) -> Error {
    let whose = match scope.owner(&found.tags) {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text,
    };
    let leaving = if found.deleted { ", being deleted" } else { "" };
    let text = format!("a secret `{}` is there already, {whose}{leaving}", found.name);
    Error::new("secretsmanager:CreateSecret", &desired.key, Class::AlreadyExists, text)
}
