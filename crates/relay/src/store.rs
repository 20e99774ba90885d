//! What the relay needs of EventStoreDB: to read a stream backwards, and to append at an exact revision.

use bytes::Bytes;
use uuid::Uuid;

/// An EventStoreDB.
pub trait EventStore: Send + Sync {
    /// At most `count` events of `stream`, the latest first, from this revision on (itself included), or from the end.
    ///
    /// Fewer than `count` means that no earlier one is shown. There are none of a stream that does not exist, and of one
    /// whose metadata hide them all.
    fn read_backwards(
        &self,
        stream: &str,
        from: Option<u64>,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>> + Send;

    /// Appends all of `events`, or none, behind the event with this revision, or as the first of the stream.
    ///
    /// Success is no proof that they were written: it also means that events with the same ids lie there already, whatever
    /// they hold. After an error that is not certain ([`StoreError::Failed`]) they may have been written.
    fn append(
        &self,
        stream: &str,
        behind: Option<u64>,
        events: Vec<Proposed>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// An event of a stream, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the stream.
    pub revision: u64,
    /// Its id in EventStoreDB.
    pub id: Uuid,
    /// Its key in the journal. None: it was not relayed.
    pub event_key: Option<String>,
}

/// An event to append. Its content is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Its id in EventStoreDB.
    pub id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Its data, in JSON.
    pub data: Bytes,
    /// Its metadata, in JSON.
    pub metadata: Bytes,
}

/// Why EventStoreDB did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The stream has a tombstone: nothing can ever be appended to it again.
    #[error("the stream was deleted for good (it has a tombstone)")]
    StreamDeleted,
    /// The stream is not at the expected revision. Nothing was written.
    #[error("the stream is not at the expected revision")]
    WrongExpectedVersion {
        /// The revision of its last event, shown or not.
        current: Option<u64>,
    },
    /// The request itself is refused, and will be each time. Nothing was written.
    #[error("EventStoreDB refuses it: {reason}")]
    Unacceptable {
        /// EventStoreDB's words.
        reason: String,
    },
    /// The user may not do this. That can be mended, and the events are not at fault.
    #[error("EventStoreDB denies access: {reason}")]
    Denied {
        /// EventStoreDB's words.
        reason: String,
    },
    /// There is no connection, and none could be made.
    #[error("EventStoreDB cannot be reached: {reason}")]
    Away {
        /// Why.
        reason: String,
    },
    /// The call failed. It may or may not have had its effect.
    #[error("EventStoreDB did not answer as it should: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}
