//! Responses of the proxy's own: a status, and one sentence of what is wrong as a problem of RFC 9457.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::activity;
use super::body::{Broken, ResponseBody};
use super::metrics::Observation;
use super::upstream::Failure;
use crate::CallBody;

/// A response before it goes to the client.
pub(super) type Answer = Response<Content>;

/// Where a response's body comes from.
pub(super) enum Content {
    /// From the service.
    Forwarded(Box<CallBody<ResponseBody>>),
    /// From here.
    Own(Full<Bytes>),
}

/// A refusal of the proxy's own.
pub(super) fn refusal(status: StatusCode, detail: &str) -> Answer {
    let problem = serde_json::json!({
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = Response::new(Content::Own(Full::from(problem.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// A response without anything in it.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut response = Response::new(Content::Own(Full::default()));
    *response.status_mut() = status;
    response
}

/// What a client is told of a failure: nothing of what is behind the proxy.
pub(super) fn failure(failure: &Failure) -> Answer {
    let (status, detail) = match failure {
        Failure::Overloaded => {
            (StatusCode::SERVICE_UNAVAILABLE, "the service has as many requests as it may")
        }
        Failure::Connect(_) => (StatusCode::BAD_GATEWAY, "the service cannot be reached"),
        Failure::ConnectTimeout(_) => (StatusCode::GATEWAY_TIMEOUT, "the service cannot be reached"),
        Failure::Timeout => (StatusCode::GATEWAY_TIMEOUT, "the service did not answer in time"),
        Failure::Connection(_) | Failure::Protocol => {
            (StatusCode::BAD_GATEWAY, "the service gave no valid answer")
        }
        Failure::ClientStalled => (StatusCode::REQUEST_TIMEOUT, "the request's body took too long"),
        Failure::ClientBroken | Failure::Request(_) => {
            (StatusCode::BAD_REQUEST, "the request cannot be forwarded")
        }
    };
    let mut response = refusal(status, detail);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A body as the client gets it. While it is there, the request is in flight.
pub(super) struct Sent {
    content: Content,
    observation: Observation,
    request: activity::Request,
}

impl Sent {
    pub(super) fn new(content: Content, observation: Observation, request: activity::Request) -> Self {
        let mut sent = Self { content, observation, request };
        sent.note_end();
        sent
    }

    /// A body that has ended, or of which nothing is left, is not asked for another part.
    fn note_end(&mut self) {
        if self.is_end_stream() || self.size_hint().exact() == Some(0) {
            self.observation.complete();
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let polled = match &mut this.content {
            Content::Forwarded(body) => Pin::new(body).poll_frame(cx),
            Content::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        };
        match &polled {
            Poll::Pending | Poll::Ready(None) => this.request.waits(),
            Poll::Ready(Some(_)) => this.request.gave(),
        }
        match &polled {
            Poll::Ready(None) => this.observation.complete(),
            // Nothing comes after trailers.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => this.observation.complete(),
            _ => this.note_end(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Forwarded(body) => body.is_end_stream(),
            Content::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Forwarded(body) => body.size_hint(),
            Content::Own(body) => body.size_hint(),
        }
    }
}
