//! A span of time.

use serde::Serialize;
use time::OffsetDateTime;

/// The instants from `since` on and before `until`, so that windows can follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its first instant.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// The first instant after it.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
}

impl Window {
    /// Whether `instant` lies in it.
    pub fn contains(&self, instant: OffsetDateTime) -> bool {
        (self.since..self.until).contains(&instant)
    }

    /// Its length in seconds; 0 where it ends before it begins.
    pub fn seconds(&self) -> f64 {
        (self.until - self.since).as_seconds_f64().max(0.0)
    }
}
