//! The sockets: clients' connections, the admin port, and the end in good order.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Layer, Service};

use super::activity::{Activity, Stalled, Watched};
use super::admin;
use super::configuration::{Configuration, Limits, Timeouts};
use super::handler::Handler;
use super::metrics::Connected;
use crate::{ContextLayer, Producer};

/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// hyper takes no less.
const MIN_HEADER_BYTES: usize = 8 * 1024;

/// How long accepting rests where there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the metrics' histograms are folded, or they grow until somebody reads them.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address is taken, or not this host's.
    #[error("could not listen on {address}, which is `{key}` of the configuration")]
    Listen {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There is an upstream with `https`, and nothing to verify it by.
    #[error("could not load the certificates of this system, by which upstreams with https are verified")]
    Certificates(#[source] io::Error),
}

/// A proxy that listens, and answers when it [runs](Self::run).
pub struct Proxy {
    listener: TcpListener,
    admin: TcpListener,
    metrics: Option<PrometheusHandle>,
    shared: Arc<Shared>,
}

/// How many connections of clients there were when a proxy was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Those that ended in good order.
    pub finished: usize,
    /// Those that were cut off when the time was over.
    pub cut_off: usize,
}

struct Shared {
    handler: Handler,
    http: auto::Builder<Streams>,
    streams: Streams,
    limits: Limits,
    timeouts: Timeouts,
    draining: CancellationToken,
}

impl Proxy {
    /// Takes its sockets. Its metrics are those of the recorder that is installed ([`install`](super::install_metrics)), and are
    /// read by `metrics`.
    ///
    /// # Errors
    /// A socket cannot be had, or no certificate to verify upstreams by.
    pub async fn bind(
        configuration: Configuration,
        producer: Producer,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, Error> {
        let handler = Handler::new(&configuration, &producer).map_err(Error::Certificates)?;
        let listen = async |key, address| {
            TcpListener::bind(address).await.map_err(|source| Error::Listen { key, address, source })
        };
        let listener = listen("listen", configuration.listen).await?;
        let admin = listen("admin", configuration.admin).await?;
        let streams = Streams::default();
        let shared = Shared {
            handler,
            http: http(&configuration.limits, streams.clone()),
            streams,
            limits: configuration.limits,
            timeouts: configuration.timeouts,
            draining: CancellationToken::new(),
        };
        Ok(Self { listener, admin, metrics, shared: Arc::new(shared) })
    }

    /// Where clients connect to.
    ///
    /// # Errors
    /// The system does not say.
    pub fn listen_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where health and metrics are.
    ///
    /// # Errors
    /// The system does not say.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Answers until `stop` resolves. Then it is no longer ready, takes no new connection, and returns when all requests in
    /// flight are answered or the time for that is over. Dropped, it stops at once.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let Self { listener, admin, metrics, shared } = self;
        let mut beside = JoinSet::new();
        let router = admin::router(shared.draining.clone(), metrics.clone());
        beside.spawn(async move {
            if let Err(error) = axum::serve(admin, router).await {
                tracing::error!(%error, "the admin port answers no more");
            }
        });
        if let Some(metrics) = metrics {
            beside.spawn(async move {
                let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
                loop {
                    interval.tick().await;
                    metrics.run_upkeep();
                }
            });
        }

        let mut connections = JoinSet::new();
        accept(&listener, &shared, &mut connections, stop).await;
        drop(listener);
        shared.draining.cancel();
        tracing::info!(connections = connections.len(), "draining");
        let drained = drain(connections, shared.timeouts.drain).await;
        shared.streams.end().await;
        drained
    }
}

/// Takes connections as they come, no more than there may be, until `stop`.
async fn accept(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(shared.limits.connections.min(Semaphore::MAX_PERMITS)));
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            Some(_) = connections.join_next() => {}
            (permit, stream, peer) = next(listener, &permits) => {
                connections.spawn(serve(Arc::clone(shared), permit, stream, peer));
            }
        }
    }
}

/// The next connection. Without a permit none is taken: it waits in the listener's backlog.
async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The semaphore is never closed.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (permit, stream, peer),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve(
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let _permit = permit;
    let _connected = Connected::begin();
    // What is answered is small as often as not, and waiting to fill a packet costs 40 ms.
    let _ = stream.set_nodelay(true);
    connection(&shared, stream, peer).await;
}

async fn connection(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let activity = Activity::new();
    let io = TokioIo::new(Watched { io: stream, activity: activity.clone() });
    let answer = tower::service_fn({
        let (shared, activity) = (Arc::clone(shared), activity.clone());
        move |request: Request<Incoming>| {
            let (shared, activity) = (Arc::clone(&shared), activity.clone());
            async move { Ok::<_, Infallible>(shared.handler.handle(peer.ip(), &activity, request).await) }
        }
    });
    let in_context = ContextLayer.layer(answer);
    let service = service_fn(move |request| in_context.clone().call(request));
    let mut connection = pin!(shared.http.serve_connection(io, service));
    let mut ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, error, "a connection broke");
                }
                return;
            }
            () = shared.draining.cancelled(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            why = activity.stalled(&shared.timeouts) => {
                if ending || why == Stalled::Slow {
                    tracing::debug!(%peer, ?why, "a connection took too long");
                    return;
                }
                ending = true;
                activity.begin_idle();
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What is spoken with clients. Both protocols, whichever they begin with.
fn http(limits: &Limits, streams: Streams) -> auto::Builder<Streams> {
    let mut http = auto::Builder::new(streams);
    let head = limits.header_bytes.max(MIN_HEADER_BYTES);
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(head);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
    http
}

/// The tasks in which hyper answers the streams of HTTP/2. Without it they would outlive their connections a little, and what they
/// have to say of their calls would come too late.
#[derive(Clone, Default)]
struct Streams {
    tasks: TaskTracker,
    cut_off: CancellationToken,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let cut_off = self.cut_off.clone();
        self.tasks.spawn(async move { cut_off.run_until_cancelled_owned(stream).await });
    }
}

impl Streams {
    async fn end(&self) {
        self.cut_off.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn drain(mut connections: JoinSet<()>, limit: Duration) -> Drained {
    let mut finished = 0;
    let all = async {
        while connections.join_next().await.is_some() {
            finished += 1;
        }
    };
    let _ = tokio::time::timeout(limit, all).await;
    let cut_off = connections.len();
    connections.shutdown().await;
    Drained { finished, cut_off }
}
