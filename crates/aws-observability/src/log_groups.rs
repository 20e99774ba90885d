//! The family `AWS::Logs::LogGroup`.

mod log_group;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_cloudwatchlogs::{Client, types};
use aws_smithy_types::date_time::{DateTime, Format};
use futures::future::try_join_all;
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

pub use log_group::LogGroup;
pub use spec::{LogGroupClass, LogGroupSpec};

use crate::races::{PATIENCE, gone};
use crate::scopes::LOG_GROUPS;

/// CloudWatch's log groups. A group that the environment owns lies under its path: `/headwater/prod/`.
#[derive(Clone, Debug)]
pub struct LogGroups {
    client: Client,
}

impl LogGroups {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The groups whose names begin with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Vec<types::LogGroup>> {
        let mut pages =
            self.client.describe_log_groups().log_group_name_prefix(prefix).into_paginator().send();
        let mut groups = Vec::new();
        while let Some(page) = pages.next().await {
            groups.extend(page.at("logs:DescribeLogGroups", prefix)?.log_groups.unwrap_or_default());
        }
        Ok(groups)
    }

    async fn get(&self, scope: &Scope, name: &str) -> Result<Option<Observed<LogGroupSpec>>> {
        let groups = self.list(name).await?;
        match groups.iter().find(|group| group.log_group_name() == Some(name)) {
            Some(group) => self.observe(scope, group).await,
            None => Ok(None),
        }
    }

    /// `None` where the group is deleted meanwhile.
    async fn observe(
        &self,
        scope: &Scope,
        group: &types::LogGroup,
    ) -> Result<Option<Observed<LogGroupSpec>>> {
        let name = group.log_group_name().unwrap_or_default();
        let arn = log_group::arn(scope, name);
        let tags = self.client.list_tags_for_resource().resource_arn(&arn).send().await;
        let tags = match tags.at("logs:ListTagsForResource", name) {
            Ok(tags) => tags.tags.unwrap_or_default().into_iter().collect(),
            Err(error) if error.class == Class::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Observed {
            id: name.to_owned(),
            name: Some(name.to_owned()),
            owner: scope.owner(&tags),
            spec: LogGroupSpec {
                retention_in_days: group.retention_in_days(),
                kms_key_id: group.kms_key_id().map(str::to_owned),
                log_group_class: read_class(name, group.log_group_class())?,
            },
            outputs: BTreeMap::from([("arn".to_owned(), arn)]),
            created: group
                .creation_time()
                .and_then(|millis| DateTime::from_millis(millis).fmt(Format::DateTime).ok()),
            pending: None,
        }))
    }

    /// The group as it is after its creation: tagged, encrypted, kept for ever.
    async fn create(&self, scope: &Scope, desired: &Desired<LogGroupSpec>) -> Result<Observed<LogGroupSpec>> {
        const CREATE: &str = "logs:CreateLogGroup";
        let Desired { key, name, spec } = desired;
        let Some(name) = name else {
            return Err(Error::new(CREATE, key, Class::Fatal, "a log group needs a name"));
        };
        let call = self
            .client
            .create_log_group()
            .log_group_name(name)
            .set_kms_key_id(spec.kms_key_id.clone())
            .log_group_class(written_class(spec.log_group_class))
            .set_tags(Some(scope.tags(key).into_iter().collect()));
        match call.send().await.at(CREATE, key) {
            Ok(_) => Ok(Observed {
                id: name.clone(),
                name: Some(name.clone()),
                owner: Owner::Us(key.clone()),
                spec: LogGroupSpec { retention_in_days: None, ..spec.clone() },
                outputs: BTreeMap::from([("arn".to_owned(), log_group::arn(scope, name))]),
                created: None,
                pending: None,
            }),
            // An earlier attempt made it, and its reply was lost; or it is somebody else's.
            Err(error) if error.class == Class::AlreadyExists => match self.get(scope, name).await? {
                Some(found) if found.owner == Owner::Us(key.clone()) => Ok(found),
                Some(_) => Err(error),
                // Whose it is shows once it is listed: creations spread for a moment.
                None => Err(Error { class: Class::RetryLater, ..error }),
            },
            Err(error) => Err(error),
        }
    }

    async fn set_retention(&self, name: &str, key: &Key, days: Option<i32>) -> Result<()> {
        match days {
            Some(days) => {
                let call = self.client.put_retention_policy().log_group_name(name).retention_in_days(days);
                call.send().await.at("logs:PutRetentionPolicy", key).map(drop)
            }
            None => {
                let call = self.client.delete_retention_policy().log_group_name(name);
                call.send().await.at("logs:DeleteRetentionPolicy", key).map(drop)
            }
        }
    }

    async fn set_kms_key(&self, name: &str, key: &Key, kms_key: Option<&str>) -> Result<()> {
        match kms_key {
            Some(kms_key) => {
                let call = self.client.associate_kms_key().log_group_name(name).kms_key_id(kms_key);
                call.send().await.at("logs:AssociateKmsKey", key).map(drop)
            }
            None => {
                let call = self.client.disassociate_kms_key().log_group_name(name);
                call.send().await.at("logs:DisassociateKmsKey", key).map(drop)
            }
        }
    }
}

