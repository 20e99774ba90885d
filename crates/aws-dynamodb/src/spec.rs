//! The fields of a table that we set.

use std::collections::BTreeMap;

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A table. Its keys can never be changed; an index is changed by deleting it and building it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSpec {
    /// The table's primary key.
    pub key_schema: KeySchema,
    /// How reads and writes are paid for.
    pub billing_mode: BillingMode,
    /// The global secondary indexes, by name.
    #[serde(default)]
    pub global_secondary_indexes: BTreeMap<String, IndexSpec>,
    /// What the stream's records hold; absent, the table has no stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_view_type: Option<StreamViewType>,
    /// How far back the table can be restored; absent, it cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time_recovery: Option<PointInTimeRecovery>,
    /// What the table is encrypted with.
    pub sse_specification: SseSpecification,
    /// Whether DynamoDB refuses to delete the table.
    pub deletion_protection_enabled: bool,
    /// What its storage is optimised for.
    pub table_class: TableClass,
    /// The attribute by whose time DynamoDB deletes items; absent, it deletes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live_attribute_name: Option<String>,
    /// Over how many partition keys an index spreads one value, kept as the tag `headwater:index-shards`. It may grow
    /// and never shrink: a reader that asks fewer shards than were written misses events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_shards: Option<u32>,
}

/// A primary key. The attributes' types stand here, so that each key has one and none is defined in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySchema {
    /// The attribute that chooses the partition (`HASH`).
    pub partition_key: KeyAttribute,
    /// The attribute that sorts a partition's items (`RANGE`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<KeyAttribute>,
}

/// An attribute of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyAttribute {
    /// Its name.
    pub attribute_name: String,
    /// Its type.
    pub attribute_type: AttributeType,
}

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeType {
    /// A string.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexSpec {
    /// Its key.
    pub key_schema: KeySchema,
    /// What it copies of an item.
    pub projection: Projection,
}

/// What an index copies of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "projectionType", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Projection {
    /// All of it.
    All,
    /// The keys of table and index.
    KeysOnly,
    /// The keys and these.
    Include {
        /// The attributes' names, sorted.
        non_key_attributes: Vec<String>,
    },
}

/// How reads and writes are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BillingMode {
    /// By the request.
    PayPerRequest,
    /// By provisioned capacity. We read it where somebody set it; DynamoDB refuses it of us, since we name no capacity.
    Provisioned,
}

/// What a stream's records hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamViewType {
    /// The item as it is now.
    NewImage,
    /// The item as it was.
    OldImage,
    /// Both.
    NewAndOldImages,
    /// The item's key.
    KeysOnly,
}

/// How far back a table can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PointInTimeRecovery {
    /// 1 to 35 days. DynamoDB takes 35 where nothing is said:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html>
    pub recovery_period_in_days: u32,
}

/// What a table is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sseType", rename_all_fields = "camelCase")]
pub enum SseSpecification {
    /// A key that DynamoDB owns, free of charge.
    #[serde(rename = "AWS_OWNED_KEY")]
    AwsOwnedKey,
    /// A key of the account in KMS.
    #[serde(rename = "KMS")]
    Kms {
        /// The key's ARN.
        kms_master_key_arn: String,
    },
}

/// What a table's storage is optimised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TableClass {
    /// Reads and writes.
    Standard,
    /// Cheap storage.
    StandardInfrequentAccess,
}

impl TableSpec {
    /// What DynamoDB gives a table of that key of which nothing else is said, but paid by the request.
    pub fn new(key_schema: KeySchema) -> Self {
        Self {
            key_schema,
            billing_mode: BillingMode::PayPerRequest,
            global_secondary_indexes: BTreeMap::new(),
            stream_view_type: None,
            point_in_time_recovery: None,
            sse_specification: SseSpecification::AwsOwnedKey,
            deletion_protection_enabled: false,
            table_class: TableClass::Standard,
            time_to_live_attribute_name: None,
            index_shards: None,
        }
    }
}

impl KeySchema {
    /// A key of two strings.
    pub fn strings(partition_key: &str, sort_key: &str) -> Self {
        Self {
            partition_key: KeyAttribute::string(partition_key),
            sort_key: Some(KeyAttribute::string(sort_key)),
        }
    }
}

impl KeyAttribute {
    /// A string of that name.
    pub fn string(name: &str) -> Self {
        Self { attribute_name: name.to_owned(), attribute_type: AttributeType::S }
    }
}

impl Spec for TableSpec {
    fn effect(field: &str, observed: &Value, desired: &Value) -> Effect {
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        match field {
            "indexShards" if number(desired) < number(observed) => Effect::Refuse(format!(
                "the indexes were written with {} shards; with fewer, reads would miss events",
                number(observed)
            )),
            _ if field.starts_with("keySchema") => Effect::Replace,
            _ => Effect::Update,
        }
    }
}
