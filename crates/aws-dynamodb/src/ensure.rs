//! Making a table as it is desired, and deleting one: what DynamoDB needs time for, and how long it is given.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_dynamodb::{
    error::BuildError,
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{PointInTimeRecoverySpecification, TableStatus, TimeToLiveSpecification},
};
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result, Scope};

use crate::{
    TableSpec, Tables,
    changes::{Change, TableChange, changes},
    wire,
};

/// A table is made in half a minute; an index of a large table takes its time. A later run goes on waiting.
pub(crate) const SETTLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(1800));

/// A change waits for another one: backups that are being turned on take up to ten minutes.
const BUSY: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(720));

/// How long a describing call may show what was before a change.
const STALE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(30));

impl Tables {
    /// Creates the table where it is absent and changes what differs, one call after another.
    pub(crate) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<TableSpec>,
        observed: Option<&Observed<TableSpec>>,
        progress: &Progress,
    ) -> Result<Observed<TableSpec>> {
        let there = match observed {
            Some(there) if there.pending.is_none() => there.clone(),
            Some(there) => self.settled(scope, &desired.key, &there.id, progress, |_| true).await?,
            None => self.create(scope, desired, progress).await?,
        };
        if there.spec.key_schema != desired.spec.key_schema {
            let text = "the table has another key, and DynamoDB cannot change a table's key";
            return Err(Error::new("dynamodb:UpdateTable", &desired.key, Class::Fatal, text));
        }
        let changes = changes(&there.spec, &desired.spec);
        if changes.is_empty() {
            return Ok(there);
        }
        for change in &changes {
            self.apply(scope, desired, &there.id, change, progress).await?;
        }
        self.read_back(scope, desired, &there.id, progress).await
    }

    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<TableSpec>,
        progress: &Progress,
    ) -> Result<Observed<TableSpec>> {
        let operation = "dynamodb:CreateTable";
        let key = &desired.key;
        let name = desired
            .name
            .as_deref()
            .ok_or_else(|| Error::new(operation, key, Class::Fatal, "a table needs a name".to_owned()))?;
        let create = self
            .create_table(scope, desired, name)
            .map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
        let waits_for = "the deleted table of that name to be gone";
        let existed = retry_while(
            &SETTLE,
            progress,
            waits_for,
            |error| error.class == Class::Conflict,
            || {
                let create = create.clone();
                async move {
                    match create.send().await.at(operation, key) {
                        Ok(_) => Ok(false),
                        // A run before this one was killed, or it is being deleted still.
                        Err(error) if error.class == Class::Conflict => match self.table(name).await? {
                            Some(table) if table.table_status() != Some(&TableStatus::Deleting) => Ok(true),
                            _ => Err(error),
                        },
                        Err(error) => Err(error),
                    }
                }
            },
        )
        .await?;
        let waits_for = "the new table and its indexes to become ACTIVE";
        wait_until(&SETTLE, progress, "dynamodb:DescribeTable", key, waits_for, || async {
            match self.describe(scope, name).await {
                Ok(Some(table)) if table.pending.is_some() => Ok(None),
                Ok(Some(table)) if table.owner == Owner::Us(key.clone()) => Ok(Some(table)),
                Ok(Some(table)) if existed => Err(taken(key, &table)),
                // The calls that describe a table learn of a new one at different times.
                Err(error) if error.class != Class::NotFound => Err(error),
                _ => Ok(None),
            }
        })
        .await
    }

    fn create_table(
        &self,
        scope: &Scope,
        desired: &Desired<TableSpec>,
        name: &str,
    ) -> Result<CreateTableFluentBuilder, BuildError> {
        let spec = &desired.spec;
        let indexes = &spec.global_secondary_indexes;
        let keys = indexes.values().map(|index| &index.key_schema).chain([&spec.key_schema]);
        let tags = scope.tags(&desired.key).into_iter().chain(spec.index_shards.map(wire::index_shards));
        let indexes: Vec<_> =
            indexes.iter().map(|(name, index)| wire::index(name, index)).collect::<Result<_, _>>()?;
        Ok(self
            .client
            .create_table()
            .table_name(name)
            .set_key_schema(Some(wire::key_schema(&spec.key_schema)?))
            .set_attribute_definitions(Some(wire::definitions(keys)?))
            .billing_mode(wire::billing_mode(spec.billing_mode))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
            .set_stream_specification(spec.stream_view_type.map(|view| wire::stream(Some(view))).transpose()?)
            .sse_specification(wire::sse(&spec.sse_specification))
            .deletion_protection_enabled(spec.deletion_protection_enabled)
            .table_class(wire::table_class(spec.table_class))
            .set_tags(Some(wire::tags(tags)?)))
    }

    async fn apply(
        &self,
        scope: &Scope,
        desired: &Desired<TableSpec>,
        name: &str,
        change: &Change,
        progress: &Progress,
    ) -> Result<()> {
        let key = &desired.key;
        retry_while(&BUSY, progress, "DynamoDB to end what it does with the table", is_busy, || {
            self.call(scope, key, name, change)
        })
        .await?;
        if let Change::Table(_) = change {
            let seen = |spec: &TableSpec| !changes(spec, &desired.spec).contains(change);
            self.settled(scope, key, name, progress, seen).await?;
        }
        Ok(())
    }

    async fn call(&self, scope: &Scope, key: &Key, name: &str, change: &Change) -> Result<()> {
        match change {
            Change::Table(change) => self.update_table(key, name, change).await,
            Change::PointInTimeRecovery(recovery) => {
                let operation = "dynamodb:UpdateContinuousBackups";
                let days = recovery.map(|recovery| recovery.recovery_period_in_days.cast_signed());
                let specification = PointInTimeRecoverySpecification::builder()
                    .point_in_time_recovery_enabled(recovery.is_some())
                    .set_recovery_period_in_days(days)
                    .build()
                    .map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
                let update = self.client.update_continuous_backups().table_name(name);
                let update = update.point_in_time_recovery_specification(specification);
                update.send().await.at(operation, key).map(drop)
            }
            Change::TimeToLive { attribute_name, enabled } => {
                let operation = "dynamodb:UpdateTimeToLive";
                let specification = TimeToLiveSpecification::builder()
                    .attribute_name(attribute_name)
                    .enabled(*enabled)
                    .build()
                    .map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
                let update = self.client.update_time_to_live().table_name(name);
                update.time_to_live_specification(specification).send().await.at(operation, key).map(drop)
            }
            Change::IndexShards(shards) => self.tag(scope, name, key, [wire::index_shards(*shards)]).await,
        }
    }

    async fn update_table(&self, key: &Key, name: &str, change: &TableChange) -> Result<()> {
        let operation = "dynamodb:UpdateTable";
        let update = change.write(name).map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
        update.send_with(&self.client).await.at(operation, key).map(drop)
    }

    /// Writes these tags and leaves all others.
    pub(crate) async fn tag(
        &self,
        scope: &Scope,
        name: &str,
        key: &Key,
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<()> {
        let operation = "dynamodb:TagResource";
        let tags = wire::tags(tags).map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
        let tag = self.client.tag_resource().resource_arn(scope.arn("dynamodb", &format!("table/{name}")));
        tag.set_tags(Some(tags)).send().await.at(operation, key).map(drop)
    }

    /// The table once it and all its indexes are ACTIVE and it looks as `seen` asks.
    async fn settled(
        &self,
        scope: &Scope,
        key: &Key,
        name: &str,
        progress: &Progress,
        seen: impl Fn(&TableSpec) -> bool,
    ) -> Result<Observed<TableSpec>> {
        let waits_for = "the table and its indexes to become ACTIVE";
        wait_until(&SETTLE, progress, "dynamodb:DescribeTable", key, waits_for, || async {
            let table = self.describe(scope, name).await?;
            Ok(table.filter(|table| table.pending.is_none() && seen(&table.spec)))
        })
        .await
    }

    /// The table once it reads as desired, or as it reads when that takes too long: then the next plan shows what is
    /// left.
    async fn read_back(
        &self,
        scope: &Scope,
        desired: &Desired<TableSpec>,
        name: &str,
        progress: &Progress,
    ) -> Result<Observed<TableSpec>> {
        let (operation, key) = ("dynamodb:DescribeTable", &desired.key);
        let read = wait_until(&STALE, progress, operation, key, "the change to be seen", || async {
            Ok(self.describe(scope, name).await?.filter(|table| table.spec == desired.spec))
        });
        match read.await {
            Err(error) if error.class == Class::RetryLater => self.describe(scope, name).await?.ok_or(error),
            read => read,
        }
    }
}

/// Another change is under way. Of time to live, DynamoDB says so in its message alone while backups are being turned
/// on.
pub(crate) fn is_busy(error: &Error) -> bool {
    error.class == Class::Conflict || error.says("Backups are being enabled")
}

fn taken(key: &Key, table: &Observed<TableSpec>) -> Error {
    let whose = match &table.owner {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text.clone(),
    };
    let text = format!("a table `{}` is there already, {whose}", table.id);
    Error::new("dynamodb:CreateTable", key, Class::AlreadyExists, text)
}
