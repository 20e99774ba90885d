//! The figures, as a table for people and as JSON for machines.

use std::time::Duration;

use headwater::terminal::{BAD, FAINT, GOOD, STRONG, duration, grouped, paint};
use serde_json::{Value, json};

use crate::{
    LATENCIES,
    chain::Call,
    environment::Command,
    figures::{Figures, Run},
};

/// The most that a command may take of its bound, where a call takes longest.
const RATIO: f64 = 1.25;

/// The most that a converged plan may take, in times of a call, where a call takes longest.
const PLAN: f64 = 12.0;

const HEAD: [&str; 10] =
    ["", "a call", "wall", "calls", "changes", "peak", "mean", "chain", "bound", "wall / bound"];

const LEGEND: [&str; 4] = [
    "changes: calls that are no reads. peak, mean: calls in flight at once.",
    "chain: the most calls of which each needs the one before. bound: chain × a call.",
    "At 0 ms a call is what the emulator and this machine take by themselves; it is in the other rows, too, where calls",
    "cannot hide it.",
];

type Row = [String; HEAD.len()];

/// The table, and what is to be said of it.
pub fn table(figures: &[Figures]) -> String {
    let rows: Vec<Row> = figures.iter().flat_map(rows).collect();
    let wide = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(wide).collect();
    let line = |row: &Row| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![paint(STRONG, line(&HEAD.map(str::to_owned)))];
    lines.extend(rows.iter().map(line));
    lines.push(String::new());
    lines.extend(figures.iter().filter_map(target));
    lines.push(String::new());
    lines.extend(LEGEND.map(|line| paint(FAINT, line)));
    lines.join("\n")
}

fn rows(figures: &Figures) -> Vec<Row> {
    let chain = figures.chain().len();
    let row = |(place, (run, latency)): (usize, (&Run, Duration))| {
        let [name, calls_of_chain] = match place {
            0 => [figures.command.to_string(), grouped(chain as u64)],
            _ => Default::default(),
        };
        [
            name,
            format!("{} ms", latency.as_millis()),
            duration(run.wall),
            grouped(run.calls.len() as u64),
            grouped(run.changes as u64),
            run.peak().to_string(),
            format!("{:.1}", run.mean()),
            calls_of_chain,
            if latency.is_zero() { String::new() } else { duration(latency * chain as u32) },
            ratio(run, latency, chain).map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        ]
    };
    figures.runs.iter().zip(LATENCIES).enumerate().map(row).collect()
}

/// How much longer a run took than its chain has to; none where calls take no time.
fn ratio(run: &Run, latency: Duration, chain: usize) -> Option<f64> {
    let bound = latency.as_secs_f64() * chain as f64;
    (bound > 0.0).then(|| run.wall.as_secs_f64() / bound)
}

/// Whether a command is as quick as it should be, in a sentence.
fn target(figures: &Figures) -> Option<String> {
    let (run, latency) = figures.runs.iter().zip(LATENCIES).next_back()?;
    let ratio = ratio(run, latency, figures.chain().len())?;
    let mut is_met = ratio <= RATIO;
    let mut sentence = format!("{}: {ratio:.2} of its bound, at most {RATIO}", figures.command);
    if figures.command == Command::Plan {
        let calls = run.wall.div_duration_f64(latency);
        is_met &= calls <= PLAN;
        sentence.push_str(&format!("; {calls:.1} calls' time, at most {PLAN}"));
    }
    let mark = if is_met { paint(GOOD, "✓") } else { paint(BAD, "✗") };
    Some(format!("{mark} {sentence}"))
}

/// The chains, call by call: how long after the end of the call before each began, and what it was made for.
pub fn paths(figures: &[Figures]) -> String {
    let of_command = |figures: &Figures| {
        let chain = figures.chain();
        let head =
            format!("{}: {} calls, each begun so long after the one before it", figures.command, chain.len());
        let lines = chain.iter().zip(pauses(&chain)).map(|(call, pause)| path_line(call, pause));
        [paint(STRONG, head)].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    };
    figures.iter().map(of_command).collect::<Vec<_>>().join("\n\n")
}

fn path_line(call: &Call, pause: Duration) -> String {
    let flow = format!("{} {}", call.flow.phase, call.flow.work);
    format!("  {:>4} ms  {flow:<50} {} {}", pause.as_millis(), call.operation, paint(FAINT, &call.resource))
}

/// How long before each call there was none of the chain under way.
fn pauses(chain: &[&Call]) -> Vec<Duration> {
    let ends = [Duration::ZERO].into_iter().chain(chain.iter().map(|call| call.end));
    let mut pauses: Vec<_> =
        chain.iter().zip(ends).map(|(call, end)| call.start.saturating_sub(end)).collect();
    // Before the first there is no other to count from.
    pauses.iter_mut().take(1).for_each(|first| *first = Duration::ZERO);
    pauses
}

/// Everything that was measured.
pub fn json(figures: &[Figures]) -> Value {
    figures.iter().map(of_command).collect()
}

fn of_command(figures: &Figures) -> Value {
    let chain = figures.chain();
    let runs: Vec<Value> = figures
        .runs
        .iter()
        .zip(LATENCIES)
        .map(|(run, latency)| {
            json!({
                "latencyMillis": millis(latency),
                "wallMillis": millis(run.wall),
                "steps": run.steps.len(),
                "calls": run.calls.len(),
                "changes": run.changes,
                "inFlight": {"peak": run.peak(), "mean": run.mean()},
                "boundMillis": millis(latency * chain.len() as u32),
                "ratio": ratio(run, latency, chain.len()),
            })
        })
        .collect();
    let path = chain.iter().zip(pauses(&chain)).map(|(call, pause)| {
        json!({
            "pauseMillis": millis(pause),
            "phase": call.flow.phase,
            "work": call.flow.work,
            "call": call.operation,
            "resource": call.resource,
        })
    });
    json!({
        "command": figures.command.to_string(),
        "runs": runs,
        "chain": chain.len(),
        "path": path.collect::<Vec<_>>(),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
