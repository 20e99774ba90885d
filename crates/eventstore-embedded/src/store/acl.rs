//! Who, besides `admin`, may do what to a stream: the part `$acl` of its metadata.
//!
//! `admin` may do everything, and there is no user but `ops` besides. So what is kept of a list is whether it names `ops`.
//! <https://docs.kurrent.io/server/v25.0/security/user-authorization.html>

use serde::Deserialize;
use serde_json::Value;

/// What may be done to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    Delete,
}

/// The names under which a list means the user `ops`: everybody, its group, itself.
const OPS: [&str; 3] = ["$all", "$ops", "ops"];

/// Whether `ops` may do each thing. `None` where the list does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Acl {
    #[serde(rename = "$r", deserialize_with = "names_ops")]
    read: Option<bool>,
    #[serde(rename = "$w", deserialize_with = "names_ops")]
    write: Option<bool>,
    #[serde(rename = "$d", deserialize_with = "names_ops")]
    delete: Option<bool>,
    #[serde(rename = "$mr", deserialize_with = "names_ops")]
    read_metadata: Option<bool>,
    #[serde(rename = "$mw", deserialize_with = "names_ops")]
    write_metadata: Option<bool>,
}

impl Acl {
    /// A list that says nothing.
    pub(crate) const NONE: Self =
        Self { read: None, write: None, delete: None, read_metadata: None, write_metadata: None };

    /// Whether `ops` may do this to the stream itself.
    pub(crate) fn of_stream(&self, operation: Operation) -> Option<bool> {
        match operation {
            Operation::Read => self.read,
            Operation::Write => self.write,
            Operation::Delete => self.delete,
        }
    }

    /// Whether `ops` may do this to the stream's metadata, which nobody may delete.
    pub(crate) fn of_metadata(&self, operation: Operation) -> Option<bool> {
        match operation {
            Operation::Read => self.read_metadata,
            Operation::Write => self.write_metadata,
            Operation::Delete => Some(false),
        }
    }
}

/// A list is one name or several. What is neither says nothing.
fn names_ops<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let is_ops = |name: &Value| name.as_str().is_some_and(|name| OPS.contains(&name));
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(names) => Some(names.iter().any(is_ops)),
        name @ Value::String(_) => Some(is_ops(&name)),
        _ => None,
    })
}
