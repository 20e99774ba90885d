use std::collections::BTreeMap;

use anyhow::Result;
use aws_dynamodb::{BillingMode, IndexSpec, KeySchema, Projection, SseSpecification, TableClass, TableSpec};
use aws_sdk_dynamodb::{
    Client,
    types::{
        self, AttributeDefinition, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
        GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
        ProjectionType, ProvisionedThroughput, ScalarAttributeType, SseType, StreamSpecification, Tag,
        TimeToLiveSpecification,
    },
};
use end_to_end::Local;
use journal::schema;

use super::{Changed, arn};

pub(super) async fn change(local: &Local) -> Result<Changed> {
    let client = Client::new(&local.bench.session.sdk);
    let name = local.name(blueprint::EVENT_TABLE);
    let kms_master_key_arn = arn(local, "kms", "key/elsewhere");
    let throughput =
        || ProvisionedThroughput::builder().read_capacity_units(1).write_capacity_units(1).build();
    client
        .update_table()
        .table_name(&name)
        .billing_mode(types::BillingMode::Provisioned)
        .provisioned_throughput(throughput()?)
        .deletion_protection_enabled(false)
        .table_class(types::TableClass::StandardInfrequentAccess)
        .stream_specification(StreamSpecification::builder().stream_enabled(false).build()?)
        .sse_specification(
            types::SseSpecification::builder()
                .enabled(true)
                .sse_type(SseType::Kms)
                .kms_master_key_id(&kms_master_key_arn)
                .build(),
        )
        .send()
        .await?;
    indexes(&client, &name, throughput()?).await?;
    let recovery =
        PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(false).build()?;
    client
        .update_continuous_backups()
        .table_name(&name)
        .point_in_time_recovery_specification(recovery)
        .send()
        .await?;
    let time_to_live =
        TimeToLiveSpecification::builder().enabled(true).attribute_name("ExpiresAt").build()?;
    client.update_time_to_live().table_name(&name).time_to_live_specification(time_to_live).send().await?;
    let shards = Tag::builder().key("headwater:index-shards").value("2").build()?;
    let table = arn(local, "dynamodb", &format!("table/{name}"));
    client.tag_resource().resource_arn(table).tags(shards).send().await?;

    let mut global_secondary_indexes = BTreeMap::from([(
        "Elsewhere".to_owned(),
        IndexSpec {
            key_schema: KeySchema { sort_key: None, ..KeySchema::strings("Id", "") },
            projection: Projection::KeysOnly,
        },
    )]);
    for index in schema::INDEXES.iter().skip(1) {
        let key_schema = KeySchema::strings(index.key.partition_key, index.key.sort_key);
        global_secondary_indexes
            .insert(index.name.to_owned(), IndexSpec { key_schema, projection: Projection::All });
    }
    let spec = TableSpec {
        key_schema: KeySchema::strings(schema::TABLE_KEY.partition_key, schema::TABLE_KEY.sort_key),
        billing_mode: BillingMode::Provisioned,
        global_secondary_indexes,
        stream_view_type: None,
        point_in_time_recovery: None,
        sse_specification: SseSpecification::Kms { kms_master_key_arn },
        deletion_protection_enabled: false,
        table_class: TableClass::StandardInfrequentAccess,
        time_to_live_attribute_name: Some("ExpiresAt".to_owned()),
        index_shards: Some(2),
    };
    Changed::new(
        "stateful/journal",
        spec,
        &[("keySchema", "DynamoDB has no call that changes a table's key")],
    )
}

/// The first index is deleted, another is there.
async fn indexes(client: &Client, table: &str, throughput: ProvisionedThroughput) -> Result<()> {
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(schema::INDEXES[0].name).build()?;
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name("Elsewhere")
        .key_schema(KeySchemaElement::builder().attribute_name("Id").key_type(KeyType::Hash).build()?)
        .projection(types::Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .provisioned_throughput(throughput)
        .build()?;
    for update in [
        GlobalSecondaryIndexUpdate::builder().delete(delete).build(),
        GlobalSecondaryIndexUpdate::builder().create(create).build(),
    ] {
        let id = AttributeDefinition::builder().attribute_name("Id").attribute_type(ScalarAttributeType::S);
        client
            .update_table()
            .table_name(table)
            .attribute_definitions(id.build()?)
            .global_secondary_index_updates(update)
            .send()
            .await?;
    }
    Ok(())
}
