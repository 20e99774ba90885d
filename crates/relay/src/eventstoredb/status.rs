//! What an error status of EventStoreDB means. The trailer `exception` says it; the status code where there is none.

use std::error::Error;
use std::io;

use tokio::time::error::Elapsed;
use tonic::{Code, Status};

use super::{ANSWER_TIMEOUT, CallError};
use crate::store::StoreError;
use function::logging::with_causes;

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        let trailer = |name: &str| status.metadata().get(name).and_then(|value| value.to_str().ok());
        let reason = with_causes(&status);
        match (trailer("exception"), status.code()) {
            (Some("stream-deleted"), _) => Self::Answered(StoreError::StreamDeleted),
            (Some("wrong-expected-version"), _) => {
                // Negative: the stream does not exist.
                let current = trailer("actual-version").and_then(|version| version.parse().ok());
                Self::Answered(StoreError::WrongExpectedVersion { current })
            }
            (Some("maximum-append-size-exceeded" | "maximum-append-event-size-exceeded"), _)
            | (_, Code::InvalidArgument) => Self::Answered(StoreError::Unacceptable { reason }),
            (_, Code::Unauthenticated) => Self::Unauthenticated { reason },
            (Some("access-denied"), _) | (_, Code::PermissionDenied) => {
                Self::Answered(StoreError::Denied { reason })
            }
            _ => Self::Broken { reason },
        }
    }
}

impl From<Elapsed> for CallError {
    fn from(_: Elapsed) -> Self {
        Self::Broken { reason: format!("no answer within {ANSWER_TIMEOUT:?}") }
    }
}

/// Whether a connection failed in its TLS handshake. rustls's errors come as I/O errors of this kind.
pub(super) fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let mut kinds = chain.filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.any(|kind| kind == io::ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataMap;

    use super::*;

    fn answered(code: Code, trailers: &[(&'static str, &str)]) -> String {
        let mut metadata = MetadataMap::new();
        for (name, value) in trailers {
            metadata.insert(*name, value.parse().unwrap());
        }
        match CallError::from(Status::with_metadata(code, "words", metadata)) {
            CallError::Answered(error) => format!("{error:?}"),
            CallError::Unauthenticated { .. } => "Unauthenticated".to_owned(),
            CallError::Broken { .. } => "Broken".to_owned(),
        }
    }

    #[test]
    fn the_trailer_says_what_happened_and_else_the_code() {
        let exception = |name| [("exception", name)];
        let wrong = [("exception", "wrong-expected-version"), ("actual-version", "7")];
        assert_eq!(answered(Code::FailedPrecondition, &exception("stream-deleted")), "StreamDeleted");
        assert_eq!(answered(Code::FailedPrecondition, &wrong), "WrongExpectedVersion { current: Some(7) }");
        let none = [("exception", "wrong-expected-version"), ("actual-version", "-1")];
        assert_eq!(answered(Code::FailedPrecondition, &none), "WrongExpectedVersion { current: None }");
        let too_large = answered(Code::InvalidArgument, &exception("maximum-append-size-exceeded"));
        assert!(too_large.starts_with("Unacceptable"), "{too_large}");
        assert!(answered(Code::InvalidArgument, &[]).starts_with("Unacceptable"));
        assert!(answered(Code::PermissionDenied, &exception("access-denied")).starts_with("Denied"));
        assert_eq!(answered(Code::Unauthenticated, &exception("not-authenticated")), "Unauthenticated");
        for code in [
            Code::Unavailable,
            Code::Unknown,
            Code::DeadlineExceeded,
            Code::FailedPrecondition,
            Code::NotFound,
        ] {
            assert_eq!(answered(code, &[]), "Broken", "{code:?}");
        }
        assert_eq!(answered(Code::NotFound, &exception("not-leader")), "Broken");
    }
}
