//! Bodies on their way: the client's to the upstream, and the upstream's to the client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::headers;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the next part of the body took too long")]
    Stalled,
    #[error("the body broke off")]
    Connection(#[from] hyper::Error),
}

/// A body with a time-out between its parts. Trailers lose what belongs to a connection.
#[derive(Debug)]
struct Parts {
    body: Incoming,
    idle: Duration,
    /// Runs while the next part is waited for.
    clock: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Parts {
    fn new(body: Incoming, idle: Duration) -> Self {
        Self { body, idle, clock: None, waiting: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.waiting = false;
                Poll::Ready(frame.map(|frame| frame.map(without_connection).map_err(Broken::Connection)))
            }
            Poll::Pending => {
                let deadline = Instant::now() + self.idle;
                let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                if !std::mem::replace(&mut self.waiting, true) {
                    clock.as_mut().reset(deadline);
                }
                ready!(clock.as_mut().poll(cx));
                Poll::Ready(Some(Err(Broken::Stalled)))
            }
        }
    }
}

fn without_connection(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            headers::remove_of_connection(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

/// How far a request's body has come, for whoever waits for the response.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<Mutex<Upload>>);

#[derive(Debug)]
struct Upload {
    /// When the upstream last took something, or was ready to.
    last: Instant,
    client: Sending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// It has sent what was asked for.
    Ahead,
    /// The next part is waited for.
    Behind,
    /// It took too long.
    Stalled,
    /// It broke off.
    Broken,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Upload { last: Instant::now(), client: Sending::Ahead })))
    }

    /// Since when the upstream is waited for; now, while the client is.
    pub(super) fn since(&self) -> Instant {
        let upload = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if upload.client == Sending::Behind { Instant::now() } else { upload.last }
    }

    /// Whether the client took too long.
    pub(super) fn stalled(&self) -> bool {
        self.client() == Sending::Stalled
    }

    /// Whether the client broke off.
    pub(super) fn broken(&self) -> bool {
        self.client() == Sending::Broken
    }

    /// The upstream took a part.
    pub(super) fn took(&self) {
        self.set(Sending::Ahead);
    }

    /// The upstream wants a part that the client has not sent.
    pub(super) fn waits_for_client(&self) {
        self.set(Sending::Behind);
    }

    fn client(&self) -> Sending {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).client
    }

    fn set(&self, client: Sending) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Upload { last: Instant::now(), client };
    }
}

/// A request's body, on its way to an upstream. `None` is no body.
#[derive(Debug)]
pub(super) struct RequestBody(Option<(Parts, Progress)>);

impl RequestBody {
    pub(super) fn new(body: Incoming, idle: Duration, progress: Progress) -> Self {
        Self(Some((Parts::new(body, idle), progress)).filter(|(parts, _)| !parts.body.is_end_stream()))
    }

    /// No body.
    pub(super) const EMPTY: Self = Self(None);
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some((parts, progress)) = &mut self.0 else { return Poll::Ready(None) };
        let polled = parts.poll(cx);
        match &polled {
            Poll::Ready(None | Some(Ok(_))) => progress.took(),
            Poll::Ready(Some(Err(Broken::Stalled))) => progress.set(Sending::Stalled),
            Poll::Ready(Some(Err(Broken::Connection(_)))) => progress.set(Sending::Broken),
            Poll::Pending => progress.waits_for_client(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(parts, _)| parts.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |(parts, _)| parts.body.size_hint())
    }
}

/// A response's body, on its way from an upstream. It holds the service's permit until it ends.
#[derive(Debug)]
pub(super) struct ResponseBody {
    parts: Parts,
    _permit: OwnedSemaphorePermit,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, idle: Duration, permit: OwnedSemaphorePermit) -> Self {
        Self { parts: Parts::new(body, idle), _permit: permit }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.parts.poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.parts.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.parts.body.size_hint()
    }
}
