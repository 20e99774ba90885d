//! The shards of a stream: found, read side by side, and followed when they split.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, OperationType, Record, Shard, ShardIteratorType,
};
use event::Event;
use futures::future::try_join_all;
use tokio::time::Instant;

use crate::TailError;
use crate::item::{self, Item};

/// Shards are listed when one has come to its end, and so often besides, in case its children were not there yet.
const LIST_INTERVAL: Duration = Duration::from_secs(10);

/// Every shard seen of one stream, by id.
pub(super) struct Shards {
    client: Client,
    stream: String,
    shards: BTreeMap<String, Position>,
    /// When the shards were last listed.
    listed: Instant,
}

/// Where a shard is read on.
enum Position {
    /// At this iterator, which the last read or the way in gave. `after` is the last record's sequence number.
    Open { iterator: String, after: Option<String> },
    /// It is closed and read to its end.
    Drained,
}

/// What one read of a shard brought.
struct Page {
    events: Vec<Result<Event, TailError>>,
    position: Position,
}

impl Shards {
    /// The stream from now on: open shards from their latest record, closed ones not at all.
    pub(super) async fn latest(client: Client, stream: String) -> Result<Self, TailError> {
        let mut shards = Self { client, stream, shards: BTreeMap::new(), listed: Instant::now() };
        for shard in shards.describe().await? {
            let Some(id) = shard.shard_id else { continue };
            let is_closed =
                shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some());
            let position = match is_closed {
                true => Position::Drained,
                false => shards.enter(&id, ShardIteratorType::Latest, None).await?,
            };
            shards.shards.insert(id, position);
        }
        Ok(shards)
    }

    /// One read of every open shard, all at once. Records come in their shard's order.
    pub(super) async fn read(&mut self) -> Result<Vec<Result<Event, TailError>>, TailError> {
        let this = &*self;
        let reads = this.shards.iter().filter_map(|(id, position)| match position {
            Position::Open { iterator, after } => Some(async move {
                let page = this.page(id, iterator, after.as_deref()).await?;
                Ok((id.clone(), page))
            }),
            Position::Drained => None,
        });
        let pages = try_join_all(reads).await?;
        let mut events = Vec::new();
        let mut is_due = self.listed.elapsed() >= LIST_INTERVAL;
        for (id, page) in pages {
            is_due |= matches!(page.position, Position::Drained);
            events.extend(page.events);
            self.shards.insert(id, page.position);
        }
        if is_due {
            self.follow().await?;
        }
        Ok(events)
    }

    /// Enters the shards that came after the drained ones, from their first record.
    async fn follow(&mut self) -> Result<(), TailError> {
        self.listed = Instant::now();
        for shard in self.describe().await? {
            let Some(id) = shard.shard_id else { continue };
            let parent = shard.parent_shard_id.and_then(|parent| self.shards.get(&parent));
            if self.shards.contains_key(&id) || matches!(parent, Some(Position::Open { .. })) {
                continue;
            }
            let position = self.enter(&id, ShardIteratorType::TrimHorizon, None).await?;
            self.shards.insert(id, position);
        }
        Ok(())
    }

    /// All shards, oldest first, over as many pages as it takes.
    async fn describe(&self) -> Result<Vec<Shard>, TailError> {
        let mut shards = Vec::new();
        let mut start = None;
        loop {
            let call = self.client.describe_stream().stream_arn(&self.stream);
            let output = call.set_exclusive_start_shard_id(start).send().await.map_err(|error| {
                TailError::DescribeStream { stream: self.stream.clone(), source: Box::new(error) }
            })?;
            let Some(description) = output.stream_description else { return Ok(shards) };
            shards.extend(description.shards.unwrap_or_default());
            start = description.last_evaluated_shard_id;
            if start.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn enter(
        &self,
        shard: &str,
        at: ShardIteratorType,
        after: Option<&str>,
    ) -> Result<Position, TailError> {
        let call = self.client.get_shard_iterator().stream_arn(&self.stream).shard_id(shard);
        let call = call.shard_iterator_type(at).set_sequence_number(after.map(str::to_owned));
        let output = call.send().await.map_err(|error| TailError::GetShardIterator {
            shard: shard.to_owned(),
            source: Box::new(error),
        })?;
        Ok(Position::after(output.shard_iterator, after.map(str::to_owned)))
    }

    async fn page(&self, shard: &str, iterator: &str, after: Option<&str>) -> Result<Page, TailError> {
        let output = match self.client.get_records().shard_iterator(iterator).send().await {
            Ok(output) => output,
            // Iterators live 15 minutes; a reader that was paused for longer takes up where it was.
            Err(error)
                if after.is_some()
                    && error
                        .as_service_error()
                        .is_some_and(|error| error.is_expired_iterator_exception()) =>
            {
                let position = self.enter(shard, ShardIteratorType::AfterSequenceNumber, after).await?;
                return Ok(Page { events: Vec::new(), position });
            }
            Err(error) => {
                return Err(TailError::GetRecords { shard: shard.to_owned(), source: Box::new(error) });
            }
        };
        let records = output.records.unwrap_or_default();
        let last = records.iter().rev().find_map(|record| record.dynamodb.as_ref()?.sequence_number.clone());
        let position = Position::after(output.next_shard_iterator, last.or(after.map(str::to_owned)));
        let events = records.into_iter().filter_map(inserted).map(|item| {
            item::to_event(item)
                .map_err(|source| TailError::Item { shard: shard.to_owned(), source: Box::new(source) })
        });
        Ok(Page { events: events.collect(), position })
    }
}

impl Position {
    /// DynamoDB gives no further iterator at the end of a closed shard.
    fn after(iterator: Option<String>, after: Option<String>) -> Self {
        iterator.map_or(Self::Drained, |iterator| Self::Open { iterator, after })
    }
}

/// The item of a record that adds one. The journal neither changes nor removes any.
fn inserted(record: Record) -> Option<Item> {
    match record.event_name {
        Some(OperationType::Insert) => Some(attributes(record.dynamodb?.new_image?)),
        _ => None,
    }
}

/// The two SDK crates have each a type of their own for the same values.
fn attributes(image: HashMap<String, StreamValue>) -> Item {
    image.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}

fn attribute(value: StreamValue) -> AttributeValue {
    match value {
        StreamValue::S(text) => AttributeValue::S(text),
        StreamValue::N(number) => AttributeValue::N(number),
        StreamValue::Bool(bool) => AttributeValue::Bool(bool),
        StreamValue::Null(null) => AttributeValue::Null(null),
        StreamValue::L(elements) => AttributeValue::L(elements.into_iter().map(attribute).collect()),
        StreamValue::M(members) => AttributeValue::M(attributes(members)),
        StreamValue::B(bytes) => AttributeValue::B(bytes),
        StreamValue::Bs(set) => AttributeValue::Bs(set),
        StreamValue::Ns(set) => AttributeValue::Ns(set),
        StreamValue::Ss(set) => AttributeValue::Ss(set),
        // A type that this SDK does not know; reading the item names the attribute.
        _ => AttributeValue::B(Vec::new().into()),
    }
}
