//! Reads: the events of a request, a type or a source, in the order of time, as a stream.

mod merge;
mod partition;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event::{Event, Timestamp};
use futures::stream::BoxStream;

use crate::schema::{self, Index};
use crate::{Journal, ReadError};
use partition::Partition;

/// Events as they are read. After [`ReadError::Query`] it ends; an item that is no event is one error, and it goes on.
pub type EventStream = BoxStream<'static, Result<Event, ReadError>>;

/// Which events of a request, type or source are read. The default is all of them, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Only events at this instant or later.
    pub since: Option<Timestamp>,
    /// Only events before this instant, itself not included, so that windows can follow each other.
    pub until: Option<Timestamp>,
    /// The order.
    pub direction: Direction,
    /// At most so many.
    pub limit: Option<usize>,
    /// Counts what the read asks for.
    pub queries: QueryCount,
}

/// How many calls of Query reads have made: a page each, of 1 MB at most. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct QueryCount(Arc<AtomicU64>);

impl QueryCount {
    /// So far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The order of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    #[default]
    Forwards,
    /// The newest first.
    Backwards,
}

impl Journal {
    /// The events of one request. Strongly consistent: what was appended before is seen.
    pub fn by_request(&self, request_id: &str, options: &ReadOptions) -> EventStream {
        merge::merge(vec![Partition::of_table(self, request_id, options)], options)
    }

    /// The events of one type. Eventually consistent, usually within a second, as DynamoDB's indexes are.
    ///
    /// All index shards are asked at once, page by page as the merge needs them: a read of ten events does not read more than
    /// ten from each shard.
    pub fn by_type(&self, event_type: &str, options: &ReadOptions) -> EventStream {
        self.by_types(&[event_type], options)
    }

    /// The events of several types, in one order of time. See [`by_type`](Self::by_type).
    pub fn by_types(&self, event_types: &[&str], options: &ReadOptions) -> EventStream {
        self.by_index(schema::TYPE_INDEX, event_types, options)
    }

    /// The events of one source. See [`by_type`](Self::by_type).
    pub fn by_source(&self, source: &str, options: &ReadOptions) -> EventStream {
        self.by_index(schema::SOURCE_INDEX, &[source], options)
    }

    fn by_index(&self, index: Index, names: &[&str], options: &ReadOptions) -> EventStream {
        let shards = |name| (0..self.index_shards.get()).map(move |shard| (name, shard));
        let partitions = names.iter().copied().flat_map(shards);
        let partitions =
            partitions.map(|(name, shard)| Partition::of_index(self, index, name, shard, options));
        merge::merge(partitions.collect(), options)
    }
}
