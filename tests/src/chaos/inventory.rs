//! What an account holds, by AWS's own listings alone: no filter of ours, no tag and no name decides what is seen. So what a
//! survey is blind to shows here.

mod compute;
mod network;
mod storage;
mod watch;

use std::{cmp::Reverse, collections::BTreeMap};

use anyhow::Result;
use aws_env::SdkConfig;
use futures::try_join;
use serde_json::Value;

/// What an account holds of the kinds that a blueprint makes, each described without the ids that AWS made for it. Two of them
/// are equal where nothing is missing, doubled or left over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<String, usize>);

impl Inventory {
    /// How many resources there are.
    pub fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// What this one has and `before` has not, a line each with `+`, and the other way round with `-`.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let count = |of: &Self, entry: &String| of.0.get(entry).copied().unwrap_or_default();
        let more = |here: &Self, there: &Self, sign: char| -> Vec<String> {
            let more = |(entry, many): (&String, &usize)| {
                vec![format!("{sign} {entry}"); many.saturating_sub(count(there, entry))]
            };
            here.0.iter().flat_map(more).collect()
        };
        let mut lines = more(before, self, '-');
        lines.extend(more(self, before, '+'));
        lines
    }
}

/// What an account holds now.
///
/// # Errors
/// A listing fails.
pub async fn inventory(sdk: &SdkConfig) -> Result<Inventory> {
    let (network, storage, compute, watch) =
        try_join!(network::list(sdk), storage::list(sdk), compute::list(sdk), watch::list(sdk))?;
    Ok(described(&[network, storage, compute, watch].into_iter().flatten().collect::<Vec<_>>()))
}

fn described(seen: &[Seen]) -> Inventory {
    let mut ids: Vec<(&str, &str)> = seen
        .iter()
        .flat_map(|one| one.ids.iter().map(|(id, means)| (id.as_str(), means.as_str())))
        .filter(|(id, _)| !id.is_empty())
        .collect();
    // An id may begin as a shorter one does.
    ids.sort_by_key(|(id, _)| Reverse(id.len()));
    let mut inventory = Inventory::default();
    for one in seen {
        let entry = format!("{} {} {}", one.kind, one.label, without(&one.facts, &ids));
        *inventory.0.entry(entry).or_default() += 1;
    }
    inventory
}

/// The facts with what each id means in its place. What is listed is sorted by that, not by the ids.
fn without(facts: &Value, ids: &[(&str, &str)]) -> Value {
    match facts {
        Value::String(text) => {
            let meant = |text: String, (id, means): &(&str, &str)| text.replace(id, &format!("<{means}>"));
            Value::String(ids.iter().fold(text.clone(), meant))
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|item| without(item, ids)).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), without(value, ids))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => facts.clone(),
    }
}

/// A resource as AWS tells of it.
struct Seen {
    kind: &'static str,
    /// Its name and whose it is by its tags.
    label: String,
    /// What AWS calls it, or a part of it, and what that means: others refer to it so.
    ids: Vec<(String, String)>,
    /// What it is like.
    facts: Value,
}

impl Seen {
    fn new(kind: &'static str, label: String, facts: Value) -> Self {
        Self { kind, label, ids: Vec::new(), facts }
    }

    /// The same, which others refer to by `id`.
    fn known_as(mut self, id: Option<&str>) -> Self {
        let label = self.label.clone();
        self.ids.extend(id.map(|id| (id.to_owned(), label)));
        self
    }
}

/// Tags, whatever type the service has for them.
type Tags = BTreeMap<String, String>;

/// A resource's name, and whose it is by its tags: `[local stateful/vpc]`, or `[nobody's]` where one of ours is missing.
fn label(name: &str, tags: &Tags) -> String {
    let tag = |name: &str| tags.get(&format!("headwater:{name}"));
    let whose = match (tag("project"), tag("env"), tag("key")) {
        (Some(_), Some(environment), Some(key)) => format!("[{environment} {key}]"),
        _ => "[nobody's]".to_owned(),
    };
    if name.is_empty() { whose } else { format!("{name} {whose}") }
}

/// Tags of a service that gives key and value as it likes.
fn tags<K: Into<String>, V: Into<String>>(given: impl IntoIterator<Item = (K, V)>) -> Tags {
    given.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

/// The same, in an order of their own.
fn sorted(texts: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let mut texts: Vec<String> = texts.into_iter().map(Into::into).collect();
    texts.sort();
    texts
}

/// A document, without the spaces that its service happens to put into it.
fn parsed(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_else(|_| document.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inventory(ids: [&str; 2], extra: bool) -> Inventory {
        let [vpc, subnet] = ids;
        let ours = |key: &str| {
            let tags = [("project", "headwater"), ("env", "local"), ("key", key)];
            label("", &tags.map(|(name, value)| (format!("headwater:{name}"), value.to_owned())).into())
        };
        let mut seen = vec![
            Seen::new("vpc", ours("stateful/vpc"), json!({})).known_as(Some(vpc)),
            Seen::new("subnet", ours("stateful/subnet"), json!({ "vpc": vpc })).known_as(Some(subnet)),
            Seen::new("function", label("relay", &Tags::new()), json!({ "subnets": [subnet, "a"] })),
        ];
        seen.extend(extra.then(|| Seen::new("vpc", ours("stateful/vpc"), json!({})).known_as(Some("vpc-3"))));
        described(&seen)
    }

    #[test]
    fn whatever_ids_were_made_the_same_is_equal_and_a_twin_shows() {
        let before = inventory(["vpc-1", "subnet-1"], false);
        assert_eq!(before, inventory(["vpc-22", "subnet-a"], false));
        assert!(before.0.contains_key(r#"subnet [local stateful/subnet] {"vpc":"<[local stateful/vpc]>"}"#));
        let twin = inventory(["vpc-1", "subnet-1"], true);
        assert_eq!(
            (twin.since(&before), before.since(&before)),
            (vec!["+ vpc [local stateful/vpc] {}".into()], vec![])
        );
        assert_eq!(before.since(&twin), ["- vpc [local stateful/vpc] {}"]);
    }
}
