//! The services as a table, and below it the likeliest culprit with its evidence.

use flow::{Evidence, Figures, Service, Window};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Part, Report};
use crate::{
    commands::{flow::ended, query},
    terminal::{
        BAD, FAINT, GOOD, STRONG, WARNING, columns, counted, cut, grouped, microseconds, paint, printable,
        shown,
    },
};

const HEAD: [&str; 11] = [
    "SERVICE",
    "CALLS",
    "A SECOND",
    "FAILED",
    "NO ANSWER",
    "RATE",
    "CHANGE",
    "P50",
    "P99",
    "CHANGE",
    "FIRST TO FAIL",
];

/// The report as lines. Names are cut on a terminal alone.
pub(crate) fn draw(report: &Report, environment: &str, width: Option<usize>) -> String {
    let mut text = title(report);
    if report.services.is_empty() {
        text.push_str("No calls.\n\n");
    } else {
        text.push_str(&table(&report.services, width));
        text.push('\n');
        text.push_str(&culprit(report, environment));
        text.push_str(&besides(report));
    }
    text.push_str(&paint(FAINT, read(report)));
    text.push('\n');
    text
}

fn title(report: &Report) -> String {
    let of = report.source.as_ref().map(|source| format!(" that {} made", printable(source)));
    let calls = paint(STRONG, format!("Calls{}", of.unwrap_or_default()));
    let window = between(&report.window.read);
    format!(
        "{calls} {window}\n{}\n\n",
        paint(FAINT, format!("against those {}", between(&report.before.read)))
    )
}

fn table(services: &[Service], width: Option<usize>) -> String {
    let longest = width.map_or(usize::MAX, |width| (width / 4).max(12));
    let mut rows = vec![HEAD.map(|head| paint(FAINT, head)).to_vec()];
    rows.extend(services.iter().map(|service| row(service, longest)));
    for column in 1..HEAD.len() {
        let width = rows.iter().map(|row| shown(&row[column])).max().unwrap_or(0);
        for row in &mut rows {
            row[column] = format!("{}{}", " ".repeat(width - shown(&row[column])), row[column]);
        }
    }
    columns(&rows)
}

