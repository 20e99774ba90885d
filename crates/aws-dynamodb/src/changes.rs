//! What turns a table as it is into one as it is desired: single calls, in order. Pure.

use aws_sdk_dynamodb::{
    error::BuildError,
    operation::update_table::builders::UpdateTableInputBuilder,
    types::{CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate},
};

use crate::{
    BillingMode, IndexSpec, KeySchema, PointInTimeRecovery, SseSpecification, StreamViewType, TableClass,
    TableSpec, wire,
};

/// One change, which is one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// An `UpdateTable`. The table must settle before the next.
    Table(TableChange),
    /// An `UpdateContinuousBackups`: to this, or off.
    PointInTimeRecovery(Option<PointInTimeRecovery>),
    /// An `UpdateTimeToLive`. DynamoDB lets one pass in an hour, so a change of the attribute, which takes two, is
    /// finished by a later run:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html>
    TimeToLive { attribute_name: String, enabled: bool },
    /// A `TagResource` with the number of index shards.
    IndexShards(u32),
}

/// What one `UpdateTable` changes. DynamoDB takes one such change at a time:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TableChange {
    DeletionProtection(bool),
    BillingMode(BillingMode),
    TableClass(TableClass),
    Sse(SseSpecification),
    DeleteIndex(String),
    CreateIndex { name: String, index: IndexSpec, table_key: KeySchema },
    Stream(Option<StreamViewType>),
}

/// The changes that lead from `observed` to `desired`, but for the table's own key: nothing changes that.
///
/// An index that differs is deleted, then created; deletions come before creations. A stream is turned off before it is
/// turned on with another view.
pub(crate) fn changes(observed: &TableSpec, desired: &TableSpec) -> Vec<Change> {
    let mut changes: Vec<_> = table_changes(observed, desired).into_iter().map(Change::Table).collect();
    if observed.point_in_time_recovery != desired.point_in_time_recovery {
        changes.push(Change::PointInTimeRecovery(desired.point_in_time_recovery));
    }
    let (from, to) = (&observed.time_to_live_attribute_name, &desired.time_to_live_attribute_name);
    if from != to {
        let switch = |name: &String, enabled| Change::TimeToLive { attribute_name: name.clone(), enabled };
        changes.extend(from.as_ref().map(|name| switch(name, false)));
        changes.extend(to.as_ref().map(|name| switch(name, true)));
    }
    if observed.index_shards < desired.index_shards {
        changes.extend(desired.index_shards.map(Change::IndexShards));
    }
    changes
}

fn table_changes(observed: &TableSpec, desired: &TableSpec) -> Vec<TableChange> {
    let mut changes = Vec::new();
    if observed.deletion_protection_enabled != desired.deletion_protection_enabled {
        changes.push(TableChange::DeletionProtection(desired.deletion_protection_enabled));
    }
    if observed.billing_mode != desired.billing_mode {
        changes.push(TableChange::BillingMode(desired.billing_mode));
    }
    if observed.table_class != desired.table_class {
        changes.push(TableChange::TableClass(desired.table_class));
    }
    if observed.sse_specification != desired.sse_specification {
        changes.push(TableChange::Sse(desired.sse_specification.clone()));
    }
    let (there, wanted) = (&observed.global_secondary_indexes, &desired.global_secondary_indexes);
    let stale = there.iter().filter(|(name, index)| wanted.get(*name) != Some(index));
    changes.extend(stale.map(|(name, _)| TableChange::DeleteIndex(name.clone())));
    let missing = wanted.iter().filter(|(name, index)| there.get(*name) != Some(index));
    changes.extend(missing.map(|(name, index)| TableChange::CreateIndex {
        name: name.clone(),
        index: index.clone(),
        table_key: desired.key_schema.clone(),
    }));
    if observed.stream_view_type != desired.stream_view_type {
        changes.extend(observed.stream_view_type.map(|_| TableChange::Stream(None)));
        changes.extend(desired.stream_view_type.map(|view| TableChange::Stream(Some(view))));
    }
    changes
}

impl TableChange {
    /// The call's input.
    pub(crate) fn write(&self, table: &str) -> Result<UpdateTableInputBuilder, BuildError> {
        let update = UpdateTableInputBuilder::default().table_name(table);
        Ok(match self {
            Self::DeletionProtection(enabled) => update.deletion_protection_enabled(*enabled),
            Self::BillingMode(mode) => update.billing_mode(wire::billing_mode(*mode)),
            Self::TableClass(class) => update.table_class(wire::table_class(*class)),
            Self::Sse(sse) => update.sse_specification(wire::sse(sse)),
            Self::DeleteIndex(name) => {
                let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(name).build()?;
                update.global_secondary_index_updates(
                    GlobalSecondaryIndexUpdate::builder().delete(delete).build(),
                )
            }
            Self::CreateIndex { name, index, table_key } => {
                let create = CreateGlobalSecondaryIndexAction::builder()
                    .index_name(name)
                    .set_key_schema(Some(wire::key_schema(&index.key_schema)?))
                    .projection(wire::projection(&index.projection))
                    .build()?;
                update
                    .set_attribute_definitions(Some(wire::definitions([table_key, &index.key_schema])?))
                    .global_secondary_index_updates(
                        GlobalSecondaryIndexUpdate::builder().create(create).build(),
                    )
            }
            Self::Stream(view) => update.stream_specification(wire::stream(*view)?),
        })
    }
}
