//! A resource's key in the blueprint, and its kind.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A resource's name in the blueprint: its stack, a slash, its name there, as in `ingest/queue`.
///
/// Both parts are lower-case letters, digits and hyphens, and begin with a letter. The key is written to AWS as
/// the tag `headwater:key` and must therefore never change its meaning between releases.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// A text that is no [`Key`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no resource key; a key looks like `ingest/queue`: stack, slash, name, in lower case")]
pub struct KeyError(String);

impl Key {
    /// The stack of what cannot be made again, as the journal.
    pub const STATEFUL: &'static str = "stateful";

    /// The stack of the table that holds the lease and the history: made first, deleted last.
    pub const DEPLOYMENTS: &'static str = "deployments";

    /// The key of `name` in `stack`.
    ///
    /// # Errors
    /// Either part is empty, begins with something else than a letter, or has a character that a key may not have.
    pub fn new(stack: &str, name: &str) -> std::result::Result<Self, KeyError> {
        format!("{stack}/{name}").parse()
    }

    /// The stack that the resource belongs to.
    pub fn stack(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(stack, _)| stack)
    }

    /// Whether the resource belongs to a stack that holds what cannot be made again: [`Key::STATEFUL`] or
    /// [`Key::DEPLOYMENTS`]. A resource that the blueprint no longer names has nothing but its key to tell this by.
    pub fn is_stateful(&self) -> bool {
        [Self::STATEFUL, Self::DEPLOYMENTS].contains(&self.stack())
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_lowercase())
        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> std::result::Result<Self, KeyError> {
        match text.split_once('/') {
            Some((stack, name)) if is_part(stack) && is_part(name) => Ok(Self(text.to_owned())),
            _ => Err(KeyError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> std::result::Result<Self, KeyError> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What sort of resource it is, by CloudFormation's type name: `AWS::SQS::Queue`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// The kind of that CloudFormation type name.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The type name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_stack_and_a_name() {
        let key: Key = "ingest/event-queue".parse().unwrap();
        assert_eq!((key.stack(), key.as_str()), ("ingest", "ingest/event-queue"));
    }

    #[test]
    fn a_key_tells_whether_its_stack_is_stateful() {
        let stateful = |key: &str| key.parse::<Key>().unwrap().is_stateful();
        assert!(stateful("stateful/journal") && stateful("deployments/table"));
        assert!(!stateful("ingest/stateful"));
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "ingest", "/queue", "ingest/", "Ingest/queue", "ingest/queue/dlq", "1ngest/queue"] {
            let refused = text.parse::<Key>().unwrap_err().to_string();
            assert!(refused.contains("`ingest/queue`"), "{refused}");
        }
    }
}
