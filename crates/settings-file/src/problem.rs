//! A mistake and how it is shown: the message, the place, the line itself, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// The file's text and the name that messages give it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

/// A mistake as it is found: its place is a range of bytes, `None` where no place in the file is to blame.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The bytes of the text that are to blame.
    pub place: Option<Range<usize>>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What is good to know about it.
    pub note: Option<String>,
}

/// A mistake, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    message: String,
    path: PathBuf,
    excerpt: Option<Excerpt>,
    help: Option<String>,
    note: Option<String>,
}

/// A line of the file with a part of it marked. Line and column count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: usize,
    column: usize,
    text: String,
    marked: usize,
}

impl Problem {
    /// The fault as people see it in its file.
    pub fn new(source: &Source, fault: Fault) -> Self {
        Self {
            message: fault.message,
            path: source.path.clone(),
            excerpt: fault.place.map(|place| Excerpt::new(&source.text, place)),
            help: fault.help,
            note: fault.note,
        }
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Line and column, counted from 1, where a place in the file is to blame.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.excerpt.as_ref().map(|excerpt| (excerpt.line, excerpt.column))
    }
}

impl Excerpt {
    fn new(text: &str, place: Range<usize>) -> Self {
        let start = text.floor_char_boundary(place.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let line_end = line_start + line.len();
        let end = text.floor_char_boundary(place.end).clamp(start, line_end.max(start));
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            // A tab has no width of its own, and a control character could do anything to the terminal.
            text: line.chars().map(|c| if c == '\t' { ' ' } else { c }).map(printable).collect(),
            marked: text[start..end].chars().count().max(1),
        }
    }
}

fn printable(c: char) -> char {
    if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut gutter = 1;
        match &self.excerpt {
            Some(Excerpt { line, column, text, marked }) => {
                gutter = line.to_string().len();
                let (indent, marks) = (" ".repeat(column - 1), "^".repeat(*marked));
                write!(f, "\n{:gutter$}--> {}:{line}:{column}", "", self.path.display())?;
                write!(f, "\n{:gutter$} |\n{line} | {text}\n{:gutter$} | {indent}{marks}", "", "")?;
            }
            None => write!(f, "\n --> {}", self.path.display())?,
        }
        for (title, text) in [("help", &self.help), ("note", &self.note)] {
            if let Some(text) = text {
                write!(f, "\n{:gutter$} = {title}: {text}", "")?;
            }
        }
        Ok(())
    }
}