impl Family for LogGroups {
    type Spec = LogGroupSpec;

    const KIND: Kind = Kind::new("AWS::Logs::LogGroup");
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("logs:DescribeLogGroups").within(Within::IN_REGION),
        IamAction::read("logs:ListTagsForResource").within(LOG_GROUPS),
        IamAction::write("logs:AssociateKmsKey").within(LOG_GROUPS),
        IamAction::write("logs:CreateLogGroup").within(LOG_GROUPS),
        IamAction::write("logs:DeleteLogGroup").within(LOG_GROUPS),
        IamAction::write("logs:DeleteRetentionPolicy").within(LOG_GROUPS),
        IamAction::write("logs:DisassociateKmsKey").within(LOG_GROUPS),
        IamAction::write("logs:PutRetentionPolicy").within(LOG_GROUPS),
        // Called to adopt, and asked for besides CreateLogGroup with tags:
        // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
        IamAction::write("logs:TagResource").within(LOG_GROUPS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<LogGroupSpec>>> {
        let groups = self.list(&scope.path()).await?;
        let observed = try_join_all(groups.iter().map(|group| self.observe(scope, group))).await?;
        Ok(observed.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<LogGroupSpec>,
        observed: Option<&Observed<LogGroupSpec>>,
        progress: &Progress,
    ) -> Result<Observed<LogGroupSpec>> {
        let fresh = observed.is_none();
        let settles =
            |error: &Error| error.class == Class::Conflict || (fresh && error.class == Class::NotFound);
        let found = match observed {
            Some(observed) => observed.clone(),
            None => {
                retry_while(&PATIENCE, progress, "the log group", settles, || self.create(scope, desired))
                    .await?
            }
        };
        let (name, key, want) = (&found.id, &desired.key, &desired.spec);
        if found.spec.kms_key_id != want.kms_key_id {
            let set = || self.set_kms_key(name, key, want.kms_key_id.as_deref());
            retry_while(&PATIENCE, progress, "the log group", settles, set).await?;
        }
        if found.spec.retention_in_days != want.retention_in_days {
            let set = || self.set_retention(name, key, want.retention_in_days);
            retry_while(&PATIENCE, progress, "the log group", settles, set).await?;
        }
        let log_group_class = found.spec.log_group_class;
        Ok(Observed { spec: LogGroupSpec { log_group_class, ..want.clone() }, ..found })
    }

    async fn delete(&self, observed: &Observed<LogGroupSpec>, progress: &Progress) -> Result<()> {
        let name = &observed.id;
        let conflicts = |error: &Error| error.class == Class::Conflict;
        let delete = || async {
            let call = self.client.delete_log_group().log_group_name(name);
            gone(call.send().await.at("logs:DeleteLogGroup", name))
        };
        retry_while(&PATIENCE, progress, "the log group", conflicts, delete).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<LogGroupSpec>>> {
        let name = id.split_once(":log-group:").map_or(id, |(_, name)| name.trim_end_matches(":*"));
        self.get(scope, name).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<LogGroupSpec>) -> Result<()> {
        let call = self
            .client
            .tag_resource()
            .resource_arn(log_group::arn(scope, &observed.id))
            .set_tags(Some(scope.tags(key).into_iter().collect()));
        call.send().await.at("logs:TagResource", key).map(drop)
    }
}

/// A group whose class is not told is of the only class that there once was.
fn read_class(name: &str, class: Option<&types::LogGroupClass>) -> Result<LogGroupClass> {
    Ok(match class {
        None | Some(types::LogGroupClass::Standard) => LogGroupClass::Standard,
        Some(types::LogGroupClass::InfrequentAccess) => LogGroupClass::InfrequentAccess,
        Some(types::LogGroupClass::Delivery) => LogGroupClass::Delivery,
        Some(other) => {
            let unknown = format!("this release does not know the log group class `{}`", other.as_str());
            return Err(Error::new("logs:DescribeLogGroups", name, Class::Fatal, unknown));
        }
    })
}

fn written_class(class: LogGroupClass) -> types::LogGroupClass {
    match class {
        LogGroupClass::Standard => types::LogGroupClass::Standard,
        LogGroupClass::InfrequentAccess => types::LogGroupClass::InfrequentAccess,
        LogGroupClass::Delivery => types::LogGroupClass::Delivery,
    }
}
