//! What people read: styles, aligned columns, numbers, times, questions.

use std::{
    fmt::Display,
    io::{self, BufRead, IsTerminal, Write},
    thread,
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use engine::text::is_deceptive;
use event::escaped_json;
use serde::Serialize;
use tokio::sync::oneshot;

/// Bold.
pub const STRONG: Style = Style::new().bold();
/// What is beside the point.
pub const FAINT: Style = Style::new().dimmed();
/// Success.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// A change, or something to look at.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// Failure.
pub const BAD: Style = AnsiColor::Red.on_default();

/// Standard output, colours stripped where it is no terminal or the user wants none.
///
/// A reader that has gone away (`| head`) is no error of ours: the caller returns the [`io::Error`], and `main` ends quietly.
pub fn out() -> impl Write {
    anstream::stdout().lock()
}

/// Prints a line on standard error. Where nobody reads it any more, it is gone: no reason to end a run half-way.
pub fn say(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// `text` in `style`; of nothing, nothing.
pub fn paint(style: Style, text: impl Display) -> String {
    let text = text.to_string();
    if text.is_empty() { text } else { format!("{style}{text}{style:#}") }
}

/// Rows as aligned columns, two spaces apart. Cells may be styled: only what shows is counted.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell)).max();
    let widths: Vec<_> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - shown(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How many characters of a cell show: those of its styles do not.
pub fn shown(cell: &str) -> usize {
    anstream::adapter::strip_str(cell).to_string().chars().count()
}

/// How many columns standard output has, where it is a terminal.
pub fn width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.is_term().then(|| terminal.size().1.into())
}

/// At most so many characters of a text, the last an ellipsis where some are left out.
pub fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

/// The microseconds of a call as people say them: `0.4 ms`, `4.2 ms`, `340 ms`, `4.2 s`.
pub fn microseconds(microseconds: u64) -> String {
    match microseconds {
        0..10_000 => format!("{:.1} ms", microseconds as f64 / 1000.0),
        _ => duration(Duration::from_micros(microseconds)),
    }
}

/// Text from elsewhere, made safe to print: characters that could drive the terminal, hide text or reorder it, as their escapes.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut printable, c| {
        if is_deceptive(c) && c != '\t' {
            printable.extend(c.escape_unicode());
        } else {
            printable.push(c);
        }
        printable
    })
}

/// JSON with the same characters as JSON's own escapes: machines read the same from it, and it may be looked at. Outside of its
/// strings JSON is ASCII, where of these only line breaks and tabs may stand.
pub fn json(text: &str) -> String {
    escaped_json(text, |c| is_deceptive(c) && !c.is_ascii_whitespace())
}

/// Writes a value as indented JSON, for machines and for who looks at it.
///
/// # Errors
/// It cannot be written.
pub fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", json(&serde_json::to_string_pretty(value)?))
}

/// A time span as people say it: `340 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `3 events`, `1 event`, `1,000 events`.
pub fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number with its thousands apart: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether somebody can be asked.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error and reads a line. May be dropped, as [`apart`].
///
/// # Errors
/// Where standard input or error cannot be used.
pub async fn ask(question: &str) -> io::Result<String> {
    let mut stderr = anstream::stderr();
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    let answer = apart(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    Ok(answer.await?.trim().to_owned())
}

/// Reads in a thread of its own. The future may be dropped while the thread waits for its reader: the thread ends with
/// the process, which does not wait for it. (It would for `tokio::task::spawn_blocking`.)
///
/// # Errors
/// `read`'s own.
pub async fn apart<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        // Nobody waits for it any more where this fails.
        let _ = sender.send(read());
    })?;
    receiver.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_is_styled() {
        let rows = [
            vec!["queue".to_owned(), paint(GOOD, "ok"), "x".to_owned()],
            vec!["dlq".to_owned(), "3 waiting".to_owned(), String::new()],
        ];
        let plain = anstream::adapter::strip_str(&columns(&rows)).to_string();
        assert_eq!(plain, "queue  ok         x\ndlq    3 waiting\n");
    }

    #[test]
    fn spans_and_numbers_read_as_people_say_them() {
        let spans =
            [340, 4_200, 200_000, 7_500_000, 273_600_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(spans, ["340 ms", "4.2 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "event"), counted(1000, "event")), ("1 event".into(), "1,000 events".into()));
    }

    #[test]
    fn nothing_waits_for_a_reader_that_nobody_waits_for() {
        let (never, silence) = std::sync::mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let reading = apart(move || silence.recv().map_err(io::Error::other));
            assert!(futures::poll!(std::pin::pin!(reading)).is_pending());
            assert_eq!(apart(|| Ok(7)).await.unwrap(), 7);
        });
        drop(runtime);
        drop(never);
    }

    #[test]
    fn hostile_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), r"a\u{1b}[2Jb\u{a}c");
        assert_eq!(printable("a\u{202e}b\u{200d}é\tक्षि"), "a\\u{202e}b\u{200d}é\tक्षि");
    }

    #[test]
    fn json_may_be_looked_at_and_means_the_same() {
        let value = serde_json::json!({"a": "b\u{9b}2J\u{7f}\u{202e}\u{e0041}\n\té"});
        let looked_at = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(looked_at.chars().all(|c| !is_deceptive(c) || c == '\n'), "{looked_at:?}");
        assert!(looked_at.contains("\\u009b2J\\u007f\\u202e\\udb40\\udc41\\n\\té"), "{looked_at}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&looked_at).unwrap(), value);
    }
}
