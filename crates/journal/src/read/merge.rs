//! Several partitions as one stream in the order of time.

use std::cmp::Ordering;

use event::Event;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt};

use super::partition::Partition;
use super::{Direction, EventStream, ReadOptions};
use crate::ReadError;

/// A merge under way.
struct Merge {
    partitions: Vec<Partition>,
    direction: Direction,
    /// How many events may still come.
    remaining: usize,
}

/// Merges lazily: a partition is asked for its next page when its last one is used up, all that need one at once.
pub(super) fn merge(partitions: Vec<Partition>, options: &ReadOptions) -> EventStream {
    // DynamoDB refuses a BETWEEN whose bounds are in the wrong order.
    let is_empty =
        options.since.as_ref().zip(options.until.as_ref()).is_some_and(|(since, until)| since >= until);
    let remaining = if is_empty { 0 } else { options.limit.unwrap_or(usize::MAX) };
    let merge = Merge { partitions, direction: options.direction, remaining };
    stream::unfold(merge, |mut merge| async move {
        let next = merge.next().await?;
        if matches!(next, Err(ReadError::Query { .. })) {
            merge.remaining = 0;
        }
        Some((next, merge))
    })
    .boxed()
}

impl Merge {
    async fn next(&mut self) -> Option<Result<Event, ReadError>> {
        if self.remaining == 0 {
            return None;
        }
        let used_up = self.partitions.iter_mut().filter(|partition| partition.is_used_up());
        if let Err(error) = try_join_all(used_up.map(Partition::fill)).await {
            return Some(Err(error));
        }
        let direction = self.direction;
        let first =
            self.partitions.iter_mut().filter(|partition| partition.head().is_some()).min_by(|a, b| {
                match (a.head(), b.head()) {
                    (Some(Ok(a)), Some(Ok(b))) => in_time(a, b, direction),
                    // What cannot be read has no place in the order: it comes at once.
                    (Some(Err(_)), _) => Ordering::Less,
                    _ => Ordering::Greater,
                }
            })?;
        let next = first.take();
        if matches!(next, Some(Ok(_))) {
            self.remaining -= 1;
        }
        next
    }
}

/// The order of event keys. A key is made only where the timestamps leave it open.
fn in_time(a: &Event, b: &Event, direction: Direction) -> Ordering {
    let order = a.timestamp().cmp(b.timestamp()).then_with(|| a.key().cmp(&b.key()));
    match direction {
        Direction::Forwards => order,
        Direction::Backwards => order.reverse(),
    }
}
