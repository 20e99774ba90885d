//! The journal: a table, the client that reaches it and the number of index shards.

use std::num::NonZeroU16;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;

/// An event log in one DynamoDB table, laid out as [`schema`](crate::schema) says. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Reads; retries as its configuration says.
    pub(crate) reader: Client,
    /// Appends; never retries by itself, because append does it within its own deadline.
    pub(crate) writer: Client,
    pub(crate) table: Arc<str>,
    pub(crate) index_shards: NonZeroU16,
}

impl Journal {
    /// The journal in `table`. `index_shards` is how many partitions each type and source is spread over in the indexes; it may
    /// grow over a journal's life, never shrink, because reads ask exactly so many.
    pub fn new(client: Client, table: impl Into<Arc<str>>, index_shards: NonZeroU16) -> Self {
        let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self { reader: client, writer: Client::from_conf(config), table: table.into(), index_shards }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }
}
