//! What can go wrong on the way to DynamoDB, and what that means for an append.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::operation::scan::ScanError;
use aws_sdk_dynamodbstreams::operation::describe_stream::DescribeStreamError;
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::GetShardIteratorError;

use crate::item::ItemError;

/// Why an event is not stored yet. It may well be on the next try, once what the error says is mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// DynamoDB answered with an error, or the call did not reach it.
    #[error("BatchWriteItem on table {table} failed")]
    Call {
        /// The table.
        table: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<BatchWriteItemError>>,
    },
    /// DynamoDB took the call and left this item out each time, as it does when the table is throttled.
    #[error("table {table} left the item unprocessed in each of {attempts} attempts before the deadline")]
    Unprocessed {
        /// The table.
        table: String,
        /// How many calls held the item.
        attempts: usize,
    },
    /// No answer came in time. The item may have been stored.
    #[error("BatchWriteItem on table {table} gave no answer within {waited:?}")]
    NoAnswer {
        /// The table.
        table: String,
        /// How long the last call was waited for.
        waited: Duration,
    },
    /// The deadline came before the call could be made.
    #[error("the deadline left no time to write to table {table}")]
    NoTime {
        /// The table.
        table: String,
    },
}

/// Why a read ended or could not show one of its events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// DynamoDB answered with an error, or the call did not reach it. The stream of events ends with it.
    #[error("Query of {place} failed")]
    Query {
        /// The table, or table and index.
        place: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<QueryError>>,
    },
    /// DynamoDB answered with an error, or the call did not reach it. The stream of items ends with it.
    #[error("Scan of {place} failed")]
    Scan {
        /// The table.
        place: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<ScanError>>,
    },
    /// An item is not an event. The stream goes on behind it.
    #[error("an item of {place} cannot be read as an event")]
    Item {
        /// The table, or table and index.
        place: String,
        /// Which item, and why.
        #[source]
        source: Box<ItemError>,
    },
}

/// Why following new events ended or could not show one of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TailError {
    /// The table could not be described.
    #[error("DescribeTable of {table} failed")]
    DescribeTable {
        /// The table.
        table: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<DescribeTableError>>,
    },
    /// The table has no stream.
    #[error("table {table} has no stream: deploy its stack again, which turns the stream on")]
    NoStream {
        /// The table.
        table: String,
    },
    /// The stream's shards could not be listed.
    #[error("DescribeStream of {stream} failed")]
    DescribeStream {
        /// The stream's ARN.
        stream: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<DescribeStreamError>>,
    },
    /// A shard could not be entered.
    #[error("GetShardIterator of shard {shard} failed")]
    GetShardIterator {
        /// The shard's id.
        shard: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<GetShardIteratorError>>,
    },
    /// A shard could not be read.
    #[error("GetRecords of shard {shard} failed")]
    GetRecords {
        /// The shard's id.
        shard: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<GetRecordsError>>,
    },
    /// A record is not an event. The stream goes on behind it.
    #[error("a record of shard {shard} cannot be read as an event")]
    Item {
        /// The shard's id.
        shard: String,
        /// Which item, and why.
        #[source]
        source: Box<ItemError>,
    },
}

/// What an error of BatchWriteItem says about the items in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same call may pass in a moment.
    Transient,
    /// One of the items is at fault.
    Items,
    /// The items are not at fault and waiting will not help: access, table, configuration.
    Setup,
}

/// Error codes that ask for patience. Source: "Error handling with DynamoDB", Amazon DynamoDB Developer Guide, and the
/// throttling codes of the SDK's own retry classifier.
const TRANSIENT_CODES: [&str; 8] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
];

pub(crate) fn verdict(error: &SdkError<BatchWriteItemError>) -> Verdict {
    let SdkError::ServiceError(answer) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Verdict::Setup,
            _ => Verdict::Transient,
        };
    };
    let status = answer.raw().status().as_u16();
    match error.code() {
        Some(code) if TRANSIENT_CODES.contains(&code) => Verdict::Transient,
        Some("ValidationException") if is_about_the_table(error.message()) => Verdict::Setup,
        Some("ValidationException" | "SerializationException") => Verdict::Items,
        _ if status == 413 => Verdict::Items,
        _ if status == 429 || status >= 500 => Verdict::Transient,
        _ => Verdict::Setup,
    }
}

/// A table whose keys are not the journal's, or whose name is none, refuses every item. AWS leaves nothing but the message
/// to tell it by.
fn is_about_the_table(message: Option<&str>) -> bool {
    const PHRASES: [&str; 5] = [
        "does not match the schema",
        "Missing the key",
        "Type mismatch for",
        "at 'tableName'",
        "Map keys must satisfy constraint",
    ];
    message.is_some_and(|message| PHRASES.iter().any(|phrase| message.contains(phrase)))
}
