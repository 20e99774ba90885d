//! Refusals as clients know them: a status code, and what happened in trailers that they map to their own errors.

use tonic::{
    Code, Status,
    metadata::{AsciiMetadataKey, MetadataMap},
};

use crate::{
    database::{Unavailable, WriteError},
    store::{Expected, Refused},
};

/// A status that says what happened in the trailer `exception`, and with what in others. A value that a trailer cannot
/// carry, such as a name with letters beyond ASCII, is left out: the message has it too.
pub(crate) fn exception(
    code: Code,
    name: &'static str,
    message: String,
    details: &[(&'static str, &str)],
) -> Status {
    let mut trailers = MetadataMap::new();
    for (key, value) in std::iter::once(&("exception", name)).chain(details) {
        if let Ok(value) = value.parse() {
            trailers.insert(AsciiMetadataKey::from_static(key), value);
        }
    }
    Status::with_metadata(code, message, trailers)
}

/// The stream has a tombstone.
pub(crate) fn stream_deleted(stream: &str) -> Status {
    let message = format!("Event stream '{stream}' is deleted.");
    exception(Code::FailedPrecondition, "stream-deleted", message, &[("stream-name", stream)])
}

/// The user is known and may not do this.
pub(crate) fn access_denied() -> Status {
    exception(Code::PermissionDenied, "access-denied", "Access Denied".to_owned(), &[])
}

/// There is no user, or not with this password.
pub(crate) fn unauthenticated() -> Status {
    let message = "User name and password are missing or wrong.".to_owned();
    exception(Code::Unauthenticated, "not-authenticated", message, &[])
}

/// An append that is too large.
pub(crate) fn maximum_append_size_exceeded(maximum: u32) -> Status {
    let message = format!("Maximum Append Size of {maximum} Exceeded.");
    let details = [("maximum-append-size", &*maximum.to_string())];
    exception(Code::InvalidArgument, "maximum-append-size-exceeded", message, &details)
}

/// An event without one of the properties that every event has.
pub(crate) fn missing_metadata_property(property: &str) -> Status {
    let message = format!("Required Metadata Property '{property}' is missing");
    let details = [("required-metadata-properties", "type,content-type")];
    exception(Code::InvalidArgument, "missing-required-metadata-property", message, &details)
}

/// A deletion that was not done. The response of an append has a field of its own to say that the version is wrong.
pub(crate) fn not_written(stream: &str, expected: Expected, error: WriteError) -> Status {
    match error {
        WriteError::Refused(Refused::StreamDeleted) => stream_deleted(stream),
        WriteError::Refused(Refused::WrongExpectedVersion { current }) => {
            let (expected, actual) = (expected_version(expected), current.map_or(-1, signed).to_string());
            let message = format!(
                "Delete failed due to WrongExpectedVersion. Stream: {stream}, Expected version: {expected}, Actual version: {actual}"
            );
            let details =
                [("stream-name", stream), ("expected-version", &*expected), ("actual-version", &*actual)];
            exception(Code::FailedPrecondition, "wrong-expected-version", message, &details)
        }
        WriteError::Unavailable(error) => error.into(),
    }
}

impl From<Unavailable> for Status {
    fn from(error: Unavailable) -> Self {
        Status::unavailable(match &error {
            Unavailable::LogFailed(source) => format!("{error}: {source}"),
            Unavailable::Broken | Unavailable::Stopping => error.to_string(),
        })
    }
}

/// The protocol's numbers for an expected revision, those that stand for none too.
fn expected_version(expected: Expected) -> String {
    let version = match expected {
        Expected::Any => -2,
        Expected::StreamExists => -4,
        Expected::NoStream => -1,
        Expected::Revision(revision) => signed(revision),
    };
    version.to_string()
}

/// A revision is a signed number in the trailers.
pub(crate) fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}
