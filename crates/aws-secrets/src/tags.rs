//! What a secret's tags say of its content, and back: pure.
//!
//! A value may be read by few, its tags by whoever plans. They say what is in the secret, and of which version of it they
//! say so: value and tags are written by two calls, and a run may be killed between them. The value comes first. Tags that
//! name another version than the current one are then known to be out of date, and the next run writes them anew from the
//! value, without making another one: so a renewal that was cut short is never done twice, and no authority is lost.

use std::collections::BTreeMap;

use resource::Scope;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{Content, certificate::days_left, spec::joined};

const CONTENT: &str = "headwater:content";
const VERSION: &str = "headwater:version";
const NOT_AFTER: &str = "headwater:not-after";
const LENGTH: &str = "headwater:length";
const NAMES: &str = "headwater:names";
const VALID_DAYS: &str = "headwater:valid-days";
const RENEW: &str = "headwater:renew-when-days-left";
const CERTIFICATE: &str = "headwater:certificate";
const CERTIFICATE_VERSION: &str = "headwater:certificate-version";

pub(crate) type Tags = BTreeMap<String, String>;

/// What is known of a value besides what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The version that the value is.
    pub(crate) version: Option<String>,
    /// When a certificate ends.
    pub(crate) not_after: Option<OffsetDateTime>,
}

/// The tags of a value with this content. A password's tags hold for each version of it: they name none.
pub(crate) fn write(content: &Content, facts: &Facts) -> Tags {
    let mut tags = match content {
        Content::Password { length } => vec![(CONTENT, "password".to_owned()), (LENGTH, length.to_string())],
        Content::Certificate { names, valid_days, renew_when_days_left } => vec![
            (CONTENT, "certificate".to_owned()),
            (NAMES, joined(names)),
            (VALID_DAYS, valid_days.to_string()),
            (RENEW, renew_when_days_left.to_string()),
        ],
        Content::Trust { certificate, version } => vec![
            (CONTENT, "trust".to_owned()),
            (CERTIFICATE, certificate.clone()),
            (CERTIFICATE_VERSION, version.clone()),
        ],
        Content::Other => Vec::new(),
    };
    if describes_a_version(content) {
        tags.extend(facts.version.clone().map(|version| (VERSION, version)));
        tags.extend(facts.not_after.and_then(|end| Some((NOT_AFTER, end.format(&Rfc3339).ok()?))));
    }
    tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// All tags of one of our secrets.
pub(crate) fn all(scope: &Scope, key: &resource::Key, content: &Content, facts: &Facts) -> Tags {
    let mut tags = scope.tags(key);
    tags.extend(write(content, facts));
    tags
}

/// What the tags say is in the secret.
pub(crate) fn content(tags: &Tags) -> Content {
    read(tags).unwrap_or(Content::Other)
}

fn read(tags: &Tags) -> Option<Content> {
    let number = |name: &str| tags.get(name)?.parse().ok();
    match tags.get(CONTENT)?.as_str() {
        "password" => Some(Content::Password { length: number(LENGTH)? }),
        "certificate" => Some(Content::Certificate {
            names: tags.get(NAMES)?.split(' ').map(str::to_owned).collect(),
            valid_days: number(VALID_DAYS)?,
            renew_when_days_left: number(RENEW)?,
        }),
        "trust" => Some(Content::Trust {
            certificate: tags.get(CERTIFICATE)?.clone(),
            version: tags.get(CERTIFICATE_VERSION)?.clone(),
        }),
        _ => None,
    }
}

/// When the certificate ends, in the words of its tag.
pub(crate) fn not_after(tags: &Tags) -> Option<&String> {
    tags.get(NOT_AFTER)
}

/// What a secret with this content, these tags and this current version still needs.
pub(crate) fn pending(tags: &Tags, version: Option<&str>, now: OffsetDateTime) -> Option<String> {
    let content = content(tags);
    if version.is_none() {
        return Some("has no value".to_owned());
    }
    if describes_a_version(&content) && tags.get(VERSION).map(String::as_str) != version {
        return Some("has a value that its tags do not describe".to_owned());
    }
    let Content::Certificate { renew_when_days_left, .. } = content else { return None };
    let end = not_after(tags).and_then(|end| OffsetDateTime::parse(end, &Rfc3339).ok());
    match end.map(|end| days_left(end, now)) {
        None => Some("has an end that its tags do not tell".to_owned()),
        Some(days) if days >= i64::from(renew_when_days_left) => None,
        Some(days) if days < 0 => Some("has ended".to_owned()),
        Some(1) => Some("ends in 1 day".to_owned()),
        Some(days) => Some(format!("ends in {days} days")),
    }
}

fn describes_a_version(content: &Content) -> bool {
    matches!(content, Content::Certificate { .. } | Content::Trust { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{certificate, password, trust};

    #[test]
    fn what_is_written_reads_back_equal_and_what_we_did_not_write_is_something_else() {
        for content in [password(), certificate(), trust("v1")] {
            assert_eq!(super::content(&write(&content, &Facts::default())), content);
        }
        assert_eq!(content(&Tags::new()), Content::Other);
        assert_eq!(content(&Tags::from([(CONTENT.to_owned(), "password".to_owned())])), Content::Other);
    }

    #[test]
    fn a_certificate_is_due_in_time_and_tags_of_another_version_say_nothing() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let tags = |days: i64| {
            let not_after = Some(now + time::Duration::days(days));
            write(&certificate(), &Facts { version: Some("v1".to_owned()), not_after })
        };
        let due = |days| pending(&tags(days), Some("v1"), now);
        assert_eq!(due(30), None);
        assert_eq!(due(29).as_deref(), Some("ends in 29 days"));
        assert_eq!(due(1).as_deref(), Some("ends in 1 day"));
        assert_eq!(due(-1).as_deref(), Some("has ended"));
        let other = pending(&tags(365), Some("v2"), now);
        assert_eq!(other.as_deref(), Some("has a value that its tags do not describe"));
        assert_eq!(pending(&tags(365), None, now).as_deref(), Some("has no value"));
        let password = write(&password(), &Facts::default());
        assert_eq!(pending(&password, Some("any"), now), None);
    }
}
