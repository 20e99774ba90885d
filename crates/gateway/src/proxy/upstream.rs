//! The way to a service: its upstreams in turn, each call with its events, time-outs and limit.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use event::call::ErrorClass;
use http::header::{HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{Extensions, Method, Request, Response, StatusCode, Uri, Version, uri};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use super::body::{Progress, RequestBody, ResponseBody};
use super::configuration::{Route, Timeouts, Upstream};
use super::connector::Connector;
use crate::{Attempt, CallBody, CallLayer, CallService, Producer};

/// A client of one version of HTTP, with a pool of connections.
pub(super) type Client = legacy::Client<Connector, RequestBody>;

/// A response on its way from a service, whose end is the end of the call.
pub(super) type Forwarded = Response<CallBody<ResponseBody>>;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the service has as many requests as it may")]
    Overloaded,
    #[error("no connection to the service came about")]
    Connect(#[source] legacy::Error),
    #[error("no connection to the service came about in time")]
    ConnectTimeout(#[source] legacy::Error),
    #[error("the service did not answer in time")]
    Timeout,
    #[error("the connection to the service broke before it answered")]
    Connection(#[source] legacy::Error),
    #[error("the service changed the protocol, which it was not asked for")]
    Protocol,
    #[error("the client sent no more of its request")]
    ClientStalled,
    #[error("the client broke off its request")]
    ClientBroken,
    #[error("the request cannot be written")]
    Request(#[from] http::Error),
}

impl Failure {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Overloaded => ErrorClass::Overloaded,
            Self::Connect(_) | Self::ConnectTimeout(_) => ErrorClass::Connect,
            Self::Timeout => ErrorClass::Timeout,
            Self::Connection(_) => ErrorClass::Connection,
            Self::ClientStalled | Self::ClientBroken => ErrorClass::Cancelled,
            Self::Protocol | Self::Request(_) => ErrorClass::Other,
        }
    }

    fn of(error: legacy::Error, progress: &Progress) -> Self {
        match error {
            _ if progress.stalled() => Self::ClientStalled,
            _ if progress.broken() => Self::ClientBroken,
            error if error.is_connect() && timed_out(&error) => Self::ConnectTimeout(error),
            error if error.is_connect() => Self::Connect(error),
            error => Self::Connection(error),
        }
    }
}

fn timed_out(error: &legacy::Error) -> bool {
    let chain = std::iter::successors(error.source(), |error| (*error).source());
    let io = |error: &(dyn Error + 'static)| error.downcast_ref::<io::Error>().map(io::Error::kind);
    chain.filter_map(io).any(|kind| kind == io::ErrorKind::TimedOut)
}

/// What is forwarded, but for the body.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) headers: HeaderMap,
    /// What the layers want to know.
    pub(super) extensions: Extensions,
}

/// A service behind a route.
#[derive(Debug)]
pub(super) struct Destination {
    calls: CallService<OneUpstream, fn(&Failure) -> ErrorClass>,
    upstreams: Vec<Upstream>,
    next: AtomicUsize,
    connect_attempts: u64,
    http2: bool,
    timeouts: Arc<Timeouts>,
}

impl Destination {
    /// The service of that route. `permits` are the service's.
    pub(super) fn new(
        route: &Route,
        client: Client,
        permits: Arc<Semaphore>,
        timeouts: Arc<Timeouts>,
        producer: Producer,
    ) -> Self {
        let calls = CallLayer::new(producer, Arc::clone(&route.service))
            .classify(Failure::class as fn(&Failure) -> ErrorClass)
            .layer(OneUpstream { client, permits, timeouts: Arc::clone(&timeouts) });
        Self {
            calls,
            upstreams: route.upstreams.clone(),
            next: AtomicUsize::new(0),
            connect_attempts: route.connect_attempts,
            http2: route.http2,
            timeouts,
        }
    }

    /// Whether its upstreams speak HTTP/2.
    pub(super) fn http2(&self) -> bool {
        self.http2
    }

    /// Sends the request to the next upstream, and where that does not let connect to the one after it, if nothing can have
    /// happened twice by that.
    pub(super) async fn send(&self, head: Head, body: Incoming) -> Result<Forwarded, Failure> {
        let repeatable = head.method.is_idempotent() && body.is_end_stream();
        let attempts = if repeatable { self.connect_attempts } else { 1 };
        let mut body = Some(body).filter(|_| !repeatable);
        // One turn for all attempts: with one each, those of requests at once could meet the same upstream twice.
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut attempt = 1;
        loop {
            let progress = Progress::new();
            let body = match body.take() {
                Some(body) => RequestBody::new(body, self.timeouts.body_idle, progress.clone()),
                None => RequestBody::EMPTY,
            };
            let request = self.request(&head, body, progress, (turn, attempt))?;
            match self.calls.clone().call(request).await {
                Err(Failure::Connect(_) | Failure::ConnectTimeout(_)) if attempt < attempts => attempt += 1,
                ended => return ended,
            }
        }
    }

    fn request(
        &self,
        head: &Head,
        body: RequestBody,
        progress: Progress,
        (turn, attempt): (usize, u64),
    ) -> Result<Request<RequestBody>, http::Error> {
        let place = turn.wrapping_add(attempt as usize - 1) % self.upstreams.len().max(1);
        let upstream = self.upstreams.get(place);
        let mut parts = uri::Parts::default();
        parts.scheme = upstream.map(|upstream| upstream.scheme.clone());
        parts.authority = upstream.map(|upstream| upstream.authority.clone());
        parts.path_and_query = Some(head.path.clone());
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = Uri::from_parts(parts)?;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = head.headers.clone();
        *request.extensions_mut() = head.extensions.clone();
        request.extensions_mut().insert(Attempt(attempt));
        request.extensions_mut().insert(progress);
        // hyper takes it that a GET without a length has no body, and would leave it out.
        if !self.http2 && !request.body().is_end_stream() && request.body().size_hint().exact().is_none() {
            request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Ok(request)
    }
}

/// One attempt at one upstream, which the request's URI names.
#[derive(Clone, Debug)]
struct OneUpstream {
    client: Client,
    permits: Arc<Semaphore>,
    timeouts: Arc<Timeouts>,
}

impl Service<Request<RequestBody>> for OneUpstream {
    type Response = Response<ResponseBody>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let progress = request.extensions_mut().remove::<Progress>().unwrap_or_else(Progress::new);
        let (client, timeouts) = (self.client.clone(), Arc::clone(&self.timeouts));
        Box::pin(async move {
            let permit = permit.map_err(|_| Failure::Overloaded)?;
            let response = in_time(client.request(request), &progress, timeouts.response_header).await;
            let response =
                response.ok_or(Failure::Timeout)?.map_err(|error| Failure::of(error, &progress))?;
            let (mut parts, body) = response.into_parts();
            if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(Failure::Protocol);
            }
            parts.extensions = Extensions::new();
            Ok(Response::from_parts(parts, ResponseBody::new(body, timeouts.body_idle, permit)))
        })
    }
}

/// Waits for the head of a response, as long as the upstream goes on taking the request's body. `None` is too long.
async fn in_time<F: Future>(response: F, progress: &Progress, limit: Duration) -> Option<F::Output> {
    let mut response = pin!(response);
    let mut deadline = progress.since() + limit;
    loop {
        match tokio::time::timeout_at(deadline, &mut response).await {
            Ok(response) => return Some(response),
            Err(_) if progress.since() + limit > deadline => deadline = progress.since() + limit,
            Err(_) => return None,
        }
    }
}

/// What failed, with its causes, on one line.
pub(super) fn with_causes(error: &Failure) -> String {
    let chain = std::iter::successors(Some(error as &dyn Error), |error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, advance};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_response_has_its_time_from_the_last_part_of_the_request() {
        let (begin, progress) = (Instant::now(), Progress::new());
        let upload = async {
            for _ in 0..10 {
                advance(Duration::from_secs(50)).await;
                progress.took();
            }
            pending::<()>().await;
        };
        tokio::select! {
            timed_out = in_time(pending::<()>(), &progress, LIMIT) => assert_eq!(timed_out, None),
            () = upload => {}
        }
        assert_eq!(begin.elapsed().as_secs(), 560);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_client_is_waited_for_the_service_has_time() {
        let progress = Progress::new();
        progress.waits_for_client();
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, in_time(pending::<()>(), &progress, LIMIT)).await.is_err());
    }
}
