//! What goes wrong with a resource, in the six classes that decide what happens next.

use std::fmt;

/// The result of an operation on a resource.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error means for the one who made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The resource is not there.
    NotFound,
    /// A resource of that name is there already.
    AlreadyExists,
    /// The same call may succeed later: throttled, a service's own trouble, a dependency that settles.
    RetryLater,
    /// Another change of the resource is under way or came before.
    Conflict,
    /// The caller may not do it.
    Denied,
    /// No retry helps.
    Fatal,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "found nothing",
            Self::AlreadyExists => "found that it exists already",
            Self::RetryLater => "was put off for now",
            Self::Conflict => "conflicts with another change",
            Self::Denied => "was denied",
            Self::Fatal => "failed",
        })
    }
}

/// An operation on a resource that did not succeed. `Display` leaves the source out.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {class} ({resource})")]
pub struct Error {
    /// The operation, by IAM's name for it: `sqs:CreateQueue`.
    pub operation: &'static str,
    /// The resource's key or, in a listing, what was listed.
    pub resource: String,
    /// What the error means.
    pub class: Class,
    /// What AWS said.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Error {
    /// An error of `class` in `operation` on `resource`, from `source`: another error, or a sentence.
    pub fn new(
        operation: &'static str,
        resource: impl fmt::Display,
        class: Class,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { operation, resource: resource.to_string(), class, source: source.into() }
    }

    /// Whether the text of the error or of anything beneath it contains `needle`. For the races in which AWS leaves
    /// nothing but its message to tell them by.
    pub fn says(&self, needle: &str) -> bool {
        let mut cause: Option<&dyn std::error::Error> = Some(self.source.as_ref());
        while let Some(error) = cause {
            if error.to_string().contains(needle) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}
