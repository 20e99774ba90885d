//! References to what AWS makes: an id or an output of another resource, unknown until that is there.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use crate::{Key, Observed};

const OPEN: &str = "${";
const CLOSE: char = '}';

/// Stands in a desired spec for a value of another resource that AWS makes: its id, or one of its outputs.
///
/// Written `${stateful/vpc}` or `${stateful/journal.streamArn}`, alone or inside a longer text, as in an ARN. What
/// looks like one but names no key (IAM's `${aws:username}`) is text like any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The resource.
    pub key: Key,
    /// Which of its [`Observed::outputs`]; `None` is its [`Observed::id`].
    pub output: Option<String>,
}

impl Reference {
    /// The id of the resource with that key.
    pub fn id(key: &Key) -> Self {
        Self { key: key.clone(), output: None }
    }

    /// An output of the resource with that key.
    pub fn output(key: &Key, output: &str) -> Self {
        Self { key: key.clone(), output: Some(output.to_owned()) }
    }

    /// Its value, where `observed` is the resource; `None` where that has no such output.
    pub fn value<'a>(&self, observed: &'a Observed) -> Option<&'a str> {
        match &self.output {
            None => Some(&observed.id),
            Some(output) => observed.outputs.get(output).map(String::as_str),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (key, output) = match text.split_once('.') {
            Some((key, output)) => (key, Some(output.to_owned())),
            None => (text, None),
        };
        Some(Self { key: key.parse().ok()?, output })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.output {
            None => write!(f, "{OPEN}{}{CLOSE}", self.key),
            Some(output) => write!(f, "{OPEN}{}.{output}{CLOSE}", self.key),
        }
    }
}

/// The references in the texts of `value`.
pub fn references(value: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    resolve(value, &mut |reference| {
        found.insert(reference.clone());
        None
    });
    found
}

/// The same value with each reference replaced by what `known` says of it; one of which nothing is known stays.
pub fn resolve(value: &Value, known: &mut dyn FnMut(&Reference) -> Option<String>) -> Value {
    match value {
        Value::String(text) => Value::String(resolve_text(text, known)),
        Value::Array(values) => values.iter().map(|value| resolve(value, known)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), resolve(value, known))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn resolve_text(text: &str, known: &mut dyn FnMut(&Reference) -> Option<String>) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(OPEN) {
        resolved.push_str(before);
        let found =
            from.split_once(CLOSE).and_then(|(inside, after)| Some((Reference::parse(inside)?, after)));
        match found {
            Some((reference, after)) => {
                resolved.push_str(&known(&reference).unwrap_or_else(|| reference.to_string()));
                rest = after;
            }
            None => {
                resolved.push_str(OPEN);
                rest = from;
            }
        }
    }
    resolved.push_str(rest);
    resolved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn references_stand_alone_or_in_longer_texts() {
        let vpc = Reference::id(&key("stateful/vpc"));
        let arn = Reference::output(&key("stateful/file-system"), "arn");
        let spec = json!({"vpcId": vpc.to_string(), "resources": [format!("{arn}/*"), "plain"], "n": 1});
        assert_eq!(references(&spec), BTreeSet::from([vpc.clone(), arn]));
        let resolved = resolve(&spec, &mut |reference| (*reference == vpc).then(|| "vpc-1".to_owned()));
        assert_eq!(
            resolved,
            json!({"vpcId": "vpc-1", "resources": ["${stateful/file-system.arn}/*", "plain"], "n": 1})
        );
    }

    #[test]
    fn what_names_no_key_is_text() {
        let spec = json!(["${aws:username}", "${", "${stateful/vpc", "a ${b} ${c/d}"]);
        assert_eq!(references(&spec), BTreeSet::from([Reference::id(&key("c/d"))]));
        assert_eq!(resolve(&spec, &mut |_| None), spec);
    }

    proptest! {
        #[test]
        fn a_text_of_which_nothing_is_known_stays_as_it_is(text in "[${}a/.b]{0,24}") {
            let value = Value::from(text);
            prop_assert_eq!(resolve(&value, &mut |_| None), value);
        }
    }
}
