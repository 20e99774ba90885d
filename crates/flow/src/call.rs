//! One call of a service, as its two events tell it.

use event::call::ErrorClass;
use serde::Serialize;
use time::OffsetDateTime;

/// A call. Where it is in a [`Flow`](crate::Flow), other calls are named by their index in its `calls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Who called: the source of its events.
    pub caller: String,
    /// Who was called.
    pub service: String,
    /// The method of HTTP.
    pub method: Option<String>,
    /// The route's template.
    pub route: Option<String>,
    /// Which attempt at the same thing this is, from 1.
    pub attempt: Option<u64>,
    /// Its own span, as it was sent.
    pub span: Option<String>,
    /// The span of the call for which it was made, as it was sent.
    pub parent_span: Option<String>,
    /// When it began. Where no request is known, when its answer came less the duration that the answer tells.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// That, from the first event of the flow; 0 where it lies before.
    pub offset_microseconds: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The call for which it was made.
    pub parent: Option<usize>,
    /// How many calls are above it.
    pub depth: usize,
    /// For a call that failed: why, as far as the flow tells. `None` for any other.
    pub verdict: Option<Verdict>,
    /// When its answer came; `None` where there is none.
    #[serde(skip)]
    pub(crate) ended: Option<OffsetDateTime>,
    /// When it failed: as its failure came, or when it had been without an answer for too long. `None` where it did not.
    #[serde(skip)]
    pub(crate) failed_at: Option<OffsetDateTime>,
}

impl Call {
    /// Whether it failed or has no answer.
    pub fn is_failing(&self) -> bool {
        self.failed_at.is_some()
    }

    /// Who is at fault where this call is the culprit: the service, or the caller whose own limit kept it from calling.
    pub fn at_fault(&self) -> &str {
        if self.failed_as(ErrorClass::Overloaded) { &self.caller } else { &self.service }
    }

    /// Whether it says nothing of its service: the caller gave it up or did not make it, for reasons of its own.
    pub(crate) fn is_callers_own(&self) -> bool {
        self.verdict == Some(Verdict::Dropped) || self.failed_as(ErrorClass::Overloaded)
    }

    /// Whether it failed for that reason.
    pub(crate) fn failed_as(&self, class: ErrorClass) -> bool {
        matches!(&self.outcome, Outcome::Failed { error: Some(error), .. } if error == class.as_str())
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The service answered, with a status below 500 or none that is known.
    Answered {
        /// The status of HTTP.
        status: Option<u64>,
        /// How long it took: as its sender says, else from event to event.
        duration_microseconds: Option<u64>,
    },
    /// It failed.
    Failed {
        /// The status of HTTP, where there was one.
        status: Option<u64>,
        /// Why: one of [`event::call::ErrorClass`]'s words, or a sender's own.
        error: Option<String>,
        /// How long it took to fail.
        duration_microseconds: Option<u64>,
    },
    /// Its request is older than one waits, and there is no answer.
    Unanswered {
        /// How old it is.
        for_microseconds: u64,
    },
    /// There is no answer yet.
    Pending {
        /// How old it is.
        for_microseconds: u64,
    },
}

/// Why a call failed, as far as its flow tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// No call that it needed failed: its service is at fault, or its caller where that was overloaded.
    Culprit,
    /// Another call failed, and this one with it.
    BecauseOf {
        /// That call.
        call: usize,
    },
    /// It failed, and a later attempt at the same was answered.
    Retried,
    /// Its caller gave it up for another reason than this call, or was not there any more to hear the answer. Nobody's fault
    /// here.
    Dropped,
}
