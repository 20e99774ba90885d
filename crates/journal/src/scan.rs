//! All items of the journal, or those of a time window, as they are stored: what a replay begins with.

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, BoxStream, StreamExt};

use crate::item::Item;
use crate::{Journal, ReadError, ReadOptions, schema};

/// Pages of items as they are stored.
pub type Pages = BoxStream<'static, Result<Vec<Item>, ReadError>>;

impl Journal {
    /// The items of one of `segments` parts of the table, page by page; together the parts are the whole table. Strongly
    /// consistent. Of `options`, only the window counts.
    ///
    /// # Guarantees
    /// All items of a request are in one segment, one after the other in the order of time. After an error the stream ends.
    ///
    /// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan>
    pub fn scan(&self, segment: u16, segments: u16, options: &ReadOptions) -> Pages {
        let scan = self
            .reader
            .scan()
            .table_name(&*self.table)
            .consistent_read(true)
            .segment(segment.into())
            .total_segments(segments.into());
        let place = format!("table {}", self.table);
        let begin = Some((within(scan, options), place, None));
        stream::unfold(begin, |state| async move {
            let (scan, place, start): (ScanFluentBuilder, String, Option<Item>) = state?;
            match scan.clone().set_exclusive_start_key(start).send().await {
                Err(error) => Some((Err(ReadError::Scan { place, source: Box::new(error) }), None)),
                Ok(output) => {
                    let next = output.last_evaluated_key.filter(|key| !key.is_empty());
                    let next = next.map(|key| (scan, place, Some(key)));
                    Some((Ok(output.items.unwrap_or_default()), next))
                }
            }
        })
        .boxed()
    }
}

/// Narrows a scan to the options' window by the sort key, which begins with the normalised timestamp.
fn within(scan: ScanFluentBuilder, options: &ReadOptions) -> ScanFluentBuilder {
    let bounds = [("#key >= :since", ":since", &options.since), ("#key < :until", ":until", &options.until)];
    let conditions: Vec<&str> =
        bounds.iter().filter(|(_, _, bound)| bound.is_some()).map(|(condition, ..)| *condition).collect();
    if conditions.is_empty() {
        return scan;
    }
    let mut scan = scan
        .filter_expression(conditions.join(" AND "))
        .expression_attribute_names("#key", schema::EVENT_KEY);
    for (_, name, bound) in bounds {
        if let Some(bound) = bound {
            let bound = AttributeValue::S(bound.normalised().to_owned());
            scan = scan.expression_attribute_values(name, bound);
        }
    }
    scan
}
