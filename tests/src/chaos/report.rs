//! The table, for people at a terminal, for machines, and as a page of the documents.

use std::fmt::Write;

use headwater::terminal::{BAD, FAINT, GOOD, STRONG, columns, counted, duration, paint};
use serde_json::{Value, json};

use super::Row;

/// Where and when a table was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The command that makes it again.
    pub command: String,
    /// The day.
    pub on: String,
    /// The commit of the code.
    pub commit: String,
    /// The machine: its system, processors.
    pub machine: String,
}

/// Whether all held.
#[must_use]
pub fn holds(rows: &[Row]) -> bool {
    rows.iter().all(|row| row.failures.is_empty())
}

/// The rows as people see them at a terminal, what did not hold below them.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let mark = if row.failures.is_empty() { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        let took = paint(FAINT, duration(row.took));
        vec![mark, paint(STRONG, &row.what), row.times.clone(), took, row.found.clone()]
    };
    let mut text = columns(&rows.iter().map(line).collect::<Vec<_>>());
    for failure in rows.iter().flat_map(|row| &row.failures) {
        // A `String` takes all that is written to it.
        let _ = writeln!(text, "\n{} {failure}", paint(BAD, "✗"));
    }
    let _ = writeln!(text, "\n{}", verdict(rows));
    text
}

fn verdict(rows: &[Row]) -> String {
    let failures: usize = rows.iter().map(|row| row.failures.len()).sum();
    match failures {
        0 => paint(GOOD, "All of it held."),
        _ => paint(BAD, format!("{} did not hold.", counted(failures as u64, "case"))),
    }
}

/// The rows for machines.
#[must_use]
pub fn json(rows: &[Row], made: &Made) -> Value {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "what": row.what, "times": row.times, "found": row.found, "failures": row.failures,
                "millis": row.took.as_millis() as u64,
            })
        })
        .collect();
    json!({"command": made.command, "on": made.on, "commit": made.commit, "machine": made.machine, "rows": rows})
}

/// The page of the documents.
#[must_use]
pub fn page(rows: &[Row], made: &Made) -> String {
    let Made { command, on, commit, machine } = made;
    let mut page = format!("{HEAD}\nMade by `{command}` on {on}, at commit {commit}, on {machine}.\n\n");
    page.push_str(
        "| | What was harmed, and how | How often | Found besides | Time |\n|---|---|---|---|---|\n",
    );
    for row in rows {
        let held = if row.failures.is_empty() { "held" } else { "**did not hold**" };
        let (what, times, found) = (cell(&row.what), cell(&row.times), cell(&row.found));
        let _ = writeln!(page, "| {held} | {what} | {times} | {found} | {} |", duration(row.took));
    }
    for failure in rows.iter().flat_map(|row| &row.failures) {
        let _ = writeln!(page, "\n- {}", failure.replace('\n', "\n  "));
    }
    page.push_str(FOOT);
    page
}

/// Text in a cell of a table, which ends at a bar and at a line's end.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

const HEAD: &str = "\
# What deploys and the pipeline survive

Calls are harmed by a proxy before the emulator (`localstack/src/proxy.rs`), runs by signals. The code is in
`tests/src/chaos.rs` and beside it.
";

const FOOT: &str = "
What has to hold after each case of a deploy, an update or a destroy:

- The same command, run again, succeeds; run once more it has nothing to do and makes no call that changes anything.
- The emulator holds just what it holds after a run that was not harmed, by listings that know nothing of our tags and
  names: nothing is there twice, and nothing is left over. That goes for a create without a client token, too, whose answer
  was lost.
- The journal's items and the secrets' values are what they were.
- The lease is free, or held by a process that is known to be dead, from which the next run takes it at once. No run
  waits a lease out.
- The history tells of the run that was harmed, as one that died or was interrupted, and of the one that went on.

Killed means SIGKILL to the real program, after the call's effect and before its answer; SIGTERM tells it to stop at the same
moment.

With `--changes` k counts the calls that change something, with `--full` every call. The former covers the latter, since what a
run leaves in AWS depends on its changes alone: one that is killed at a call that reads leaves what the change before it
left, and one that is told to stop there ends the steps that it has begun, as at the change before or after. One more is harmed
at its last call before the first change, and has to leave everything as it was. What is not covered: calls are under way
at once, so what has been done by the change k differs a little from run to run, and a state that needs two calls to overtake
each other may not have come up. A call counts as one that reads by AWS's word for it (`Get`, `List`, `Describe`, `Query` and the
like), and all else as a change. That it does change nothing is seen where a run was harmed before its first change, and after
each run that had nothing to do.

An owner that was suspended and wakes after its lease was taken makes no further call that changes anything.
Faults by chance are throttling, 503, connections reset before and after the effect, stale reads, slow and late
answers. What a call meets depends on the seed, the action, the resource and how often it was called, so a seed gives the same
faults again.

What has to hold after the pipeline was harmed: each valid event is once in the journal and once in EventStoreDB, each
poisonous message is once in the dead-letter queue with its reason and as it was sent, and nothing else is in either queue.
";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rows() -> [Row; 2] {
        let row = |what: &str, failures: &[&str]| Row {
            what: what.into(),
            times: "every k of 352".into(),
            found: "a | b".into(),
            failures: failures.iter().map(|failure| (*failure).to_owned()).collect(),
            took: Duration::from_millis(61_500),
        };
        [
            row("deploy, killed after call k", &[]),
            row("update, told to stop", &["k = 7: not converged\n+ vpc"]),
        ]
    }

    #[test]
    fn the_table_says_what_held_and_what_did_not() {
        let text = anstream::adapter::strip_str(&text(&rows())).to_string();
        insta::assert_snapshot!(text, @r"
        ✓  deploy, killed after call k  every k of 352  1 min 1 s  a | b
        ✗  update, told to stop         every k of 352  1 min 1 s  a | b

        ✗ k = 7: not converged
        + vpc

        1 case did not hold.
        ");
        assert!(holds(&rows()[..1]) && !holds(&rows()));
    }

    #[test]
    fn the_page_has_a_row_for_each_and_the_command_that_made_it() {
        let made = Made {
            command: "cargo xtask chaos --seed 7".into(),
            on: "2026-11-23".into(),
            commit: "c5bac8d".into(),
            machine: "Linux, 2 processors".into(),
        };
        let page = page(&rows(), &made);
        let table: String = page.lines().skip(5).take(9).map(|line| format!("{line}\n")).collect();
        insta::assert_snapshot!(table, @r"
        Made by `cargo xtask chaos --seed 7` on 2026-11-23, at commit c5bac8d, on Linux, 2 processors.

        | | What was harmed, and how | How often | Found besides | Time |
        |---|---|---|---|---|
        | held | deploy, killed after call k | every k of 352 | a \| b | 1 min 1 s |
        | **did not hold** | update, told to stop | every k of 352 | a \| b | 1 min 1 s |

        - k = 7: not converged
          + vpc
        ");
    }
}
