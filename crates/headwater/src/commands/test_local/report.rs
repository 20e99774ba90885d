//! The report of `test-local`: a line a check, each printed as soon as it is known.

use std::{io::Write, path::Path, time::Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    local::Local,
    progress::Spinner,
    terminal::{self, BAD, FAINT, GOOD, STRONG, WARNING, duration, paint},
};

/// How wide the checks' sentences are set.
const WIDTH: usize = 62;

/// Checks so far.
pub(super) struct Report {
    json: bool,
    begun: Instant,
    endpoint: String,
    checks: Vec<Value>,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// A report whose first line is that local AWS, which was begun at `begun`, is up.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn new(json: bool, local: &Local, begun: Instant) -> Result<Self> {
        let endpoint = local.emulator.endpoint().to_string();
        let mut report =
            Self { json, begun, endpoint: endpoint.clone(), checks: Vec::new(), failed: 0, skipped: 0 };
        if !json {
            writeln!(terminal::out(), "{}\n", paint(STRONG, "Headwater on local AWS"))?;
        }
        report.line("local AWS is up", begun, &Ok(endpoint))?;
        Ok(report)
    }

    /// Runs one check and prints its line. After one that is not true, the others are not begun: they build on it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) async fn check(
        &mut self,
        sentence: &str,
        check: impl Future<Output = Result<String>>,
    ) -> Result<()> {
        if self.failed > 0 {
            self.skipped += 1;
            self.checks.push(json!({"check": sentence, "outcome": "not begun"}));
            if !self.json {
                writeln!(terminal::out(), "  {} {}", paint(WARNING, "○"), paint(FAINT, sentence))?;
            }
            return Ok(());
        }
        let begun = Instant::now();
        let spinner = (!self.json).then(|| Spinner::live(sentence));
        let result = check.await;
        drop(spinner);
        self.line(sentence, begun, &result)
    }

    fn line(&mut self, sentence: &str, begun: Instant, result: &Result<String>) -> Result<()> {
        let took = begun.elapsed();
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (outcome, detail) = match result {
            Ok(detail) => ("true", detail.clone()),
            Err(error) => ("false", format!("{error:#}")),
        };
        self.checks.push(json!({"check": sentence, "outcome": outcome, "detail": detail, "millis": millis}));
        if self.json {
            self.failed += usize::from(result.is_err());
            return Ok(());
        }
        let mut out = terminal::out();
        let time = paint(FAINT, format!("{:>7}", duration(took)));
        match result {
            Ok(detail) => {
                writeln!(out, "  {} {sentence:WIDTH$} {time}  {}", paint(GOOD, "✓"), paint(FAINT, detail))?;
            }
            Err(error) => {
                self.failed += 1;
                writeln!(out, "  {} {sentence:WIDTH$} {time}", paint(BAD, "✗"))?;
                for cause in error.chain() {
                    writeln!(out, "      {}", paint(BAD, cause))?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }

    /// Prints the last line; true if every check is true.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn end(self, log: Option<&Path>) -> Result<bool> {
        let proven = self.failed == 0 && self.skipped == 0;
        let took = self.begun.elapsed();
        let mut out = terminal::out();
        if self.json {
            let report = json!({
                "proven": proven, "endpoint": self.endpoint, "checks": self.checks,
                "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "log": log,
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
            return Ok(proven);
        }
        let total = self.checks.len();
        let good = total - self.failed - self.skipped;
        let style = if proven { GOOD } else { BAD };
        writeln!(
            out,
            "\n{} in {}",
            paint(style, format!("{good} of {total} checks are true")),
            duration(took)
        )?;
        if let (false, Some(log)) = (proven, log) {
            writeln!(out, "The emulator's log, with the function's: {}", log.display())?;
        }
        Ok(proven)
    }
}
