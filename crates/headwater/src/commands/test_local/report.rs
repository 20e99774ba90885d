//! The report of `test-local`: a line a check, each printed as soon as it is known, and what was left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
    time::Instant,
};

use anyhow::Result;
use resource::Kind;
use serde_json::{Value, json};

use crate::{
    actions::{Actions, Check, Fold},
    capabilities::{self, LeftOut},
    local::Local,
    progress::Spinner,
    terminal::{self, BAD, FAINT, GOOD, STRONG, WARNING, columns, counted, duration, paint},
};

/// How wide the checks' sentences are set.
const WIDTH: usize = 62;

/// Checks so far.
pub(super) struct Report {
    json: bool,
    /// In GitHub Actions the checks are folded, until the end.
    fold: Option<Fold>,
    begun: Instant,
    endpoint: String,
    backend: Vec<(&'static str, String)>,
    in_containers: bool,
    left_out: Vec<LeftOut>,
    checks: Vec<Value>,
    failed: usize,
    not_begun: usize,
    /// What the checks lack that cannot be made here, and how many they are.
    lacking: BTreeSet<Kind>,
    impossible: usize,
}

impl Report {
    /// A report whose first line is that local AWS, which was begun at `begun`, is up.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn new(json: bool, local: &Local, begun: Instant) -> Result<Self> {
        let endpoint = local.emulator.endpoint().to_string();
        let mut report = Self {
            json,
            fold: Fold::here("Checks").filter(|_| !json),
            begun,
            endpoint: endpoint.clone(),
            backend: local.parts.clone(),
            in_containers: local.emulator.containers().is_some(),
            left_out: local.bench.left_out.clone(),
            checks: Vec::new(),
            failed: 0,
            not_begun: 0,
            lacking: BTreeSet::new(),
            impossible: 0,
        };
        if !json {
            let mut out = terminal::out();
            writeln!(out, "{}\n", paint(STRONG, "Headwater on local AWS"))?;
            let rows: Vec<_> =
                report.backend.iter().map(|(what, which)| vec![format!("  {what}"), which.clone()]).collect();
            writeln!(out, "{}", columns(&rows))?;
        }
        if let Some(fold) = &report.fold {
            writeln!(terminal::out(), "{}", fold.begin)?;
        }
        report.line("local AWS is up", begun, &Ok(endpoint))?;
        Ok(report)
    }

    /// Makes a check of what `needs` these resources, by their keys, and prints its line. Where one of them is left out, so is
    /// the check. After one that is not true, the others are not begun: they build on it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) async fn check(
        &mut self,
        sentence: &str,
        needs: &[&str],
        check: impl Future<Output = Result<String>>,
    ) -> Result<()> {
        let left_out = self.left_out.iter().filter(|one| needs.contains(&one.node.key.as_str()));
        let lacks: BTreeSet<Kind> = left_out.flat_map(|one| one.lacks.clone()).collect();
        if !lacks.is_empty() {
            let why = format!("needs {}", capabilities::services(&lacks));
            self.impossible += 1;
            self.lacking.extend(lacks);
            return self.untried(sentence, "left out", &paint(FAINT, "–"), &why);
        }
        if self.failed > 0 {
            self.not_begun += 1;
            return self.untried(sentence, "not begun", &paint(WARNING, "○"), "");
        }
        let begun = Instant::now();
        let spinner = (!self.json).then(|| Spinner::live(sentence));
        let result = check.await;
        drop(spinner);
        self.line(sentence, begun, &result)
    }

    fn untried(&mut self, sentence: &str, outcome: &str, mark: &str, why: &str) -> Result<()> {
        let mut check = json!({"check": sentence, "outcome": outcome});
        if !why.is_empty() {
            check["detail"] = json!(why);
        }
        self.checks.push(check);
        if self.json {
            return Ok(());
        }
        let why = if why.is_empty() { String::new() } else { format!("left out: {why}") };
        let line = format!("{sentence:WIDTH$} {why}");
        Ok(writeln!(terminal::out(), "  {mark} {}", paint(FAINT, line.trim_end()))?)
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
                    writeln!(out, "      {}", paint(BAD, cause.to_string().replace('\n', "\n      ")))?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }

    /// Prints what was left out, and the last line; true if every check is true that can be made here.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn end(self, log: Option<&Path>) -> Result<bool> {
        let proven = self.failed == 0 && self.not_begun == 0;
        let took = self.begun.elapsed();
        if let Some(fold) = &self.fold {
            writeln!(terminal::out(), "{}", fold.end)?;
        }
        if let Some(actions) = Actions::here() {
            let checks: Vec<Check> = serde_json::from_value(self.checks.clone().into())?;
            let notes =
                self.left_out.iter().map(|one| format!("{} is left out: {}", one.node.key, one.reason));
            actions.checked("Headwater on local AWS", &checks, &notes.collect::<Vec<_>>())?;
        }
        let mut out = terminal::out();
        if self.json {
            let left_out = self.left_out.iter();
            let left_out =
                left_out.map(|one| json!({"key": one.node.key, "kind": one.node.kind, "reason": one.reason}));
            let backend: BTreeMap<_, _> = self.backend.iter().cloned().collect();
            let report = json!({
                "proven": proven, "endpoint": self.endpoint, "backend": backend, "checks": self.checks,
                "leftOut": left_out.collect::<Vec<_>>(),
                "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "log": log,
                "logs": log.and_then(Path::parent),
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
            return Ok(proven);
        }
        write!(out, "{}", left_out(&self.left_out))?;
        let style = if proven { GOOD } else { BAD };
        let mut line = format!("\n{} in {}", paint(style, self.verdict()), duration(took));
        if self.impossible > 0 {
            let lacking = capabilities::services(&self.lacking);
            let why = format!("; {} left out, because local AWS lacks {lacking}", self.impossible);
            line.push_str(&paint(WARNING, why));
        }
        writeln!(out, "{line}")?;
        if let (false, Some(log)) = (proven, log) {
            let functions = if self.in_containers { "" } else { ", with the functions'" };
            writeln!(out, "The emulator's log{functions}: {}", log.display())?;
            if self.in_containers {
                writeln!(out, "The other containers' logs lie beside it, once they are removed.")?;
            }
        }
        Ok(proven)
    }

    fn verdict(&self) -> String {
        let possible = self.checks.len() - self.impossible;
        let good = possible - self.failed - self.not_begun;
        let which = if self.impossible > 0 { "possible checks" } else { "checks" };
        format!("{good} of {possible} {which} are true")
    }
}

/// The resources that were left out, by the reason that they share.
fn left_out(resources: &[LeftOut]) -> String {
    if resources.is_empty() {
        return String::new();
    }
    let mut by_reason: BTreeMap<(bool, &str), Vec<&LeftOut>> = BTreeMap::new();
    for one in resources {
        // What is lacking itself comes before what needs it.
        let needs = !one.lacks.contains(&one.node.kind);
        by_reason.entry((needs, &one.reason)).or_default().push(one);
    }
    let mut text = format!(
        "\n{}\n",
        paint(STRONG, format!("Left out: {}", counted(resources.len() as u64, "resource")))
    );
    for ((_, reason), resources) in by_reason {
        text.push_str(&format!("  {}\n", paint(WARNING, reason)));
        let row = |one: &&LeftOut| vec![format!("    {}", one.node.key), paint(FAINT, &one.node.kind)];
        text.push_str(&columns(&resources.iter().map(row).collect::<Vec<_>>()));
    }
    text
}
