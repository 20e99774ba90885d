//! One line of CloudWatch Embedded Metric Format an invocation.
//!
//! Format: CloudWatch user guide, "Specification: Embedded metric format".

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::Configuration;

/// The most values that the format takes for a metric of one line.
const MAX_VALUES: usize = 100;
/// The counts of [`Metrics`] in the order in which they are declared.
const COUNTS: [&str; 7] = ["Received", "Stored", "Conflicts", "Folded", "Rejected", "Moved", "Retried"];

/// What became of the records of an invocation. Each of the received is counted once more: as stored, folded,
/// rejected, moved or retried.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// Records in the batch.
    pub received: usize,
    /// In the journal: written by this invocation or found as they are.
    pub stored: usize,
    /// Those of the stored that have the event id of another record of the batch and other content.
    pub conflicts: usize,
    /// Duplicates of another record of the batch that is stored.
    pub folded: usize,
    /// Never to be stored, and moved to the dead-letter queue.
    pub rejected: usize,
    /// Failed on their last receive, and moved to the dead-letter queue.
    pub moved: usize,
    /// Reported as batch item failures.
    pub retried: usize,
    /// From the timestamp of each stored event until now, in milliseconds. An event from the future counts 0.
    pub latencies: Vec<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    #[serde(rename = "_aws")]
    metadata: serde_json::Value,
    /// Lambda drops lines below the function's log level, and takes one without level and timestamp for INFO: this one has
    /// the least level that is kept.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
    #[serde(rename = "level")]
    level: &'a str,
    #[serde(rename = "timestamp", skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    environment: &'a str,
    function: &'a str,
    request_id: &'a str,
    received: usize,
    stored: usize,
    conflicts: usize,
    folded: usize,
    rejected: usize,
    moved: usize,
    retried: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latency: Vec<f64>,
}

impl Metrics {
    /// Writes the line, in the namespace `Headwater` by environment and function, at a level that Lambda keeps. `now` is in
    /// milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(
        &self,
        configuration: &Configuration,
        request_id: &str,
        now: u64,
        mut to: impl Write,
    ) -> io::Result<()> {
        let latency = sample(self.latencies.clone());
        let counts = COUNTS.iter().map(|name| json!({ "Name": name, "Unit": "Count" }));
        let latency_metric =
            (!latency.is_empty()).then(|| json!({ "Name": "Latency", "Unit": "Milliseconds" }));
        let line = Line {
            metadata: json!({
                "Timestamp": now,
                "CloudWatchMetrics": [{
                    "Namespace": "Headwater",
                    "Dimensions": [["Environment", "Function"]],
                    "Metrics": counts.chain(latency_metric).collect::<Vec<_>>(),
                }],
            }),
            level: &configuration.log_level,
            timestamp: rfc3339(now),
            environment: &configuration.environment,
            function: &configuration.function_name,
            request_id,
            received: self.received,
            stored: self.stored,
            conflicts: self.conflicts,
            folded: self.folded,
            rejected: self.rejected,
            moved: self.moved,
            retried: self.retried,
            latency,
        };
        // One write, so that no log line can fall into it.
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        to.write_all(&line)
    }
}

fn rfc3339(millis: u64) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
    instant.format(&Rfc3339).ok()
}

/// At most 100 of the values, evenly spaced by rank with both ends in: minimum, maximum and percentiles stay true, while
/// the metric's sample count is at most 100 a line.
fn sample(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    if values.len() <= MAX_VALUES {
        return values;
    }
    let last = values.len() - 1;
    (0..MAX_VALUES).map(|rank| values[rank * last / (MAX_VALUES - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(metrics: &Metrics) -> String {
        line_at("INFO", metrics)
    }

    fn line_at(log_level: &str, metrics: &Metrics) -> String {
        let configuration =
            Configuration { log_level: log_level.to_owned(), ..crate::testing::configuration() };
        let mut written = Vec::new();
        metrics.write(&configuration, "request-1", 1_588_363_200_000, &mut written).unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn an_invocation_is_one_line_that_cloudwatch_reads() {
        let metrics = Metrics {
            received: 10,
            stored: 5,
            conflicts: 1,
            folded: 2,
            rejected: 1,
            moved: 1,
            retried: 1,
            latencies: vec![12.5, 3.0],
        };
        let line = line(&metrics);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&line).unwrap());
    }

    #[test]
    fn the_line_passes_lambdas_filter_whatever_level_that_keeps() {
        for level in ["TRACE", "INFO", "ERROR", "FATAL"] {
            let line: serde_json::Value = serde_json::from_str(&line_at(level, &Metrics::default())).unwrap();
            assert_eq!((&line["level"], &line["timestamp"]), (&json!(level), &json!("2020-05-01T20:00:00Z")));
        }
    }

    #[test]
    fn a_metric_without_values_is_not_declared() {
        assert!(!line(&Metrics { received: 1, retried: 1, ..Metrics::default() }).contains("Latency"));
    }

    #[test]
    fn many_latencies_become_a_hundred_with_the_least_and_the_greatest() {
        let sampled = sample((0..1000).rev().map(f64::from).collect());
        assert_eq!((sampled.len(), sampled[0], sampled[99]), (100, 0.0, 999.0));
        assert!(sampled.is_sorted());
        assert_eq!(sample((0..100).map(f64::from).collect()).len(), 100);
    }
}
