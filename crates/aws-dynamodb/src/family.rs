//! The family: what survey and find see of tables, and what the contract asks for.

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    types::{
        IndexStatus, PointInTimeRecoveryDescription, SseStatus, TableDescription, TableStatus,
        TimeToLiveDescription,
    },
};
use futures::{StreamExt, TryStreamExt, join, stream};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within,
};

use crate::scopes::{OWN_TABLES, TABLES};
use crate::{TableSpec, wire};

/// How many tables are described at once. DynamoDB lets ten of some of these calls pass in a second.
const CONCURRENCY: usize = 4;

/// DynamoDB's tables.
#[derive(Clone, Debug)]
pub struct Tables {
    pub(crate) client: Client,
}

impl Tables {
    /// The tables that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let names = self.client.list_tables().into_paginator().items().send();
        let names: Vec<_> = names.try_collect().await.at("dynamodb:ListTables", prefix)?;
        Ok(names.into_iter().filter(|name| name.starts_with(prefix)).collect())
    }

    /// The table of that name; `None` where it is gone or being deleted.
    pub(crate) async fn describe(&self, scope: &Scope, name: &str) -> Result<Option<Observed<TableSpec>>> {
        let arn = scope.arn("dynamodb", &format!("table/{name}"));
        let (table, backups, time_to_live, tags) =
            join!(self.table(name), self.backups(name), self.time_to_live(name), self.tags(&arn));
        // What the other three answer of a table that is not there differs and means nothing.
        let Some(table) = table?.filter(|table| table.table_status() != Some(&TableStatus::Deleting)) else {
            return Ok(None);
        };
        let (backups, time_to_live, tags) = (backups?, time_to_live?, tags?);
        let spec = wire::read(&table, backups.as_ref(), time_to_live.as_ref(), &tags)
            .map_err(|e| Error::new("dynamodb:DescribeTable", name, Class::Fatal, e))?;
        let mut outputs = BTreeMap::from([("arn".to_owned(), arn), ("name".to_owned(), name.to_owned())]);
        let stream = table.latest_stream_arn.clone().filter(|_| spec.stream_view_type.is_some());
        outputs.extend(stream.map(|arn| ("streamArn".to_owned(), arn)));
        Ok(Some(Observed {
            id: name.to_owned(),
            name: Some(name.to_owned()),
            owner: scope.owner(&tags),
            spec,
            outputs,
            created: table.creation_date_time.map(|created| created.to_string()),
            pending: pending(&table),
        }))
    }

    /// What DescribeTable says; `None` where there is no such table.
    pub(crate) async fn table(&self, name: &str) -> Result<Option<TableDescription>> {
        let described = self.client.describe_table().table_name(name).send().await;
        found(described.at("dynamodb:DescribeTable", name).map(|described| described.table))
    }

    async fn backups(&self, name: &str) -> Result<Option<PointInTimeRecoveryDescription>> {
        let described = self.client.describe_continuous_backups().table_name(name).send().await;
        found(described.at("dynamodb:DescribeContinuousBackups", name).map(|described| {
            described
                .continuous_backups_description
                .and_then(|backups| backups.point_in_time_recovery_description)
        }))
    }

    async fn time_to_live(&self, name: &str) -> Result<Option<TimeToLiveDescription>> {
        let described = self.client.describe_time_to_live().table_name(name).send().await;
        found(
            described
                .at("dynamodb:DescribeTimeToLive", name)
                .map(|described| described.time_to_live_description),
        )
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>> {
        let mut tags = BTreeMap::new();
        let mut next = None;
        loop {
            let list = self.client.list_tags_of_resource().resource_arn(arn).set_next_token(next);
            let page = list.send().await.at("dynamodb:ListTagsOfResource", arn)?;
            tags.extend(page.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
            match page.next_token {
                None => return Ok(tags),
                token => next = token,
            }
        }
    }
}

fn found<T>(described: Result<Option<T>>) -> Result<Option<T>> {
    match described {
        Err(error) if error.class == Class::NotFound => Ok(None),
        described => described,
    }
}

/// What the table, one of its indexes or its encryption is still busy with.
pub(crate) fn pending(table: &TableDescription) -> Option<String> {
    let status = table.table_status().filter(|status| **status != TableStatus::Active);
    let index = table
        .global_secondary_indexes()
        .iter()
        .filter(|index| index.index_status() != Some(&IndexStatus::Active))
        .map(|index| {
            let status = index.index_status().map_or("", IndexStatus::as_str);
            format!("{} {status}", index.index_name().unwrap_or_default())
        })
        .next();
    let sse = table
        .sse_description()
        .and_then(|sse| sse.status())
        .filter(|status| matches!(status, SseStatus::Enabling | SseStatus::Disabling | SseStatus::Updating));
    index
        .or_else(|| status.map(|status| status.as_str().to_owned()))
        .or_else(|| sse.map(|status| format!("encryption {}", status.as_str())))
}

impl Family for Tables {
    type Spec = TableSpec;

    const KIND: Kind = Kind::new("AWS::DynamoDB::Table");

    const REFERS_TO: &'static [Kind] = &[];

    // Tagging inside CreateTable asks for dynamodb:TagResource:
    // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Tagging.html
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("dynamodb:DescribeContinuousBackups").within(TABLES),
        IamAction::read("dynamodb:DescribeTable").within(TABLES),
        IamAction::read("dynamodb:DescribeTimeToLive").within(TABLES),
        IamAction::read("dynamodb:ListTables").within(Within::IN_REGION),
        IamAction::read("dynamodb:ListTagsOfResource").within(TABLES),
        IamAction::write("dynamodb:CreateTable").within(OWN_TABLES),
        IamAction::write("dynamodb:DeleteTable").within(OWN_TABLES),
        IamAction::write("dynamodb:TagResource").within(OWN_TABLES),
        IamAction::write("dynamodb:UpdateContinuousBackups").within(OWN_TABLES),
        IamAction::write("dynamodb:UpdateTable").within(OWN_TABLES),
        IamAction::write("dynamodb:UpdateTimeToLive").within(OWN_TABLES),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<TableSpec>>> {
        let names = self.list(&scope.name_prefix()).await?;
        let described = stream::iter(names).map(|name| async move { self.describe(scope, &name).await });
        let tables: Vec<_> = described.buffered(CONCURRENCY).try_collect().await?;
        Ok(tables.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<TableSpec>,
        observed: Option<&Observed<TableSpec>>,
        progress: &Progress,
    ) -> Result<Observed<TableSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<TableSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(observed, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<TableSpec>>> {
        let name = id.rsplit('/').next().unwrap_or(id);
        if id.starts_with("arn:") && id != scope.arn("dynamodb", &format!("table/{name}")) {
            return Ok(None);
        }
        self.describe(scope, name).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<TableSpec>) -> Result<()> {
        self.tag(scope, &observed.id, key, scope.tags(key)).await
    }
}
