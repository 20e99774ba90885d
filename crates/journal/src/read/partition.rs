//! One partition of the table or an index, read page by page.

use std::collections::VecDeque;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use event::Event;

use super::{Direction, QueryCount, ReadOptions};
use crate::item::{self, Item, ItemError};
use crate::schema::{self, Index, KeySchema};
use crate::{Journal, ReadError};

/// A partition under way: what is read and not yet handed out, and where the next page begins.
pub(super) struct Partition {
    query: QueryFluentBuilder,
    place: String,
    next: Next,
    page: VecDeque<Result<Event, ItemError>>,
    queries: QueryCount,
}

enum Next {
    Page(Option<Item>),
    End,
}

impl Partition {
    pub(super) fn of_table(journal: &Journal, request_id: &str, options: &ReadOptions) -> Self {
        let query = journal.reader.query().consistent_read(true);
        let place = format!("table {}", journal.table);
        Self::new(journal, query, schema::TABLE_KEY, request_id.to_owned(), place, options)
    }

    pub(super) fn of_index(
        journal: &Journal,
        index: Index,
        name: &str,
        shard: u16,
        options: &ReadOptions,
    ) -> Self {
        let query = journal.reader.query().index_name(index.name);
        let place = format!("index {} of table {}", index.name, journal.table);
        Self::new(journal, query, index.key, schema::index_partition(name, shard), place, options)
    }

    fn new(
        journal: &Journal,
        query: QueryFluentBuilder,
        key: KeySchema,
        partition: String,
        place: String,
        options: &ReadOptions,
    ) -> Self {
        let query = query
            .table_name(&*journal.table)
            .expression_attribute_names("#partition", key.partition_key)
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .scan_index_forward(options.direction == Direction::Forwards)
            // DynamoDB's pages end at 1 MB in any case.
            .set_limit(options.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)));
        let query = within(query, key.sort_key, options);
        Self { query, place, next: Next::Page(None), page: VecDeque::new(), queries: options.queries.clone() }
    }

    /// The next event, where it is at hand.
    pub(super) fn head(&self) -> Option<&Result<Event, ItemError>> {
        self.page.front()
    }

    pub(super) fn take(&mut self) -> Option<Result<Event, ReadError>> {
        let item = self.page.pop_front()?;
        Some(item.map_err(|source| ReadError::Item { place: self.place.clone(), source: Box::new(source) }))
    }

    /// Whether it has to read on before it has a head, or knows that it has none.
    pub(super) fn is_used_up(&self) -> bool {
        self.page.is_empty() && matches!(self.next, Next::Page(_))
    }

    /// Reads on until there is a head or the partition has ended. A page may be empty and not the last.
    pub(super) async fn fill(&mut self) -> Result<(), ReadError> {
        while self.page.is_empty()
            && let Next::Page(start) = &mut self.next
        {
            let query = self.query.clone().set_exclusive_start_key(start.take());
            self.queries.add_one();
            let output = query
                .send()
                .await
                .map_err(|error| ReadError::Query { place: self.place.clone(), source: Box::new(error) })?;
            self.page.extend(output.items.unwrap_or_default().into_iter().map(item::to_event));
            self.next = match output.last_evaluated_key {
                Some(key) if !key.is_empty() => Next::Page(Some(key)),
                _ => Next::End,
            };
        }
        Ok(())
    }
}

/// Narrows a query to the options' time window by the sort key, which begins with the normalised timestamp.
///
/// No sort key ends after its timestamp, so `<=` a bare timestamp, which is what BETWEEN asks, excludes the events at it.
fn within(query: QueryFluentBuilder, sort_key: &str, options: &ReadOptions) -> QueryFluentBuilder {
    let window = match (&options.since, &options.until) {
        (None, None) => return query.key_condition_expression("#partition = :partition"),
        (Some(_), None) => "#sort >= :since",
        (None, Some(_)) => "#sort < :until",
        (Some(_), Some(_)) => "#sort BETWEEN :since AND :until",
    };
    let mut query = query
        .key_condition_expression(format!("#partition = :partition AND {window}"))
        .expression_attribute_names("#sort", sort_key);
    for (name, bound) in [(":since", &options.since), (":until", &options.until)] {
        if let Some(bound) = bound {
            let bound = AttributeValue::S(bound.normalised().to_owned());
            query = query.expression_attribute_values(name, bound);
        }
    }
    query
}
