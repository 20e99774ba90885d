//! One line of CloudWatch Embedded Metric Format an invocation.
//!
//! Format: CloudWatch user guide, "Specification: Embedded metric format".

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::Configuration;

/// The counts of [`Metrics`] in the order in which they are declared.
const COUNTS: [&str; 6] = ["Received", "Appended", "Present", "Rejected", "Modified", "Failed"];

/// What became of the records of an invocation. Each of the received is counted once more: as appended, present,
/// rejected, modified or failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// Records of the invocation.
    pub received: usize,
    /// In their stream by this invocation.
    pub appended: usize,
    /// In their stream before, or twice in the invocation.
    pub present: usize,
    /// Never to be appended.
    pub rejected: usize,
    /// Items of the journal that were changed or removed, which is not relayed.
    pub modified: usize,
    /// Not known to be in their stream. They come again.
    pub failed: usize,
    /// From the oldest change of a stream's batch until now, in milliseconds. None of a replay.
    pub batch_age: Option<f64>,
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
    appended: usize,
    present: usize,
    rejected: usize,
    modified: usize,
    failed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_age: Option<f64>,
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
        let counts = COUNTS.iter().map(|name| json!({ "Name": name, "Unit": "Count" }));
        let age = self.batch_age.map(|_| json!({ "Name": "BatchAge", "Unit": "Milliseconds" }));
        let line = Line {
            metadata: json!({
                "Timestamp": now,
                "CloudWatchMetrics": [{
                    "Namespace": "Headwater",
                    "Dimensions": [["Environment", "Function"]],
                    "Metrics": counts.chain(age).collect::<Vec<_>>(),
                }],
            }),
            level: &configuration.log_level,
            timestamp: rfc3339(now),
            environment: &configuration.environment,
            function: &configuration.function_name,
            request_id,
            received: self.received,
            appended: self.appended,
            present: self.present,
            rejected: self.rejected,
            modified: self.modified,
            failed: self.failed,
            batch_age: self.batch_age,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(metrics: &Metrics) -> String {
        let mut written = Vec::new();
        metrics
            .write(&crate::testing::configuration(), "request-1", 1_588_363_200_000, &mut written)
            .unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn an_invocation_is_one_line_that_cloudwatch_reads() {
        let metrics = Metrics {
            received: 15,
            appended: 5,
            present: 4,
            rejected: 3,
            modified: 2,
            failed: 1,
            batch_age: Some(1500.0),
        };
        let line = line(&metrics);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&line).unwrap());
    }

    #[test]
    fn a_metric_without_a_value_is_not_declared() {
        assert!(!line(&Metrics::default()).contains("BatchAge"));
    }
}
