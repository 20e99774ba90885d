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
    /// The message is a list.
    #[error("a list where an object is needed. Send each event as a message of its own")]
    List,
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
    /// An attribute that a CloudEvent must have is not there.
    #[error(
        "missing. A CloudEvent has specversion, id, source and type, and here time as well: the journal is in the order of \
         time, and none is made up"
    )]
    MissingAttribute,
    /// The version of CloudEvents is not ours.
    #[error("CloudEvents of version {found:?}, of which nothing is known here. Send version \"1.0\"")]
    UnknownSpecVersion {
        /// The version, or its beginning.
        found: String,
    },
    /// The name of an attribute is none that CloudEvents allows.
    #[error(
        "no name of an attribute: CloudEvents allows lower-case letters a to z and digits. Rename it, or move it into data"
    )]
    NotAnAttributeName,
    /// The value of an attribute has no type that CloudEvents knows.
    #[error(
        "{found} where CloudEvents allows a string, a boolean or an integer of 32 bits. Send it as a string, or move it \
         into data"
    )]
    NotAnAttribute {
        /// What it is, with its article.
        found: &'static str,
    },
    /// A string of a CloudEvent holds a character that CloudEvents does not allow.
    #[error(
        "holds U+{:04X}; CloudEvents allows neither control characters nor noncharacters. Leave it out, or move the text \
         into data",
        u32::from(*character)
    )]
    ForbiddenCharacter {
        /// The first of them.
        character: char,
    },
    /// A CloudEvent's `subject` is the empty string.
    #[error("empty, which CloudEvents does not allow. Leave it out")]
    EmptySubject,
    /// A CloudEvent's `source` is no URI-reference.
    #[error(
        "no URI-reference (RFC 3986). Percent-encode what is not allowed in one: Microservice%20A for Microservice A"
    )]
    NotAUriReference,
    /// A CloudEvent's `dataschema` is no URI.
    #[error("no URI (RFC 3986). Send one with its scheme, as in https://example.com/order.json")]
    NotAUri,
    /// A CloudEvent's `datacontenttype` is no content type.
    #[error("no content type (RFC 2046). Send type and subtype, as in application/json")]
    NotAMediaType,
    /// A CloudEvent has `data` and `data_base64`.
    #[error("there beside data, and CloudEvents allows one of them. Keep the one that counts")]
    TwoPayloads,
    /// A CloudEvent's `data_base64` is no base64.
    #[error("no base64 (RFC 4648, section 4, with padding). Encode the bytes anew")]
    NotBase64,
    /// A CloudEvent's `data` is no string, though its content type is not JSON.
    #[error(
        "no string, though datacontenttype names no JSON. Send the text, or a datacontenttype such as application/json"
    )]
    NotText,
    /// A CloudEvent's `headwaterfields` holds what was not written there.
    #[error(
        "not what is written there with the rest of such a CloudEvent. The attribute is for fields that CloudEvents has no \
         room for: leave it out, or choose another name"
    )]
    NotOurFields,
}

impl Problem {
    /// A stable name for metrics and message attributes, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not-json",
            Self::List => "list",
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
            Self::MissingAttribute => "missing-attribute",
            Self::UnknownSpecVersion { .. } => "unknown-specversion",
            Self::NotAnAttributeName => "bad-attribute-name",
            Self::NotAnAttribute { .. } => "bad-attribute",
            Self::ForbiddenCharacter { .. } => "forbidden-character",
            Self::EmptySubject => "empty-subject",
            Self::NotAUriReference => "bad-source",
            Self::NotAUri => "bad-dataschema",
            Self::NotAMediaType => "bad-datacontenttype",
            Self::TwoPayloads => "two-payloads",
            Self::NotBase64 => "bad-base64",
            Self::NotText => "data-not-text",
            Self::NotOurFields => "bad-headwaterfields",
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
    /// Takes the step from the root away.
    pub(crate) fn pop_root(&mut self) -> Option<Segment> {
        self.reversed.pop()
    }

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
