//! The table as data: what provisioning creates, what append writes and what reads ask for.
//!
//! All keys are strings. The indexes project every attribute, so a read needs no second look at the table.

/// The request id: the table's partition key.
pub const REQUEST_ID: &str = "RequestId";
/// `<normalised timestamp>#<id>#<content hash>`: the sort key of the table and of both indexes.
pub const EVENT_KEY: &str = "EventKey";
/// The event's timestamp as it was sent.
pub const TIMESTAMP: &str = "Timestamp";
/// The event's type.
pub const TYPE: &str = "Type";
/// The event's source.
pub const SOURCE: &str = "Source";
/// The event's id.
pub const ID: &str = "Id";
/// The event's data, a map.
pub const DATA: &str = "Data";
/// Top-level fields that the event has beside the usual ones, a map; left out where there are none.
pub const EXTENSIONS: &str = "Extensions";
/// `<type>#<shard>`: the partition key of [`TYPE_INDEX`].
pub const TYPE_SHARD: &str = "TypeShard";
/// `<source>#<shard>`: the partition key of [`SOURCE_INDEX`].
pub const SOURCE_SHARD: &str = "SourceShard";

/// A table's or an index's key. Both attributes are of type `S`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySchema {
    /// The attribute of key type `HASH`.
    pub partition_key: &'static str,
    /// The attribute of key type `RANGE`.
    pub sort_key: &'static str,
}

/// A global secondary index. It projects all attributes (`ALL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its key.
    pub key: KeySchema,
}

/// The table's key.
pub const TABLE_KEY: KeySchema = KeySchema { partition_key: REQUEST_ID, sort_key: EVENT_KEY };

/// Events of a type in the order of time, spread over the index shards.
pub const TYPE_INDEX: Index =
    Index { name: "Type-Index", key: KeySchema { partition_key: TYPE_SHARD, sort_key: EVENT_KEY } };

/// Events of a source in the order of time, spread over the index shards.
pub const SOURCE_INDEX: Index =
    Index { name: "Source-Index", key: KeySchema { partition_key: SOURCE_SHARD, sort_key: EVENT_KEY } };

/// Every index of the table.
pub const INDEXES: [Index; 2] = [TYPE_INDEX, SOURCE_INDEX];

/// The table's stream carries each new event whole.
pub const STREAM_VIEW_TYPE: &str = "NEW_IMAGE";

/// The partition key of one shard of an index: `<name>#<shard>`. The shard is what follows the last `#`.
pub fn index_partition(name: &str, shard: u16) -> String {
    format!("{name}#{shard}")
}
