//! New events as they land, from the table's stream.

mod shards;

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use event::Event;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

use crate::{Journal, TailError};
use shards::Shards;

/// The pause between two looks at the shards. DynamoDB allows five reads a second of each shard.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

impl Journal {
    /// Follows the journal: every event that is stored after this call has returned, some hundred milliseconds after it landed.
    ///
    /// Needs the table's stream (DescribeTable, and DescribeStream, GetShardIterator and GetRecords of `streams`). Events of one
    /// request come in the order in which they were stored; across requests no order is promised. Shards that split are
    /// followed, the parent's records first. An event that is stored again comes once, as DynamoDB emits no record for a
    /// write that changes nothing. Errors of a single record do not end the stream; all others do.
    pub async fn tail(
        &self,
        streams: Client,
    ) -> Result<BoxStream<'static, Result<Event, TailError>>, TailError> {
        let shards = Shards::latest(streams, self.stream_arn().await?).await?;
        let tail = Tail { shards, ready: VecDeque::new(), ended: false };
        Ok(stream::unfold(tail, |mut tail| async move { Some((tail.next().await?, tail)) }).boxed())
    }

    async fn stream_arn(&self) -> Result<String, TailError> {
        let table = self.table();
        let output =
            self.reader.describe_table().table_name(table).send().await.map_err(|error| {
                TailError::DescribeTable { table: table.to_owned(), source: Box::new(error) }
            })?;
        output
            .table
            .filter(|table| table.stream_specification.as_ref().is_some_and(|stream| stream.stream_enabled))
            .and_then(|table| table.latest_stream_arn)
            .ok_or_else(|| TailError::NoStream { table: table.to_owned() })
    }
}

/// A tail under way.
struct Tail {
    shards: Shards,
    ready: VecDeque<Result<Event, TailError>>,
    ended: bool,
}

impl Tail {
    async fn next(&mut self) -> Option<Result<Event, TailError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.shards.read().await {
                Ok(events) if events.is_empty() => sleep(POLL_INTERVAL).await,
                Ok(events) => self.ready.extend(events),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
