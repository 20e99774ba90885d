//! Why there is no plan.

use std::fmt;

use resource::{FieldChange, Key, Kind};
use serde_json::Value;

/// An environment that is not to be changed as it was asked, with every reason at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The environment.
    pub environment: String,
    /// Why, in the order of the blueprint.
    pub reasons: Vec<Reason>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A resource has our physical name, and is not ours or is ours under another key.
    Taken {
        /// The node that wants the name.
        key: Key,
        /// Its kind.
        kind: Kind,
        /// What AWS calls the resource that has it.
        id: String,
        /// Its name.
        name: String,
        /// Whose it is.
        owner: String,
    },
    /// A field of a retained resource changed that only a replacement can change.
    Irreplaceable {
        /// The retained node.
        key: Key,
        /// The field.
        change: FieldChange,
    },
    /// A field changed that must not.
    Forbidden {
        /// The node.
        key: Key,
        /// The field.
        change: FieldChange,
        /// What its family says of it.
        reason: String,
    },
    /// No family knows the node's kind.
    Unknown {
        /// The node.
        key: Key,
        /// Its kind.
        kind: Kind,
    },
    /// The blueprint cannot be written down.
    Unreadable {
        /// Why.
        error: String,
    },
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.reasons.len();
        let reasons = if count == 1 { "for one reason".to_owned() } else { format!("for {count} reasons") };
        write!(
            f,
            "`{}` cannot be changed as the blueprint says, {reasons}; nothing was changed:",
            self.environment
        )?;
        self.reasons.iter().try_for_each(|reason| write!(f, "\n- {}", reason.sentence(&self.environment)))
    }
}

impl Reason {
    fn sentence(&self, environment: &str) -> String {
        match self {
            Self::Taken { key, kind, id, name, owner } => format!(
                "`{key}` wants the name `{name}`, which another {kind} has already, {owner}.\n  \
                 If it is to be this environment's, run `headwater adopt --env {environment} {key}={id}`; if not, \
                 rename or delete it."
            ),
            Self::Irreplaceable { key, change } => format!(
                "`{key}` is retained, and its `{}` ({}) cannot be changed without replacing it, which would lose \
                 what it holds.\n  Set it back in the blueprint.",
                change.field,
                arrow(change)
            ),
            Self::Forbidden { key, change, reason } => {
                format!("`{key}`: its `{}` ({}) is not changed: {reason}", change.field, arrow(change))
            }
            Self::Unknown { key, kind } => {
                format!("`{key}` is of the kind {kind}, for which Headwater has no resource family")
            }
            Self::Unreadable { error } => format!("the blueprint cannot be written as JSON: {error}"),
        }
    }
}

fn arrow(change: &FieldChange) -> String {
    let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "none".to_owned(), Value::to_string);
    format!("{} → {}", side(&change.from), side(&change.to))
}