fn row(service: &Service, longest: usize) -> Vec<String> {
    let Figures { calls, calls_per_second, failed, unanswered, failure_rate, .. } = service.now;
    let bad = |count: u64| if count > 0 { paint(BAD, grouped(count)) } else { grouped(count) };
    let first = service.culprit + service.overloaded;
    let style = if service.culprit > 0 { BAD } else { anstyle::Style::new() };
    vec![
        paint(style, printable(&cut(&service.service, longest))),
        grouped(calls),
        if calls_per_second < 10.0 {
            format!("{calls_per_second:.2}")
        } else {
            format!("{calls_per_second:.0}")
        },
        bad(failed),
        bad(unanswered),
        failure_rate.map(percent).unwrap_or_default(),
        rate_change(service),
        service.now.p50_microseconds.map(microseconds).unwrap_or_default(),
        service.now.p99_microseconds.map(microseconds).unwrap_or_default(),
        p99_change(service),
        if first > 0 { counted(first, "flow") } else { String::new() },
    ]
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// In points of a hundred; `new` where there were no calls before.
fn rate_change(service: &Service) -> String {
    match service.failure_rate_change {
        None if service.before.calls == 0 => paint(FAINT, "new"),
        None => String::new(),
        Some(change) => sign(&format!("{:+.1}", change * 100.0), change),
    }
}

fn p99_change(service: &Service) -> String {
    let Some(change) = service.p99_change_microseconds else { return String::new() };
    let sign_of = if change < 0 { '-' } else { '+' };
    sign(&format!("{sign_of}{}", microseconds(change.unsigned_abs())), change as f64)
}

fn sign(text: &str, change: f64) -> String {
    match change {
        change if change > 0.0 => paint(WARNING, text),
        change if change < 0.0 => paint(GOOD, text),
        _ => paint(FAINT, text),
    }
}

fn culprit(report: &Report, environment: &str) -> String {
    let first = report.services.iter().find(|service| service.evidence.is_some());
    let Some((service, evidence)) = first.and_then(|first| Some((first, first.evidence.as_ref()?))) else {
        return format!("{}\n\n", paint(GOOD, "No call failed."));
    };
    let name = paint(STRONG, printable(&cut(&service.service, 60)));
    let why = match (service.culprit, service.overloaded) {
        (0, 0) => format!("{name} has failures, and in no request they were what it failed by."),
        (0, overloaded) => {
            format!(
                "{name} was at its own limit, and in {} that was the first failure.",
                counted(overloaded, "request")
            )
        }
        (culprit, _) => format!("{name} was the first to fail in {}.", counted(culprit, "request")),
    };
    let others = match (&evidence.because_of, evidence.because_of_it) {
        (Some(other), _) => format!(", because of {}", printable(&cut(other, 60))),
        (None, 0) => String::new(),
        (None, others) => format!("; {} failed because of it", counted(others, "other call")),
    };
    let call =
        [evidence.method.as_deref(), evidence.route.as_deref()].into_iter().flatten().collect::<Vec<_>>();
    let call = format!(
        "{} → {}  {}",
        cut(&evidence.caller, 60),
        cut(&evidence.service, 60),
        cut(&call.join(" "), 80)
    );
    let started = when(evidence.started);
    format!(
        "{} {why} The latest:\n  {}  {}  {}{others}\n  {}\n\n",
        paint(BAD, "Likeliest at fault:"),
        paint(FAINT, started),
        printable(call.trim_end()),
        paint(BAD, ended(&evidence.outcome)),
        command(evidence, environment),
    )
}

/// What shows the request of the evidence.
fn command(evidence: &Evidence, environment: &str) -> String {
    let request = word(&evidence.request_id);
    // What begins like an option would be read as one.
    let between = if evidence.request_id.starts_with('-') { '=' } else { ' ' };
    let environment =
        if environment == "local" { String::new() } else { format!(" --env {}", word(environment)) };
    paint(STRONG, format!("cargo xtask flow --request{between}{request}{environment}"))
}

/// A text as one word of a shell, whatever is in it.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    printable(&format!("'{}'", text.replace('\'', r"'\''")))
}

/// What the columns leave out.
fn besides(report: &Report) -> String {
    let sum = |of: fn(&Figures) -> u64| report.services.iter().map(|service| of(&service.now)).sum::<u64>();
    let patience = microseconds(u64::try_from(report.patience.as_micros()).unwrap_or(u64::MAX));
    let notes = [
        (sum(|figures| figures.pending), format!("without an answer yet, for less than {patience}")),
        (
            sum(|figures| figures.dropped),
            "given up or not made by the caller, for reasons of its own".to_owned(),
        ),
        (sum(|figures| figures.retried), "failed and made good by a later attempt".to_owned()),
    ];
    let notes = notes.iter().filter(|(count, _)| *count > 0);
    let mut text: String =
        notes.map(|(count, note)| format!("{} {note}\n", counted(*count, "call"))).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn read(report: &Report) -> String {
    let events = counted(report.window.events + report.before.events, "event");
    let read = format!("Read {events} in {}", query::queries(report.queries));
    let left_out = |name: &str, part: &Part| {
        part.is_cut.then(|| format!("{name} is covered from {} on", when(part.read.since)))
    };
    let left_out: Vec<_> =
        [left_out("the window", &report.window), left_out("the one before", &report.before)]
            .into_iter()
            .flatten()
            .collect();
    match left_out.is_empty() {
        true => format!("{read}: all of both windows."),
        false => format!("{read}, the newest first: {} (raise --limit).", left_out.join(", ")),
    }
}

fn between(window: &Window) -> String {
    format!("from {} to {}", when(window.since), when(window.until))
}

fn when(instant: OffsetDateTime) -> String {
    let to_millisecond = instant.replace_millisecond(instant.millisecond()).unwrap_or(instant);
    to_millisecond.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
