//! Which events of `$all` a reader wants to see.

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::event::Record;

/// What is compared, and with what.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Filter {
    on: On,
    expression: Expression,
}

/// The part of an event that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum On {
    /// The name of its stream.
    Stream,
    /// Its type.
    EventType,
}

#[derive(Clone, Debug)]
enum Expression {
    /// It begins with one of these.
    Prefixes(Vec<String>),
    /// It matches somewhere, unless the expression has an anchor.
    Regex(Regex),
}

impl Filter {
    /// Lets through what the regular expression matches; where there is none, what begins with one of the prefixes.
    ///
    /// # Errors
    /// The expression is none.
    pub(crate) fn new(on: On, prefixes: Vec<String>, regex: &str) -> Result<Self, regex::Error> {
        let expression = match regex.is_empty() {
            true => Expression::Prefixes(prefixes),
            false => Expression::Regex(Regex::new(regex)?),
        };
        Ok(Self { on, expression })
    }

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

/// A filter in JSON.
#[derive(Serialize, Deserialize)]
struct Written {
    on: On,
    prefixes: Vec<String>,
    regex: String,
}

impl From<Filter> for Written {
    fn from(Filter { on, expression }: Filter) -> Self {
        match expression {
            Expression::Prefixes(prefixes) => Self { on, prefixes, regex: String::new() },
            Expression::Regex(regex) => Self { on, prefixes: Vec::new(), regex: regex.as_str().to_owned() },
        }
    }
}

impl TryFrom<Written> for Filter {
    type Error = regex::Error;

    fn try_from(Written { on, prefixes, regex }: Written) -> Result<Self, Self::Error> {
        Self::new(on, prefixes, &regex)
    }
}
