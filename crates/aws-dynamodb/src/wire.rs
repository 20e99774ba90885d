//! A table's spec in the SDK's types, and back: pure.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        self, AttributeDefinition, GlobalSecondaryIndex, GlobalSecondaryIndexDescription, IndexStatus,
        KeySchemaElement, KeyType, PointInTimeRecoveryDescription, PointInTimeRecoveryStatus, ProjectionType,
        ScalarAttributeType, SseStatus, SseType, StreamSpecification, TableDescription, Tag,
        TimeToLiveDescription, TimeToLiveStatus,
    },
};
use serde::de::DeserializeOwned;

use crate::{
    AttributeType, BillingMode, IndexSpec, KeyAttribute, KeySchema, PointInTimeRecovery, Projection,
    SseSpecification, StreamViewType, TableClass, TableSpec,
};

/// The tag that keeps [`TableSpec::index_shards`].
pub(crate) const INDEX_SHARDS: &str = "headwater:index-shards";

/// What DynamoDB takes, and what an answer that leaves the number out therefore means:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html>
const RECOVERY_PERIOD_IN_DAYS: u32 = 35;

pub(crate) fn key_schema(key: &KeySchema) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |attribute: &KeyAttribute, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(&attribute.attribute_name).key_type(kind).build()
    };
    let hash = element(&key.partition_key, KeyType::Hash);
    let range = key.sort_key.as_ref().map(|attribute| element(attribute, KeyType::Range));
    [Some(hash), range].into_iter().flatten().collect()
}

/// The definitions of the attributes of these keys, each once: DynamoDB refuses one too many and one too few.
pub(crate) fn definitions<'a>(
    keys: impl IntoIterator<Item = &'a KeySchema>,
) -> Result<Vec<AttributeDefinition>, BuildError> {
    let attributes = keys.into_iter().flat_map(|key| [Some(&key.partition_key), key.sort_key.as_ref()]);
    let types: BTreeMap<_, _> =
        attributes.flatten().map(|attribute| (&attribute.attribute_name, attribute.attribute_type)).collect();
    types
        .into_iter()
        .map(|(name, kind)| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(scalar(kind)).build()
        })
        .collect()
}

fn scalar(kind: AttributeType) -> ScalarAttributeType {
    match kind {
        AttributeType::S => ScalarAttributeType::S,
        AttributeType::N => ScalarAttributeType::N,
        AttributeType::B => ScalarAttributeType::B,
    }
}

pub(crate) fn index(name: &str, spec: &IndexSpec) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(key_schema(&spec.key_schema)?))
        .projection(projection(&spec.projection))
        .build()
}

pub(crate) fn projection(projection: &Projection) -> types::Projection {
    let (kind, attributes) = match projection {
        Projection::All => (ProjectionType::All, None),
        Projection::KeysOnly => (ProjectionType::KeysOnly, None),
        Projection::Include { non_key_attributes } => {
            (ProjectionType::Include, Some(non_key_attributes.clone()))
        }
    };
    types::Projection::builder().projection_type(kind).set_non_key_attributes(attributes).build()
}

pub(crate) fn billing_mode(mode: BillingMode) -> types::BillingMode {
    match mode {
        BillingMode::PayPerRequest => types::BillingMode::PayPerRequest,
        BillingMode::Provisioned => types::BillingMode::Provisioned,
    }
}

pub(crate) fn stream(view: Option<StreamViewType>) -> Result<StreamSpecification, BuildError> {
    let view = view.map(|view| match view {
        StreamViewType::NewImage => types::StreamViewType::NewImage,
        StreamViewType::OldImage => types::StreamViewType::OldImage,
        StreamViewType::NewAndOldImages => types::StreamViewType::NewAndOldImages,
        StreamViewType::KeysOnly => types::StreamViewType::KeysOnly,
    });
    StreamSpecification::builder().stream_enabled(view.is_some()).set_stream_view_type(view).build()
}

pub(crate) fn sse(spec: &SseSpecification) -> types::SseSpecification {
    match spec {
        SseSpecification::AwsOwnedKey => types::SseSpecification::builder().enabled(false).build(),
        SseSpecification::Kms { kms_master_key_arn } => types::SseSpecification::builder()
            .enabled(true)
            .sse_type(SseType::Kms)
            .kms_master_key_id(kms_master_key_arn)
            .build(),
    }
}

pub(crate) fn table_class(class: TableClass) -> types::TableClass {
    match class {
        TableClass::Standard => types::TableClass::Standard,
        TableClass::StandardInfrequentAccess => types::TableClass::StandardInfrequentAccess,
    }
}

pub(crate) fn tags(tags: impl IntoIterator<Item = (String, String)>) -> Result<Vec<Tag>, BuildError> {
    tags.into_iter().map(|(name, value)| Tag::builder().key(name).value(value).build()).collect()
}

/// The tag of the number of index shards.
pub(crate) fn index_shards(shards: u32) -> (String, String) {
    (INDEX_SHARDS.to_owned(), shards.to_string())
}

/// A description that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB gave `{value}` as the {member}")]
pub(crate) struct Unreadable {
    member: &'static str,
    value: String,
}

