//! Why a message is not an event: where, what and how to mend it.

use std::fmt;

use crate::{TimestampError, limits};

/// Why a message can never be stored as an event. Its text is one line: the place, what is wrong, and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct Rejection {
    /// The place in the message.
    pub at: JsonPath,
    /// What is wrong there.
    pub problem: Problem,
}

impl Rejection {
    pub(crate) fn new(problem: Problem) -> Self {
        Self { at: JsonPath::default(), problem }
    }

    /// Called while the walk returns through `segment`, so that only a refused message pays for a path.
    pub(crate) fn within(mut self, segment: Segment) -> Self {
        self.at.reversed.push(segment);
        self
    }

    pub(crate) fn at_field(field: &str, problem: Problem) -> Self {
        Self::new(problem).within(Segment::key(field))
    }
}

/// What is wrong at a place of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not JSON.
    #[error("not JSON ({reason}). Send one JSON object in UTF-8")]
    NotJson {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// Two members of one object have the same key.
    #[error("the key occurs twice in its object. Which value counts is undefined: keep one")]
    DuplicateKey,
    /// A field that every event has is not there.
    #[error("missing. Every event has id, requestId, timestamp, type, source and data")]
    Missing,
    /// A field holds a value of the wrong JSON type.
    #[error("{found} where {expected} is needed")]
    WrongType {
        /// The JSON type needed, with its article.
        expected: &'static str,
        /// The JSON type found, with its article.
        found: &'static str,
    },
    /// A field is the empty string.
    #[error("empty. DynamoDB takes no empty string in a key: send at least one character")]
    Empty,
    /// The type begins with `$`.
    #[error("begins with `$`, which EventStoreDB keeps for its own types. Choose another name")]
    ReservedType,
    /// The timestamp does not name an instant.
    #[error("{0}. Send RFC 3339, as in 2020-05-01T20:00:00Z")]
    NotATimestamp(TimestampError),
    /// A key field is longer than DynamoDB's keys may be.
    #[error(
        "{bytes} bytes long; {limit} fit into DynamoDB's key. Send a shorter one and keep the long one in data"
    )]
    TooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
        /// The longest that fits.
        limit: usize,
    },
    /// An object has an empty key.
    #[error("has an empty key (\"\"). DynamoDB takes no empty attribute name: name it")]
    EmptyKey,
    /// A key is longer than DynamoDB's attribute names may be.
    #[error(
        "a key of {bytes} bytes; DynamoDB's attribute names have at most {}. Shorten it",
        limits::ATTRIBUTE_NAME_BYTES
    )]
    KeyTooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// Objects and lists are nested too deep.
    #[error(
        "nested deeper than DynamoDB's {} levels. Flatten it, or send the inner part as a string",
        limits::NESTING_LEVELS
    )]
    TooDeep,
    /// A number has more significant digits than DynamoDB keeps.
    #[error(
        "a number of {digits} significant digits; DynamoDB keeps {}. Send it as a string",
        limits::NUMBER_DIGITS
    )]
    TooManyDigits {
        /// Digits without leading and trailing zeros.
        digits: usize,
    },
    /// A number is too large or too near to zero for DynamoDB.
    #[error("a number outside DynamoDB's range of 1E-130 to 9.99E+125, either sign. Send it as a string")]
    NumberOutOfRange,
}

impl Problem {
    /// A stable name for metrics and message attributes, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not-json",
            Self::DuplicateKey => "duplicate-key",
            Self::Missing => "missing-field",
            Self::WrongType { .. } => "wrong-type",
            Self::Empty => "empty-field",
            Self::ReservedType => "reserved-type",
            Self::NotATimestamp(_) => "bad-timestamp",
            Self::TooLong { .. } => "field-too-long",
            Self::EmptyKey => "empty-key",
            Self::KeyTooLong { .. } => "key-too-long",
            Self::TooDeep => "too-deep",
            Self::TooManyDigits { .. } => "number-too-precise",
            Self::NumberOutOfRange => "number-out-of-range",
        }
    }
}

/// A place in a JSON document. `Display` writes it as JSONPath does: `$.data.items[3].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonPath {
    /// From the place up to the root.
    reversed: Vec<Segment>,
}

/// One step of a [`JsonPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

impl Segment {
    pub(crate) fn key(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl JsonPath {
    /// The steps from the root.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.reversed.iter().rev()
    }
}

/// Keys longer than this are cut in a path, so that a reason stays one readable line.
const SHOWN: usize = 64;

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.segments().try_for_each(|segment| match segment {
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) if is_plain(key) => write!(f, ".{key}"),
            Segment::Key(key) => match key.char_indices().nth(SHOWN) {
                None => write!(f, "[{key:?}]"),
                Some((end, _)) => write!(f, "[{:?}…]", &key[..end]),
            },
        })
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= SHOWN
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte))
}
