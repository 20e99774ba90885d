//! Services over time.

use std::collections::BTreeMap;

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::figures::Tally;
use crate::{Call, Figures, Flow, Window};

/// A service over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Its name.
    pub service: String,
    /// Parts of the window, equally long, in the order of time.
    pub buckets: Vec<Bucket>,
}

/// A part of a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Its first instant.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// The calls that began in it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The services that were called in `window`, sorted by name, each with as many `buckets`.
pub fn series(flows: &[Flow], window: &Window, buckets: usize) -> Vec<Series> {
    let edges = edges(window, buckets);
    let mut tallies: BTreeMap<&str, Vec<Tally>> = BTreeMap::new();
    let in_window = |call: &&Call| window.contains(call.started);
    for call in flows.iter().flat_map(|flow| &flow.calls).filter(in_window) {
        let tallies =
            tallies.entry(&call.service).or_insert_with(|| edges.iter().map(|_| Tally::default()).collect());
        let after = edges.partition_point(|part| part.since <= call.started);
        if let Some(tally) = after.checked_sub(1).and_then(|index| tallies.get_mut(index)) {
            tally.add(call);
        }
    }
    let bucket = |(part, tally): (&Window, Tally)| Bucket { since: part.since, figures: tally.figures(part) };
    let series = |(service, tallies): (&str, Vec<Tally>)| Series {
        service: service.to_owned(),
        buckets: edges.iter().zip(tallies).map(bucket).collect(),
    };
    tallies.into_iter().map(series).collect()
}

/// The parts of a window, to the nanosecond.
fn edges(window: &Window, parts: usize) -> Vec<Window> {
    let length = (window.until - window.since).whole_nanoseconds().max(0);
    let edge = |part: usize| {
        let nanoseconds = length * part as i128 / parts as i128;
        let second = 1_000_000_000;
        window.since + Duration::new((nanoseconds / second) as i64, (nanoseconds % second) as i32)
    };
    (0..parts).map(|part| Window { since: edge(part), until: edge(part + 1) }).collect()
}
