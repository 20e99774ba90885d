//! Events as people hand them over: one JSON document, or one a line.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use event::Event;
use serde::de::IgnoredAny;

use crate::terminal::{self, FAINT, paint};

/// What cannot be sent, with its place.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// There is nothing in it.
    #[error("{0} holds no event; an event is a JSON object, one alone or one a line")]
    Empty(String),
    /// Something in it is no event. Nothing was sent.
    #[error("{place}:{line}: {problem}; nothing was sent (`--unchecked` sends it all the same)")]
    Event {
        /// The file.
        place: String,
        /// The line on which the document begins, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// The text of `file`, or of standard input for `-` or `None`, and what to call it. May be dropped while nothing comes.
///
/// # Errors
/// It cannot be read.
pub async fn read(file: Option<&Path>) -> Result<(String, String), InputError> {
    let file = file.filter(|path| *path != Path::new("-")).map(Path::to_owned);
    let place = file.clone().unwrap_or_else(|| "standard input".into());
    if file.is_none() && io::stdin().is_terminal() {
        terminal::say(paint(FAINT, "Type or paste events, one a line; Ctrl-D ends them."));
    }
    let text = terminal::apart(move || match file {
        Some(path) => fs::read_to_string(path),
        None => {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).map(|_| text)
        }
    });
    match text.await {
        Ok(text) => Ok((text, place.display().to_string())),
        Err(error) => Err(InputError::Read(place, error)),
    }
}

/// The JSON documents in `text`, each as it was written. All are checked before any is returned, so that a mistake in
/// the last one does not leave the first ones sent.
///
/// # Errors
/// The first that is no event, with its line.
pub fn events<'a>(text: &'a str, place: &str) -> Result<Vec<&'a str>, InputError> {
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut events = Vec::new();
    let mut begin = 0;
    while let Some(document) = documents.next() {
        let blank = text[begin..].len() - text[begin..].trim_start().len();
        let line = text[..begin + blank].matches('\n').count() + 1;
        let wrong = |problem: String| InputError::Event { place: place.to_owned(), line, problem };
        document.map_err(|error| wrong(format!("not JSON: {error}")))?;
        let end = documents.byte_offset();
        let body = text[begin..end].trim();
        Event::from_json(body.as_bytes()).map_err(|rejection| wrong(rejection.to_string()))?;
        events.push(body);
        begin = end;
    }
    if events.is_empty() { Err(InputError::Empty(place.to_owned())) } else { Ok(events) }
}

/// The lines of `text` as message bodies, whatever they hold; blank ones are left out.
///
/// # Errors
/// There is none.
pub fn lines<'a>(text: &'a str, place: &str) -> Result<Vec<&'a str>, InputError> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() { Err(InputError::Empty(place.to_owned())) } else { Ok(lines) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str =
        r#"{"id":"1","requestId":"r","timestamp":"2020-05-01T20:00:00Z","type":"T","source":"S","data":{}}"#;

    #[test]
    fn one_document_over_many_lines_and_one_a_line_both_work() {
        let pretty = EVENT.replace(",\"", ",\n\"");
        assert_eq!(events(&pretty, "f").unwrap(), [pretty.as_str()]);
        assert_eq!(events(&format!("{EVENT}\n\n{EVENT}\n"), "f").unwrap(), [EVENT, EVENT]);
    }

    #[test]
    fn a_cloudevent_is_an_event_too() {
        let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"T","time":"2020-05-01T20:00:00Z"}"#;
        assert_eq!(events(good, "f").unwrap(), [good]);
        let refused = events(&good.replace("/s", "Microservice A"), "f").unwrap_err().to_string();
        assert!(refused.starts_with("f:1: $.source: no URI-reference"), "{refused}");
    }

    #[test]
    fn garbage_is_named_with_its_line() {
        let errors = [
            String::new(),
            "hello".to_owned(),
            format!("{EVENT}\n{{\"id\": 1"),
            format!("{EVENT}\n\n[]"),
            format!("{EVENT}\n{}", EVENT.replace("2020-05-01T20:00:00Z", "yesterday")),
        ]
        .map(|text| events(&text, "events.json").unwrap_err().to_string());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
