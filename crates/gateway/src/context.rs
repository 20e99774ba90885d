//! Which request work belongs to: its id and its place in a trace, as HTTP headers carry them.

use std::fmt;
use std::future::Future;
use std::num::{NonZeroU64, NonZeroU128};

use event::TraceParent;
use http::Request;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::random;

/// The header of the request's id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of the trace, "Trace Context" (W3C), 3.2.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tracing systems add to it, 3.3; it is passed on as it is.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `x-request-id` that is taken.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Which request the events belong to: the event's `requestId`. 1 to 128 visible ASCII characters, without spaces.
///
/// Anybody may write the header `x-request-id`, and what is in it ends in keys of the journal and on terminals. So anything
/// else in it counts as if it were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id in a header's value, `None` where it is not one.
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let taken =
            (1..=MAX_REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        taken.then(|| Self(value.clone()))
    }

    /// The id in a text, `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        HeaderValue::from_str(text).ok().as_ref().and_then(Self::from_header)
    }

    /// The trace's id in the form of a UUID.
    pub fn of_trace(trace: TraceId) -> Self {
        let mut text = Uuid::encode_buffer();
        let text = Uuid::from_u128(trace.0.get()).hyphenated().encode_lower(&mut text);
        // Hexadecimal digits and hyphens are a header's value.
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-")))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// As the value of a header.
    pub fn as_header(&self) -> &HeaderValue {
        &self.0
    }

    fn in_headers(headers: &HeaderMap) -> Option<Self> {
        the_only(headers, &X_REQUEST_ID).and_then(Self::from_header)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a trace, in text 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a call in its trace, in text 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl TraceId {
    /// A new one, which is a UUID of version 4.
    pub fn random() -> Self {
        Self(NonZeroU128::new(random::uuid().as_u128()).unwrap_or(NonZeroU128::MIN))
    }
}

impl SpanId {
    /// A new one.
    pub fn random() -> Self {
        Self(NonZeroU64::new(random::bits64()).unwrap_or(NonZeroU64::MIN))
    }

    /// Its text.
    pub(crate) fn hex(self) -> Hex {
        let mut digits = [0; 16];
        write_hex(&mut digits, u128::from(self.0.get()));
        Hex(digits)
    }
}

/// A span's id as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex([u8; 16]);

impl Hex {
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The place in a trace, by "Trace Context" (W3C Recommendation of 23 November 2021).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: TraceId,
    parent: Option<SpanId>,
    sampled: bool,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// The begin of a new trace.
    pub fn new() -> Self {
        Self { trace: TraceId::random(), parent: None, sampled: true, state: None }
    }

    /// The trace that `traceparent` names, with its `tracestate`; `None` where it is missing, there twice or not valid.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let TraceParent { trace, parent, sampled } =
            TraceParent::parse(the_only(headers, &TRACEPARENT)?.as_bytes())?;
        let state = joined(headers, &TRACESTATE);
        Some(Self { trace: TraceId(trace), parent: Some(SpanId(parent)), sampled, state })
    }

    /// The trace.
    pub fn trace(&self) -> TraceId {
        self.trace
    }

    /// The call by which the caller made this request.
    pub fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Writes the place of the call `span` of this trace into the headers of its request.
    pub(crate) fn write(&self, span: SpanId, headers: &mut HeaderMap) {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], self.trace.0.get());
        write_hex(&mut text[36..52], u128::from(span.0.get()));
        text[54] = b'0' + u8::from(self.sampled);
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
        match &self.state {
            Some(state) => headers.insert(TRACESTATE, state.clone()),
            None => headers.remove(TRACESTATE),
        };
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

/// The request that work is done for. What [`ContextLayer`](crate::ContextLayer) found in the request that a server handles
/// is in that request's extensions, and is [current](Self::current) while it is handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    request_id: RequestId,
    trace: TraceContext,
}

tokio::task_local! {
    pub(crate) static CURRENT: Context;
}

impl Context {
    /// A new request, whose id is its trace's.
    pub fn new() -> Self {
        Self::of_trace(TraceContext::new())
    }

    /// The request of a trace, with an id derived from it.
    pub fn of_trace(trace: TraceContext) -> Self {
        Self { request_id: RequestId::of_trace(trace.trace), trace }
    }

    /// The same place in a trace, for the request of that id.
    pub fn with_request_id(self, request_id: RequestId) -> Self {
        Self { request_id, ..self }
    }

    /// The request that the headers tell of: its id is `x-request-id`, else derived from `traceparent`, else made.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let context = Self::of_trace(TraceContext::from_headers(headers).unwrap_or_default());
        match RequestId::in_headers(headers) {
            Some(request_id) => context.with_request_id(request_id),
            None => context,
        }
    }

    /// The request that a call belongs to: by the headers of its request, else by their extensions, else by the task.
    pub(crate) fn of_call<B>(request: &Request<B>) -> Self {
        let request_id = RequestId::in_headers(request.headers());
        let trace = TraceContext::from_headers(request.headers());
        match (request_id, trace) {
            (Some(request_id), Some(trace)) => Self { request_id, trace },
            (request_id, trace) => {
                let known = request.extensions().get::<Self>().cloned().or_else(Self::current);
                let (known_id, known_trace) = known.map(|known| (known.request_id, known.trace)).unzip();
                let trace = trace.or(known_trace).unwrap_or_default();
                let request_id = request_id.or(known_id).unwrap_or_else(|| RequestId::of_trace(trace.trace));
                Self { request_id, trace }
            }
        }
    }

    /// The request that this task works for. A task that it spawns has none, but by [`scope`](Self::scope).
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `work` for this request.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// The request's place in its trace.
    pub fn trace(&self) -> &TraceContext {
        &self.trace
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

/// The value of a header that occurs once.
fn the_only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// The values of a header that may occur several times, as one: RFC 9110, 5.3.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let rest: Vec<_> = values.map(HeaderValue::as_bytes).collect();
    if rest.is_empty() {
        return Some(first.clone());
    }
    HeaderValue::from_bytes(&[&[first.as_bytes()], &rest[..]].concat().join(&b","[..])).ok()
}

/// Writes the last digits of `number` that there is room for.
fn write_hex(room: &mut [u8], mut number: u128) {
    for place in room.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 0xF) as usize];
        number >>= 4;
    }
}
