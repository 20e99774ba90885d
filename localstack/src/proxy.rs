//! A proxy in front of any backend: calls meet what networks and AWS do to them, and each is recorded.
//!
//! It runs in the process that starts it and takes unencrypted HTTP/1.1 on a free port of 127.0.0.1. Without faults and
//! latency a client cannot tell it from the backend.

mod call;
mod forward;
mod reply;
mod seeded;
mod stale;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

use crate::{Error, LoopbackUrl};
pub use call::{Call, Request};
use forward::{Client, Reset};
pub use seeded::Seeded;

/// What a call meets on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, as too many calls are, and never reaches the backend. A BatchWriteItem is taken instead, and all
    /// that it holds comes back unprocessed, as DynamoDB does it.
    Throttled,
    /// It is answered with 503, and never reaches the backend.
    Unavailable,
    /// The connection is reset before it reaches the backend.
    ResetBefore,
    /// It takes effect, and the connection is reset before its answer comes.
    ResetAfter,
    /// A read is answered with what the same read gave a moment before, as if nothing was written since. What has no such
    /// answer, or was asked to be consistent, gets the real one.
    Stale,
    /// The answer comes in pieces, for so long.
    SlowBody(Duration),
    /// It takes so much longer.
    Late(Duration),
}

/// What is done to a call.
#[derive(Clone, Default)]
pub struct Verdict {
    /// What it meets; nothing, mostly.
    pub fault: Option<Fault>,
    /// Done when the call has had its effect, if it has one, and before the client hears of it: what kills the client at
    /// this call, with [`Fault::ResetAfter`], or sends it a signal.
    pub then: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Decides what a call meets. Asked once for each, in the order in which they come.
pub type Faults = dyn Fn(&Request) -> Verdict + Send + Sync;

/// A proxy. Dropping it ends it, and breaks the calls in flight.
#[derive(Debug)]
pub struct Proxy {
    endpoint: LoopbackUrl,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// What all connections share.
struct Shared {
    backend: OnceLock<LoopbackUrl>,
    client: Client,
    state: Mutex<State>,
    in_flight: watch::Sender<usize>,
    stale: Mutex<stale::Memory>,
    begun: Instant,
}

struct State {
    latency: Duration,
    faults: Arc<Faults>,
    calls: Vec<Call>,
    /// The place of the next call since the last [`Proxy::clear`].
    next: usize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Proxy {
    /// The header by which a client names the flow of work that a call belongs to; it goes no further than here.
    pub const FLOW: &str = "headwater-flow";

    /// Listens, without a backend yet: an emulator that has to be told of its proxy is started between this and
    /// [`Proxy::lead_to`].
    ///
    /// # Errors
    /// [`Error::Port`] when no port can be listened on.
    pub async fn start() -> Result<Self, Error> {
        let port = |source| Error::Port { port: 0, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(port)?;
        let endpoint = LoopbackUrl::of_port(listener.local_addr().map_err(port)?.port());
        let shared = Arc::new(Shared {
            backend: OnceLock::new(),
            client: forward::client(),
            state: Mutex::new(State {
                latency: Duration::ZERO,
                faults: Arc::new(|_: &Request| Verdict::default()),
                calls: Vec::new(),
                next: 0,
            }),
            in_flight: watch::Sender::new(0),
            stale: Mutex::default(),
            begun: Instant::now(),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { endpoint, shared, serving })
    }

    /// The same in front of `backend`.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub async fn before(backend: &LoopbackUrl) -> Result<Self, Error> {
        let proxy = Self::start().await?;
        proxy.lead_to(backend);
        Ok(proxy)
    }

    /// Says where calls go. Only the first word counts; a call that comes before it is answered with 503.
    pub fn lead_to(&self, backend: &LoopbackUrl) {
        // A second word would send one client's calls to two backends.
        let _ = self.shared.backend.set(backend.clone());
    }

    /// Where clients send their calls.
    #[must_use]
    pub fn endpoint(&self) -> &LoopbackUrl {
        &self.endpoint
    }

    /// From now on each call takes so long, or as long as its backend takes from half of that time on: it reaches the backend
    /// after half, and is answered when all of it is over.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.state().latency = latency;
    }

    /// From now on calls meet what `faults` says.
    pub fn set_faults(&self, faults: impl Fn(&Request) -> Verdict + Send + Sync + 'static) {
        self.shared.state().faults = Arc::new(faults);
    }

    /// From now on calls meet nothing.
    pub fn calm(&self) {
        self.set_faults(|_| Verdict::default());
    }

    /// The calls so far, in the order in which they came.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// Forgets the calls so far and counts from 0 again.
    pub fn clear(&self) {
        let mut state = self.shared.state();
        state.calls.clear();
        state.next = 0;
    }

    /// Returns once no call is in flight: what a client that was killed had sent has had its effect.
    pub async fn idle(&self) {
        // The sender lives as long as this value.
        let _ = self.shared.in_flight.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and a state is never half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until it is aborted, and with it every connection.
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(converse(stream, Arc::clone(&shared))); }
                Err(error) => {
                    tracing::warn!(%error, "the proxy could not take a connection");
                    // As when files run out: the loop must not spin until some are free again.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // A connection that is dropped with an answer owed is reset, not closed in good order.
    let set = stream.set_nodelay(true).and_then(|()| stream.set_zero_linger());
    if let Err(error) = set {
        tracing::debug!(%error, "the client was gone at once");
        return;
    }
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move {
            // In a task of its own: a call that was sent has its effect, even where its client dies meanwhile.
            tokio::spawn(forward::answer(shared, request)).await.unwrap_or(Err(Reset))
        }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended");
    }
}
