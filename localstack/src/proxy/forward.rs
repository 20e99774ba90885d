//! The way of one call: what it meets, the backend, and the answer.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode, Uri,
    body::{Frame, Incoming},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Call, Fault, Proxy, Request, Shared, Verdict, reply, stale::Read};

pub(super) type Client = legacy::Client<HttpConnector, Full<Bytes>>;
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// In how many pieces a slow answer comes.
const PIECES: usize = 10;

/// The connection is reset.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset, as it was to be")]
pub(super) struct Reset;

/// The way to the backend.
pub(super) fn client() -> Client {
    legacy::Client::builder(TokioExecutor::new()).build_http()
}

/// Counts a call in flight for as long as it lives.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.in_flight.send_modify(|count| *count += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|count| *count -= 1);
    }
}

pub(super) async fn answer(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Reset> {
    let _in_flight = InFlight::begin(&shared);
    let (parts, body) = request.into_parts();
    // A client that dies while it writes has made no call.
    let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let (call, verdict, latency) = shared.enter(&parts, &body);
    let request = call.request;
    // What the backend takes is part of it, as it is of what a call to AWS takes.
    let done = Instant::now() + latency;
    sleep(latency / 2).await;
    let answer = met(&shared, &request, verdict.fault, parts, body).await;
    if let Some(then) = verdict.then {
        then();
    }
    sleep_until(done).await;
    shared.leave((request.number, call.start), answer.as_ref().ok().map(|answer| answer.status()));
    let slow = match verdict.fault {
        Some(Fault::SlowBody(within)) => within,
        _ => Duration::ZERO,
    };
    Ok(answer?.map(|body| dribble(body, slow)))
}

/// The answer to a call that meets `fault`.
async fn met(
    shared: &Shared,
    request: &Request,
    fault: Option<Fault>,
    parts: http::request::Parts,
    body: Bytes,
) -> Result<Response<Bytes>, Reset> {
    let read = Read::of(request, &parts, &body);
    match fault {
        Some(Fault::ResetBefore) => return Err(Reset),
        Some(Fault::Throttled) => return Ok(reply::throttled(request, &parts, &body)),
        Some(Fault::Unavailable) => return Ok(reply::unavailable(request, &parts)),
        Some(Fault::Late(longer)) => sleep(longer).await,
        Some(Fault::Stale) => {
            if let Some(old) = read.as_ref().and_then(|read| shared.stale().recall(read)) {
                return Ok(old);
            }
        }
        Some(Fault::ResetAfter | Fault::SlowBody(_)) | None => {}
    }
    let answer = shared.forward(parts, body).await;
    if let (Some(read), Ok(answer)) = (read, &answer) {
        shared.stale().remember(read, answer);
    }
    match fault {
        Some(Fault::ResetAfter) => Err(Reset),
        _ => answer,
    }
}

impl Shared {
    fn stale(&self) -> std::sync::MutexGuard<'_, super::stale::Memory> {
        self.stale.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Records a call that came, and asks what it meets.
    fn enter(&self, parts: &http::request::Parts, body: &[u8]) -> (Call, Verdict, Duration) {
        let mut state = self.state();
        let request = Request::read(state.next, parts, body);
        state.next += 1;
        let verdict = (Arc::clone(&state.faults))(&request);
        let start = self.begun.elapsed();
        let (fault, latency) = (verdict.fault, state.latency);
        let call = Call { request, start, end: None, status: None, fault };
        state.calls.push(call.clone());
        (call, verdict, latency)
    }

    /// Records how it went. One that was forgotten meanwhile stays so.
    fn leave(&self, (number, start): (usize, Duration), status: Option<StatusCode>) {
        let end = self.begun.elapsed();
        if let Some(call) = self.state().calls.get_mut(number).filter(|call| call.start == start) {
            call.end = Some(end);
            call.status = status.map(|status| status.as_u16());
        }
    }

    async fn forward(&self, mut parts: http::request::Parts, body: Bytes) -> Result<Response<Bytes>, Reset> {
        let Some(backend) = self.backend.get() else {
            return Ok(reply::of(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "no backend yet"));
        };
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("{backend}{path}").parse::<Uri>().map_err(|_| Reset)?;
        parts.headers.remove(Proxy::FLOW);
        let request = hyper::Request::from_parts(parts, Full::new(body));
        // A backend that is gone is a connection that breaks, to the client.
        let answer = self.client.request(request).await.map_err(|error| {
            tracing::debug!(%error, "the backend did not answer");
            Reset
        })?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// A body that comes in pieces, for so long; at once where that is no time.
fn dribble(body: Bytes, within: Duration) -> Body {
    if within.is_zero() {
        return Full::new(body).boxed_unsync();
    }
    let size = body.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Bytes> =
        (0..body.len()).step_by(size).map(|from| body.slice(from..body.len().min(from + size))).collect();
    let pause = within / u32::try_from(pieces.len().max(1)).unwrap_or(1);
    let pieces = stream::iter(pieces).then(move |piece| async move {
        sleep(pause).await;
        Ok(Frame::data(piece))
    });
    StreamBody::new(pieces).boxed_unsync()
}
