//! A call from its begin to its end, which are the two events.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::MatchedPath;
use event::call::{Call, ErrorClass, FAILURE, REQUEST, RESPONSE};
use http::{Method, Request, StatusCode};

use crate::context::{Hex, X_REQUEST_ID};
use crate::wire::UnixNanos;
use crate::{Context, Producer, RequestId, SpanId};

/// The template of the route of a request, such as `/orders/{id}`, in its extensions. Without it, the template that axum
/// matched counts, where that is in the extensions; else the events have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(pub Arc<str>);

/// Which attempt at the same thing a request is, from 1, in its extensions. Without it, the events have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(pub u64);

/// A call whose first event was emitted. The second is when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenCall {
    producer: Producer,
    service: Arc<str>,
    method: Method,
    route: Option<Template>,
    attempt: Option<u64>,
    span: Hex,
    parent: Option<Hex>,
    request_id: RequestId,
    begin: Instant,
    begin_at: UnixNanos,
    /// The status that it was answered with.
    status: Option<StatusCode>,
    /// Why it failed, if it ends now and not with its status.
    failure: Option<ErrorClass>,
}

/// A template of a route, as it came.
#[derive(Debug)]
enum Template {
    Given(Arc<str>),
    Matched(MatchedPath),
}

impl Template {
    fn as_str(&self) -> &str {
        match self {
            Self::Given(template) => template,
            Self::Matched(path) => path.as_str(),
        }
    }
}

impl OpenCall {
    /// Emits that `service` is about to be asked, and writes into the request's headers what it belongs to.
    pub(crate) fn begin<B>(producer: &Producer, service: &Arc<str>, request: &mut Request<B>) -> Self {
        let context = Context::of_call(request);
        let span = SpanId::random();
        context.trace().write(span, request.headers_mut());
        request.headers_mut().insert(X_REQUEST_ID, context.request_id().as_header().clone());
        let extensions = request.extensions();
        let given = extensions.get::<Route>().map(|Route(template)| Template::Given(Arc::clone(template)));
        let open = Self {
            producer: producer.clone(),
            service: Arc::clone(service),
            method: request.method().clone(),
            route: given.or_else(|| extensions.get::<MatchedPath>().cloned().map(Template::Matched)),
            attempt: extensions.get::<Attempt>().map(|Attempt(number)| *number),
            span: span.hex(),
            parent: context.trace().parent().map(SpanId::hex),
            request_id: context.request_id().clone(),
            begin: Instant::now(),
            begin_at: UnixNanos::now(),
            status: None,
            failure: Some(ErrorClass::Cancelled),
        };
        open.emit(REQUEST, open.begin_at, open.call());
        open
    }

    /// The service answers. What is still to come is the body.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.failure = status.is_server_error().then_some(ErrorClass::Status);
    }

    /// It did not answer, or not to the end. A status that says that it failed says more than that.
    pub(crate) fn failed(&mut self, class: ErrorClass) {
        if self.failure != Some(ErrorClass::Status) {
            self.failure = Some(class);
        }
    }

    fn call(&self) -> Call<'_> {
        Call {
            name: (&*self.service).into(),
            span: Some(self.span.as_str().into()),
            parent: self.parent.as_ref().map(|parent| parent.as_str().into()),
            method: Some(self.method.as_str().into()),
            route: self.route.as_ref().map(|route| route.as_str().into()),
            attempt: self.attempt,
            ..Call::default()
        }
    }

    fn emit(&self, event_type: &str, at: UnixNanos, call: Call<'_>) {
        self.producer.emit_call(event_type, self.request_id.as_str(), at, &call);
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let duration = self.begin.elapsed();
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let call = Call {
            status: self.status.map(|status| u64::from(status.as_u16())),
            duration_microseconds: Some(nanoseconds / 1_000),
            error: self.failure.map(|class| class.as_str().into()),
            ..self.call()
        };
        let event_type = if self.failure.is_some() { FAILURE } else { RESPONSE };
        // By the clock that does not jump, and later than the begin whatever its resolution.
        self.emit(event_type, self.begin_at.plus(nanoseconds.max(1)), call);
    }
}
