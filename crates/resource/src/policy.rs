//! IAM policy documents in one normal form, so that two that mean the same compare equal.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A statement's conditions: operator → condition key → values, sorted.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A policy document of version 2012-10-17.
///
/// AWS gives a document back with lists of one as plain strings and with lists in another order. Reading one
/// normalises both: every list is a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// `2012-10-17`; `2008-10-17` where a document has none:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
    #[serde(default = "first_version")]
    pub version: String,
    /// The statements, in order.
    #[serde(deserialize_with = "one_or_many")]
    pub statement: Vec<Statement>,
}

/// One statement. Elements that we never write (`NotAction`, …) are kept in `other`, so that they show as drift.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// The statement's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sid: String,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Who: `Service` → `lambda.amazonaws.com`. `"*"` reads as `AWS` → `*`, which IAM treats alike.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "principal")]
    pub principal: BTreeMap<String, Vec<String>>,
    /// The actions, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sorted")]
    pub action: Vec<String>,
    /// The resources' ARNs, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sorted")]
    pub resource: Vec<String>,
    /// Operator → condition key → values, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "condition")]
    pub condition: Conditions,
    /// Elements beyond these.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl PolicyDocument {
    /// A document of these statements.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17".to_owned(), statement }
    }
}

impl Statement {
    /// Allows `actions` on `resources`.
    pub fn allow<A: Into<String>, R: Into<String>>(
        sid: &str,
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        let mut statement = Self {
            sid: sid.to_owned(),
            effect: "Allow".to_owned(),
            action: actions.into_iter().map(Into::into).collect(),
            resource: resources.into_iter().map(Into::into).collect(),
            ..Self::default()
        };
        statement.action.sort();
        statement.resource.sort();
        statement
    }

    /// The same, denied.
    #[must_use]
    pub fn deny(self) -> Self {
        Self { effect: "Deny".to_owned(), ..self }
    }

    /// The same for this principal: `("Service", "lambda.amazonaws.com")`.
    #[must_use]
    pub fn principal(mut self, kind: &str, name: impl Into<String>) -> Self {
        self.principal.entry(kind.to_owned()).or_default().push(name.into());
        self
    }

    /// The same under a condition: `("Bool", "aws:SecureTransport", "false")`.
    #[must_use]
    pub fn when(mut self, operator: &str, key: &str, value: impl Into<String>) -> Self {
        let values =
            self.condition.entry(operator.to_owned()).or_default().entry(key.to_owned()).or_default();
        values.push(value.into());
        values.sort();
        self
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(value: OneOrMany<T>) -> Self {
        match value {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

fn first_version() -> String {
    "2008-10-17".to_owned()
}

fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    OneOrMany::deserialize(d).map(Into::into)
}

/// Texts, sorted. IAM lets a condition's value be a boolean or a number as well: it means its text.
fn texts(value: Value) -> Vec<String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let mut texts: Vec<_> = match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        one => vec![text(one)],
    };
    texts.sort();
    texts
}

fn sorted<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    Value::deserialize(d).map(texts)
}

fn principal<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    Ok(match Value::deserialize(d)? {
        Value::Object(kinds) => kinds.into_iter().map(|(kind, names)| (kind, texts(names))).collect(),
        everyone => BTreeMap::from([("AWS".to_owned(), texts(everyone))]),
    })
}

fn condition<'de, D: Deserializer<'de>>(d: D) -> Result<Conditions, D::Error> {
    let operators: BTreeMap<String, Value> = BTreeMap::deserialize(d)?;
    Ok(operators
        .into_iter()
        .map(|(operator, keys)| {
            let keys = match keys {
                Value::Object(keys) => keys.into_iter().map(|(key, values)| (key, texts(values))).collect(),
                odd => BTreeMap::from([(String::new(), texts(odd))]),
            };
            (operator, keys)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_mean_the_same_read_the_same() {
        let ours = PolicyDocument::new(vec![
            Statement::allow("Send", ["sqs:SendMessage", "sqs:GetQueueUrl"], ["arn:aws:sqs:r:a:q"])
                .principal("AWS", "*")
                .when("Bool", "aws:SecureTransport", "false"),
        ]);
        let theirs = r#"{"Version":"2012-10-17","Statement":{"Sid":"Send","Effect":"Allow","Principal":"*",
            "Action":["sqs:SendMessage","sqs:GetQueueUrl"],"Resource":"arn:aws:sqs:r:a:q",
            "Condition":{"Bool":{"aws:SecureTransport":false}}}}"#;
        assert_eq!(serde_json::from_str::<PolicyDocument>(theirs).unwrap(), ours);
        let written = serde_json::to_string(&ours).unwrap();
        assert_eq!(serde_json::from_str::<PolicyDocument>(&written).unwrap(), ours);
    }

    #[test]
    fn a_document_without_a_version_is_of_the_first() {
        let read: PolicyDocument = serde_json::from_str(r#"{"Statement":{"Effect":"Allow"}}"#).unwrap();
        assert_eq!(read.version, "2008-10-17");
    }

    #[test]
    fn an_element_that_we_never_write_shows() {
        let theirs =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}"#;
        let read: PolicyDocument = serde_json::from_str(theirs).unwrap();
        assert_eq!(read.statement[0].other["NotAction"], "iam:*");
    }
}
