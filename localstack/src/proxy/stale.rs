//! What reads gave a moment ago: what an eventually consistent service may give again after a write.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::Response;

use super::Request;

/// How old an answer may be that is given again. AWS names no bound; seconds are usual.
const AT_MOST: Duration = Duration::from_secs(3);

/// The answers of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<Read, (Instant, Response<Bytes>)>);

/// A read that may be stale: two of them are the same question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Read {
    service: String,
    action: String,
    question: Bytes,
}

impl Read {
    /// The question; none where the call changes something, or asks for a consistent answer as the lease does.
    pub(super) fn of(request: &Request, parts: &http::request::Parts, body: &Bytes) -> Option<Self> {
        // A change may have megabytes in it, a function's code, which nobody has to look through.
        let asks_consistently = || body.windows(21).any(|at| at == b"\"ConsistentRead\":true");
        if !request.is_read() || asks_consistently() {
            return None;
        }
        let (service, query) = (request.service.clone(), parts.uri.query().unwrap_or_default());
        let action = format!("{}?{query}", request.action);
        Some(Self { service, action, question: body.clone() })
    }
}

impl Memory {
    /// What the same question was answered a moment ago.
    pub(super) fn recall(&self, read: &Read) -> Option<Response<Bytes>> {
        let (at, answer) = self.0.get(read)?;
        (at.elapsed() < AT_MOST).then(|| answer.clone())
    }

    /// Keeps an answer. What is too old is forgotten.
    pub(super) fn remember(&mut self, read: Read, answer: &Response<Bytes>) {
        self.0.retain(|_, (at, _)| at.elapsed() < AT_MOST);
        self.0.insert(read, (Instant::now(), answer.clone()));
    }
}
