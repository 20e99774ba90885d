//! A stream's metadata: what of a stream is shown to readers.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    acl::Acl,
    event::{DELETED, Ticks},
};

/// The parts of a stream's metadata that the server itself obeys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct StreamMetadata {
    /// No more events than this, the latest, are shown.
    #[serde(rename = "$maxCount", deserialize_with = "lenient")]
    pub(crate) max_count: Option<u64>,
    /// Events older than this, in seconds, are not shown.
    #[serde(rename = "$maxAge", deserialize_with = "lenient")]
    pub(crate) max_age_seconds: Option<u64>,
    /// Events before this revision are not shown.
    #[serde(rename = "$tb", deserialize_with = "lenient")]
    pub(crate) truncate_before: Option<u64>,
    /// Who may do what.
    #[serde(rename = "$acl", deserialize_with = "lenient_acl")]
    pub(crate) acl: Acl,
}

/// A metadata stream shows its latest event alone.
pub(crate) const OF_METADATA_STREAMS: StreamMetadata =
    StreamMetadata { max_count: Some(1), max_age_seconds: None, truncate_before: None, acl: Acl::NONE };

impl StreamMetadata {
    /// As the data of a metadata event say. What is not JSON sets nothing: EventStoreDB does not refuse it either.
    pub(crate) fn parse(data: &[u8]) -> Self {
        serde_json::from_slice(data).unwrap_or_default()
    }

    /// Whether the stream is deleted, in the way that can be undone.
    pub(crate) fn is_soft_deleted(&self) -> bool {
        self.truncate_before == Some(DELETED)
    }

    /// The first revision that is shown of a stream that has `count` events; `older` says how many of them are older than
    /// a moment.
    pub(crate) fn first_shown(&self, count: u64, now: Ticks, older: impl FnOnce(Ticks) -> u64) -> u64 {
        let by_count = self.max_count.map_or(0, |max| count.saturating_sub(max));
        let by_age = self.max_age_seconds.map_or(0, |age| older(now.minus_seconds(age)));
        by_count.max(by_age).max(self.truncate_before.unwrap_or(0))
    }
}

/// The metadata that is given, with another `$tb`: its other fields, the users' own too, stay as they are.
pub(crate) fn with_truncate_before(data: &[u8], revision: u64) -> Vec<u8> {
    let mut fields: Map<String, Value> = serde_json::from_slice(data).unwrap_or_default();
    fields.insert("$tb".to_owned(), Value::from(revision));
    Value::Object(fields).to_string().into_bytes()
}

/// A value that makes no sense sets nothing, and costs the others nothing.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_u64())
}

fn lenient_acl<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Acl, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_in_one_field_costs_the_others_nothing() {
        let metadata = StreamMetadata::parse(br#"{"$maxCount": "many", "$tb": 7, "mine": [1]}"#);
        assert_eq!(metadata, StreamMetadata { truncate_before: Some(7), ..StreamMetadata::default() });
        assert_eq!(StreamMetadata::parse(b"not JSON"), StreamMetadata::default());
    }

    #[test]
    fn a_new_truncate_before_keeps_the_users_own_fields() {
        let data = with_truncate_before(br#"{"mine": 1.50, "$tb": 9223372036854775807}"#, 4);
        assert_eq!(String::from_utf8_lossy(&data), r#"{"$tb":4,"mine":1.50}"#);
    }
}
