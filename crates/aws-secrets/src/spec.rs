//! The fields of a secret that we set: what is in it, never the value.

use std::{collections::BTreeSet, net::IpAddr};

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tag's value is 256 characters at most:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html>
const LONGEST_TAG: usize = 256;

/// The shortest password that is made. 16 letters and digits hold 95 bits.
const SHORTEST_PASSWORD: u32 = 16;

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretSpec {
    /// What it is for, in at most 2,048 characters.
    pub description: String,
    /// The ARN of the KMS key that it is encrypted with; absent, it is the account's own `aws/secretsmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// What is in it.
    pub content: Content,
}

/// What is in a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Content {
    /// A password of letters and digits, as plain text. It is made once and never again, and one that somebody else put
    /// there is kept.
    Password {
        /// How many characters: 16 or more.
        length: u32,
    },
    /// The certificate and key of an EventStoreDB node, with the authority that signed it, as [`Certificate`]'s JSON. The
    /// authority's key is thrown away once it has signed, so each renewal has a new authority; the one before stays in
    /// the secret, so that clients can trust both until the node has changed over.
    ///
    /// [`Certificate`]: crate::Certificate
    Certificate {
        /// The DNS names and IP addresses that clients connect to, as SANs. Together at most 256 characters, without
        /// wildcards.
        names: BTreeSet<String>,
        /// How long the certificate is valid from when it is made, in days. Another number makes a new one.
        valid_days: u32,
        /// How many days before its end a survey finds it due, and a deploy makes a new one. Less than `validDays`.
        renew_when_days_left: u32,
    },
    /// What clients of that node trust, without its key: the authority's certificate and, after a renewal, the one
    /// before it, in PEM.
    Trust {
        /// The secret with the certificate, by its ARN or name.
        certificate: String,
        /// The version of that secret that this one was copied from.
        version: String,
    },
    /// Something that we did not make. Only a survey says so: there is no making it.
    Other,
}

impl Content {
    /// What is wrong with the content, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Password { length } if *length < SHORTEST_PASSWORD => Some(format!(
                "a password of {length} characters is too short; give it {SHORTEST_PASSWORD} or more"
            )),
            Self::Certificate { names, .. } if names.is_empty() => {
                Some("a certificate needs the names that clients connect to".to_owned())
            }
            Self::Certificate { names, .. } if !names.iter().all(|name| is_name(name)) => {
                Some("a certificate's names are DNS names without wildcards, or IP addresses".to_owned())
            }
            Self::Certificate { names, .. } if joined(names).len() > LONGEST_TAG => Some(format!(
                "a certificate's names have {} characters in all; they are kept in a tag, which has room for \
                 {LONGEST_TAG}",
                joined(names).len()
            )),
            Self::Certificate { valid_days, renew_when_days_left, .. }
                if renew_when_days_left >= valid_days =>
            {
                Some(format!(
                    "a certificate that is valid for {valid_days} days cannot be renewed {renew_when_days_left} days \
                     before its end"
                ))
            }
            Self::Other => Some("it is not said what the secret shall hold".to_owned()),
            _ => None,
        }
    }
}

/// The names as one text: no name has a space.
pub(crate) fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// A DNS name or an IP address, of characters that a tag takes as well.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.parse::<IpAddr>().is_ok() || name.split('.').all(label)
}

impl Spec for SecretSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "content.password.length" => {
                Effect::Refuse("a password is made once; leave its length as it is".to_owned())
            }
            // One content in place of another. What somebody else made is the plain text `other`, and differs as a whole.
            "content.certificate" | "content.password" | "content.trust" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}
