//! Which events of `$all` a reader wants to see.

use regex::Regex;

use super::event::Record;

/// What is compared, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) on: On,
    pub(crate) expression: Expression,
}

/// The part of an event that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// The name of its stream.
    Stream,
    /// Its type.
    EventType,
}

/// With what it is compared.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// It begins with one of these.
    Prefixes(Vec<String>),
    /// It matches somewhere, unless the expression has an anchor.
    Regex(Regex),
}

impl Filter {
    pub(crate) fn matches(&self, record: &Record) -> bool {
        let text = match self.on {
            On::Stream => &*record.stream,
            On::EventType => &record.event.event_type,
        };
        match &self.expression {
            Expression::Prefixes(prefixes) => prefixes.iter().any(|prefix| text.starts_with(prefix.as_str())),
            Expression::Regex(regex) => regex.is_match(text),
        }
    }
}
