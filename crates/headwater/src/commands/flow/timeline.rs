//! A flow, drawn: a line for each call and each other event, in the order of time.

use std::collections::{HashMap, HashSet};

use flow::{Call, Entry, Flow, Outcome, Part, Verdict};

use crate::terminal::{
    BAD, FAINT, GOOD, STRONG, WARNING, columns, counted, cut, microseconds, paint, printable, shown,
};

/// The deepest indentation: a flow of garbage may be as deep as it is long.
const DEEPEST: usize = 12;
/// The fewest and the most columns of a bar.
const BAR: (usize, usize) = (10, 60);

/// Where a row has its bar.
const BAR_COLUMN: usize = 3;

/// The flow as lines, not wider than the terminal where that has room. Without a terminal no text is cut and no bars are drawn.
pub(super) fn draw(flow: &Flow, width: Option<usize>) -> String {
    let mut rows = rows(flow);
    if let Some(width) = width {
        fit(&mut rows, flow, width);
    }
    let mut cells: Vec<Vec<String>> = rows.into_iter().map(|row| row.cells.into()).collect();
    if cells.iter().all(|row| row[BAR_COLUMN].is_empty()) {
        cells.iter_mut().for_each(|row| drop(row.remove(BAR_COLUMN)));
    }
    format!("{}\n\n{}{}", title(flow), columns(&cells), verdict(flow))
}

/// A line: offset, who, what, bar, how long, how it ended.
struct Row {
    cells: [String; 6],
    from_microseconds: u64,
    /// Where its bar ends; nothing for an event, or a call that has not ended.
    to_microseconds: Option<u64>,
    is_call: bool,
    style: anstyle::Style,
}

fn title(flow: &Flow) -> String {
    let state = match flow.calls.iter().any(Call::is_failing) {
        _ if flow.failed => paint(BAD, "failed"),
        false => paint(GOOD, "no call failed"),
        true => paint(WARNING, "got over what failed"),
    };
    let started = flow.entries.first().map(|entry| printable(&entry.timestamp)).unwrap_or_default();
    let size = format!(
        "{}, {} in {}",
        counted(flow.entries.len() as u64, "event"),
        counted(flow.calls.len() as u64, "call"),
        microseconds(flow.duration_microseconds)
    );
    format!("{}  {}  {size}  {state}", paint(STRONG, printable(&flow.request_id)), paint(FAINT, started))
}

fn rows(flow: &Flow) -> Vec<Row> {
    let (mut drawn, mut depths) = (HashSet::new(), HashMap::new());
    let mut rows = Vec::new();
    for entry in &flow.entries {
        let call = entry.call.and_then(|index| Some((index, flow.calls.get(index)?)));
        match (entry.part, call) {
            (Part::Request | Part::Answer, Some((index, call))) => {
                if drawn.insert(index) {
                    depths.insert(call.service.as_str(), call.depth + 1);
                    rows.push(of_call(flow, index, call));
                }
            }
            _ => rows.push(of_event(entry, depths.get(entry.source.as_str()).copied().unwrap_or(0))),
        }
    }
    rows
}

fn of_call(flow: &Flow, index: usize, call: &Call) -> Row {
    let attempt = call.attempt.filter(|attempt| *attempt > 1).map(|attempt| format!(" #{attempt}"));
    let who = format!("{} → {}{}", call.caller, call.service, attempt.unwrap_or_default());
    let what = [call.method.as_deref(), call.route.as_deref()].into_iter().flatten().collect::<Vec<_>>();
    let style = style(call);
    let took = match &call.outcome {
        Outcome::Answered { duration_microseconds, .. } | Outcome::Failed { duration_microseconds, .. } => {
            *duration_microseconds
        }
        Outcome::Unanswered { .. } | Outcome::Pending { .. } => None,
    };
    let why = match &call.verdict {
        None => String::new(),
        Some(Verdict::Culprit) => paint(STRONG, at_fault(flow, index, call)),
        Some(Verdict::BecauseOf { call }) => {
            let cause = flow.calls.get(*call).map(Call::at_fault).unwrap_or_default();
            paint(FAINT, format!("because of {}", printable(&cut(cause, 40))))
        }
        Some(Verdict::Retried) => paint(FAINT, "made good by a later attempt"),
        Some(Verdict::Dropped) => paint(FAINT, "given up by its caller"),
    };
    let ended = paint(style, ended(&call.outcome));
    Row {
        cells: [
            offset(call.offset_microseconds),
            format!("{}{}", indent(call.depth), printable(&who)),
            printable(&what.join(" ")),
            String::new(),
            took.map(microseconds).unwrap_or_default(),
            format!("{ended}  {why}").trim_end().to_owned(),
        ],
        from_microseconds: call.offset_microseconds,
        to_microseconds: took.map(|took| call.offset_microseconds.saturating_add(took)),
        is_call: true,
        style,
    }
}