/// The spec that a table has, by what its four describing calls answered.
pub(crate) fn read(
    table: &TableDescription,
    backups: Option<&PointInTimeRecoveryDescription>,
    time_to_live: Option<&TimeToLiveDescription>,
    tags: &BTreeMap<String, String>,
) -> Result<TableSpec, Unreadable> {
    let types: HashMap<_, _> = table
        .attribute_definitions()
        .iter()
        .map(|definition| (definition.attribute_name(), definition.attribute_type().as_str()))
        .collect();
    let indexes = table.global_secondary_indexes().iter();
    let indexes = indexes.filter(|index| index.index_status() != Some(&IndexStatus::Deleting));
    let billing = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled());
    let class = table.table_class_summary().and_then(|summary| summary.table_class());
    let shards =
        tags.get(INDEX_SHARDS).map(|text| text.parse().map_err(|_| unreadable("tag of index shards", text)));
    Ok(TableSpec {
        key_schema: read_key(table.key_schema(), &types)?,
        billing_mode: match billing {
            // DynamoDB leaves it out of a table that never was anything else than provisioned.
            None => BillingMode::Provisioned,
            Some(mode) => read_name("billing mode", mode.as_str())?,
        },
        global_secondary_indexes: indexes.map(|index| read_index(index, &types)).collect::<Result<_, _>>()?,
        stream_view_type: stream
            .and_then(|stream| stream.stream_view_type())
            .map(|view| read_name("stream view type", view.as_str()))
            .transpose()?,
        point_in_time_recovery: backups
            .filter(|backups| {
                backups.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled)
            })
            .map(|backups| PointInTimeRecovery {
                recovery_period_in_days: backups
                    .recovery_period_in_days()
                    .and_then(|days| days.try_into().ok())
                    .unwrap_or(RECOVERY_PERIOD_IN_DAYS),
            }),
        sse_specification: read_sse(table),
        deletion_protection_enabled: table.deletion_protection_enabled().unwrap_or_default(),
        table_class: match class {
            None => TableClass::Standard,
            Some(class) => read_name("table class", class.as_str())?,
        },
        time_to_live_attribute_name: time_to_live
            .filter(|ttl| is_on(ttl))
            .and_then(|ttl| ttl.attribute_name.clone()),
        index_shards: shards.transpose()?,
    })
}

fn is_on(time_to_live: &TimeToLiveDescription) -> bool {
    let status = time_to_live.time_to_live_status();
    matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
}

fn read_key(schema: &[KeySchemaElement], types: &HashMap<&str, &str>) -> Result<KeySchema, Unreadable> {
    let attribute = |kind: KeyType| {
        let element = schema.iter().find(|element| *element.key_type() == kind)?;
        let name = element.attribute_name();
        let kind = types.get(name).copied().unwrap_or_default();
        let attribute = |attribute_type| KeyAttribute { attribute_name: name.to_owned(), attribute_type };
        Some(read_name("type of a key attribute", kind).map(attribute))
    };
    let partition_key = attribute(KeyType::Hash).unwrap_or_else(|| Err(unreadable("partition key", "")))?;
    Ok(KeySchema { partition_key, sort_key: attribute(KeyType::Range).transpose()? })
}

fn read_index(
    index: &GlobalSecondaryIndexDescription,
    types: &HashMap<&str, &str>,
) -> Result<(String, IndexSpec), Unreadable> {
    let projected = index.projection();
    let projection = match projected.and_then(|projection| projection.projection_type()) {
        Some(ProjectionType::All) => Projection::All,
        Some(ProjectionType::KeysOnly) => Projection::KeysOnly,
        Some(ProjectionType::Include) => {
            let mut non_key_attributes =
                projected.map(|projection| projection.non_key_attributes().to_vec()).unwrap_or_default();
            non_key_attributes.sort();
            Projection::Include { non_key_attributes }
        }
        other => return Err(unreadable("projection type", other.map_or("", ProjectionType::as_str))),
    };
    let name = index.index_name().unwrap_or_default().to_owned();
    Ok((name, IndexSpec { key_schema: read_key(index.key_schema(), types)?, projection }))
}

fn read_sse(table: &TableDescription) -> SseSpecification {
    let described = table.sse_description().filter(|sse| {
        let off = matches!(sse.status(), Some(SseStatus::Disabled | SseStatus::Disabling));
        !off && sse.sse_type() == Some(&SseType::Kms)
    });
    match described.and_then(|sse| sse.kms_master_key_arn.clone()) {
        Some(kms_master_key_arn) => SseSpecification::Kms { kms_master_key_arn },
        None => SseSpecification::AwsOwnedKey,
    }
}

/// One of our enumerations by AWS's name for it.
fn read_name<T: DeserializeOwned>(member: &'static str, name: &str) -> Result<T, Unreadable> {
    serde_json::from_value(name.into()).map_err(|_| unreadable(member, name))
}

fn unreadable(member: &'static str, value: &str) -> Unreadable {
    Unreadable { member, value: value.to_owned() }
}
