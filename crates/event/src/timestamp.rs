//! When an event happened: as it was sent, and in a form whose order as text is its order in time.

use std::cmp::Ordering;
use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// An instant as RFC 3339 wrote it, with its normalised form.
///
/// Compares by the instant, so `20:00:00Z` equals `22:00:00+02:00`. Nine fractional digits count; further ones are kept as
/// sent and do not order.
#[derive(Clone, Debug)]
pub struct Timestamp {
    sent: String,
    normalised: String,
}

/// Why a text is not a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is not RFC 3339.
    #[error("not an RFC 3339 date and time with its offset ({0})")]
    NotRfc3339(String),
    /// In UTC its year has not four digits.
    #[error("outside the years 0000 to 9999 in UTC")]
    OutOfRange,
}

impl Timestamp {
    /// Reads RFC 3339, for example `2020-05-01T20:00:00Z` or `2020-05-01T22:00:00.5+02:00`.
    pub fn parse(text: impl Into<String>) -> Result<Self, TimestampError> {
        let sent = text.into();
        let instant = OffsetDateTime::parse(&sent, &Rfc3339)
            .map_err(|error| TimestampError::NotRfc3339(error.to_string()))?;
        let normalised = normalise(instant)?;
        Ok(Self { sent, normalised })
    }

    /// As it was sent.
    pub fn as_sent(&self) -> &str {
        &self.sent
    }

    /// UTC with nine fractional digits, always 30 bytes: `2020-05-01T20:00:00.000000000Z`. Sorts as text in the order of time.
    pub fn normalised(&self) -> &str {
        &self.normalised
    }

    /// The instant, for arithmetic.
    pub fn instant(&self) -> OffsetDateTime {
        // The normalised form was written by this module and always parses back.
        OffsetDateTime::parse(&self.normalised, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

fn normalise(instant: OffsetDateTime) -> Result<String, TimestampError> {
    let utc = instant.checked_to_offset(UtcOffset::UTC).ok_or(TimestampError::OutOfRange)?;
    if !(0..=9999).contains(&utc.year()) {
        return Err(TimestampError::OutOfRange);
    }
    let layout = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
    utc.format(layout).map_err(|_| TimestampError::OutOfRange)
}

impl TryFrom<OffsetDateTime> for Timestamp {
    type Error = TimestampError;

    /// The instant in its normalised form, as if it had been sent so.
    fn try_from(instant: OffsetDateTime) -> Result<Self, TimestampError> {
        let normalised = normalise(instant)?;
        Ok(Self { sent: normalised.clone(), normalised })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sent)
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.normalised == other.normalised
    }
}

impl Eq for Timestamp {}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.normalised.cmp(&other.normalised)
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
