//! The versions of a managed policy: five at most, one of them the default.

use aws_env::{At, retry_while};
use resource::{Class, Error, Key, PolicyDocument, Progress, Result};

use super::{ManagedPolicies, PATIENCE};
use crate::change::{encode, gone};

const CREATE: &str = "iam:CreatePolicyVersion";
const DELETE: &str = "iam:DeletePolicyVersion";
const LIST: &str = "iam:ListPolicyVersions";

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MOST: usize = 5;

impl ManagedPolicies {
    /// Makes `document` the policy's default version. Where there are five, the oldest other one is deleted first.
    ///
    /// A repetition after a lost reply makes one version more, of the same content.
    pub(super) async fn write(
        &self,
        key: &Key,
        arn: &str,
        document: &PolicyDocument,
        progress: &Progress,
    ) -> Result<()> {
        let document = encode(CREATE, key, document)?;
        let write = || async {
            let others = self.others(arn).await?;
            if others.len() + 1 >= MOST
                && let Some(oldest) = others.first()
            {
                self.remove(arn, oldest).await?;
            }
            let call = self.client.create_policy_version().policy_arn(arn).policy_document(&document);
            call.set_as_default(true).send().await.at(CREATE, key).map(drop)
        };
        let settles = |error: &Error| error.class == Class::Conflict || is_full(error);
        retry_while(&PATIENCE, progress, "the policy's versions", settles, write).await
    }

    /// Deletes all versions but the default one, which goes with the policy.
    pub(super) async fn clear(&self, arn: &str, progress: &Progress) -> Result<()> {
        let clear = || async {
            for version in self.others(arn).await? {
                self.remove(arn, &version).await?;
            }
            Ok(())
        };
        let conflicts = |error: &Error| error.class == Class::Conflict;
        retry_while(&PATIENCE, progress, "the policy's versions", conflicts, clear).await
    }

    /// All versions but the default one, the oldest first; of a policy that is gone, none.
    async fn others(&self, arn: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_policy_versions().policy_arn(arn).into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page.at(LIST, arn) {
                Err(error) if error.class == Class::NotFound => return Ok(Vec::new()),
                page => page?,
            };
            let others = page.versions.unwrap_or_default().into_iter().filter(|one| !one.is_default_version);
            ids.extend(others.filter_map(|one| one.version_id));
        }
        ids.sort_by_key(|id| id.strip_prefix('v').and_then(|number| number.parse::<u32>().ok()));
        Ok(ids)
    }

    async fn remove(&self, arn: &str, version: &str) -> Result<()> {
        let call = self.client.delete_policy_version().policy_arn(arn).version_id(version);
        gone(call.send().await.at(DELETE, arn))
    }
}

/// The version that was just deleted still counts. A document that is too long has the same code, and stays too long.
fn is_full(error: &Error) -> bool {
    error.says("LimitExceeded") && error.says("versions")
}