fn of_event(entry: &Entry, depth: usize) -> Row {
    let (what, note) = match entry.part {
        Part::Repetition => (FAINT, "said again"),
        _ => (anstyle::Style::new(), ""),
    };
    Row {
        cells: [
            offset(entry.offset_microseconds),
            format!("{}{}", indent(depth), printable(&entry.source)),
            paint(what, printable(&entry.r#type)),
            String::new(),
            String::new(),
            paint(FAINT, note),
        ],
        from_microseconds: entry.offset_microseconds,
        to_microseconds: None,
        is_call: false,
        style: FAINT,
    }
}

fn at_fault(flow: &Flow, index: usize, call: &Call) -> String {
    let first = if flow.culprits.first() == Some(&index) { "the first to fail" } else { "failed by itself" };
    match call.at_fault() == call.caller && call.caller != call.service {
        true => format!("← {first}: {} was at its own limit", printable(&cut(&call.caller, 40))),
        false => format!("← {first}"),
    }
}

fn style(call: &Call) -> anstyle::Style {
    match (&call.outcome, &call.verdict) {
        (Outcome::Answered { .. }, _) => GOOD,
        (Outcome::Pending { .. }, _) | (_, Some(Verdict::Retried | Verdict::Dropped)) => WARNING,
        _ => BAD,
    }
}

/// How a call ended, in words.
pub fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered { status: Some(status), .. } => status.to_string(),
        Outcome::Answered { status: None, .. } => "answered".to_owned(),
        Outcome::Failed { status, error, .. } => {
            let status = status.map(|status| status.to_string());
            // That a status is the reason says nothing beside the status.
            let error = error.as_deref().filter(|error| status.is_none() || *error != "status");
            let words = ["failed", status.as_deref().unwrap_or_default(), error.unwrap_or_default()];
            printable(&cut(&words.map(str::trim).join(" "), 60)).trim_end().replace("  ", " ")
        }
        Outcome::Unanswered { for_microseconds } => {
            format!("never answered, for {}", microseconds(*for_microseconds))
        }
        Outcome::Pending { for_microseconds } => {
            format!("no answer yet, for {}", microseconds(*for_microseconds))
        }
    }
}

/// The sentence below the lines.
fn verdict(flow: &Flow) -> String {
    let Some((index, first)) =
        flow.culprits.first().and_then(|index| Some((*index, flow.calls.get(*index)?)))
    else {
        return String::new();
    };
    let because = Some(Verdict::BecauseOf { call: index });
    let because = flow.calls.iter().filter(|call| call.verdict == because).count() as u64;
    let call = format!("{} → {}", cut(&first.caller, 60), cut(&first.service, 60));
    format!(
        "\n{} {}, begun {} after the first event; {} failed because of it.\n",
        paint(BAD, "First to fail:"),
        paint(STRONG, printable(&call)),
        microseconds(first.offset_microseconds),
        counted(because, "other call"),
    )
}

fn offset(offset_microseconds: u64) -> String {
    let text = format!("+{}", microseconds(offset_microseconds));
    paint(FAINT, format!("{text:>9}"))
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth.min(DEEPEST))
}

/// Cuts names to what fits, and draws bars where there is room left for them.
fn fit(rows: &mut [Row], flow: &Flow, width: usize) {
    let widest =
        |rows: &[Row], column: usize| rows.iter().map(|row| shown(&row.cells[column])).max().unwrap_or(0);
    for (column, most) in [(1, width * 2 / 5), (2, width / 4)] {
        for row in rows.iter_mut() {
            let plain = anstream::adapter::strip_str(&row.cells[column]).to_string();
            if plain.chars().count() > most {
                row.cells[column] = cut(&plain, most.max(1));
            }
        }
    }
    let text: usize = [0, 1, 2, 4, 5].map(|column| widest(rows, column) + 2).iter().sum();
    let (fewest, most) = BAR;
    let room = width.saturating_sub(text).min(most);
    if room < fewest {
        return;
    }
    let last = rows.iter().filter_map(|row| row.to_microseconds).chain([flow.duration_microseconds]).max();
    for row in rows.iter_mut() {
        row.cells[BAR_COLUMN] = bar(row, last.unwrap_or(0).max(1), room);
    }
}

/// A row's part of the whole span, at least one column wide. A call that has not ended goes on to the end, faintly.
fn bar(row: &Row, whole_microseconds: u64, room: usize) -> String {
    let column = |microseconds: u64| {
        let column = u128::from(microseconds) * room as u128 / u128::from(whole_microseconds);
        usize::try_from(column).unwrap_or(room).min(room)
    };
    let from = column(row.from_microseconds).min(room.saturating_sub(1));
    let to = match row.to_microseconds {
        Some(to) => column(to),
        None if row.is_call => room,
        None => from + 1,
    };
    let fill = match (row.is_call, row.to_microseconds) {
        (false, _) => "•",
        (true, Some(_)) => "█",
        (true, None) => "░",
    };
    format!("{}{}", " ".repeat(from), paint(row.style, fill.repeat(to.saturating_sub(from).max(1))))
}

#[cfg(test)]
mod tests;
