//! Events written as lines, and calls as an outline.

use event::Event;
use flow::{Call, Flow, Outcome, PATIENCE, Verdict};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

pub(crate) const START: OffsetDateTime = datetime!(2026-05-01 20:00:00 UTC);

/// So many milliseconds after the start.
pub(crate) fn at(milliseconds: i64) -> OffsetDateTime {
    START + time::Duration::milliseconds(milliseconds)
}

/// An event. Its id is made of its other fields unless given.
pub(crate) fn event(
    request: &str,
    milliseconds: i64,
    source: &str,
    event_type: &str,
    id: &str,
    data: Value,
) -> Event {
    let timestamp = at(milliseconds).format(&Rfc3339).unwrap();
    let fields = json!({ "id": id, "requestId": request, "timestamp": timestamp, "type": event_type,
                         "source": source, "data": data });
    Event::from_json(fields.to_string()).unwrap()
}

/// Events of one request, a line each: milliseconds, source, `>` request, `<` response, `!` failure or any other type,
/// service, then `Member=value`s of the data, and `id=` of the event.
pub(crate) fn events(request: &str, script: &str) -> Vec<Event> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.enumerate().map(|(number, line)| parse(request, number, line)).collect()
}

fn parse(request: &str, number: usize, line: &str) -> Event {
    let words: Vec<&str> = line.split_whitespace().collect();
    let event_type = match words[2] {
        ">" => event::call::REQUEST,
        "<" => event::call::RESPONSE,
        "!" => event::call::FAILURE,
        other => other,
    };
    let mut data = Map::from_iter([("Name".to_owned(), json!(words[3]))]);
    let mut id = format!("{number}");
    for word in &words[4..] {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "id" => id = value.to_owned(),
            _ => {
                let number = value.parse::<u64>().map(Value::from);
                let text = |_| Ok::<_, ()>(value.into());
                let value = if name == "Span" || name == "Parent" {
                    value.into()
                } else {
                    number.or_else(text).unwrap()
                };
                data.insert(name.to_owned(), value);
            }
        }
    }
    event(request, words[0].parse().unwrap(), words[1], event_type, &id, data.into())
}

/// The flow of a script as it is a minute after the start.
pub(crate) fn flow(script: &str) -> Flow {
    Flow::of("r", &events("r", script), at(60_000), PATIENCE)
}

/// The calls, indented by what they were made for: how each ended, and whose fault it is.
pub(crate) fn outline(flow: &Flow) -> String {
    let mut text = String::new();
    below(flow, None, &mut text);
    text
}

fn below(flow: &Flow, parent: Option<usize>, text: &mut String) {
    for (index, call) in flow.calls.iter().enumerate().filter(|(_, call)| call.parent == parent) {
        let line = format!("{}{} > {}: {}", "  ".repeat(call.depth), call.caller, call.service, ended(call));
        let verdict = match &call.verdict {
            None => String::new(),
            Some(Verdict::Culprit) if call.at_fault() == call.caller => ", the caller's fault".into(),
            Some(Verdict::Culprit) => ", culprit".into(),
            Some(Verdict::BecauseOf { call }) => format!(", because of {}", flow.calls[*call].service),
            Some(Verdict::Retried) => ", retried".into(),
            Some(Verdict::Dropped) => ", dropped".into(),
        };
        text.push_str(&line);
        text.push_str(&verdict);
        text.push('\n');
        below(flow, Some(index), text);
    }
}

fn ended(call: &Call) -> String {
    let milliseconds =
        |span: Option<u64>| span.map(|span| format!(" {} ms", span / 1000)).unwrap_or_default();
    match &call.outcome {
        Outcome::Answered { duration_microseconds, .. } => {
            format!("answered{}", milliseconds(*duration_microseconds))
        }
        Outcome::Failed { error, status, .. } => {
            let status = status.map(|status| status.to_string());
            format!("failed {}", error.clone().or(status).unwrap_or_default()).trim_end().to_owned()
        }
        Outcome::Unanswered { .. } => "unanswered".into(),
        Outcome::Pending { .. } => "pending".into(),
    }
}

/// An outline as it is written in a test, without the indentation that is the test's.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let margin = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|line| format!("{}\n", &line[margin..])).collect()
}

/// The outline of what a script tells is what stands below it.
pub(crate) fn expect(script: &str, expected: &str) {
    assert_eq!(outline(&flow(script)), lines(expected));
}
