//! The one port: TLS if it is configured, then HTTP/1.1 or HTTP/2, whichever the client speaks.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use crate::{app::App, config::Tls, socket::Socket};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long to wait after a connection that could not be accepted.
const REST: Duration = Duration::from_millis(50);

/// How long a request that is being answered may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Why the certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It, or the key, is not PEM.
    #[error("the certificate or its key is not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// It does not fit the key, or is of no use to a server.
    #[error("the certificate cannot be served with this key")]
    Certificate(#[source] rustls::Error),
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// What is needed to make TLS of a connection. HTTP/2 is offered before HTTP/1.1.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(tls.certificate_chain_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(tls.private_key_pem.as_bytes()).map_err(TlsError::Pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(TlsError::Pem)?, key)
        .map_err(TlsError::Certificate)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What every connection is served with.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) tls: Option<TlsAcceptor>,
    /// Each request is answered by what there is when it comes.
    pub(crate) app: watch::Receiver<App>,
}

/// A connection on its way to the thread that serves it.
pub(crate) type Accepted = (std::net::TcpStream, PeerAddress);

/// Accepts connections until `stop` says so, and hands them to those who serve, each in turn.
pub(crate) async fn accept(
    listener: TcpListener,
    servers: Vec<mpsc::UnboundedSender<Accepted>>,
    mut stop: watch::Receiver<bool>,
) {
    for server in servers.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, PeerAddress(peer)))) {
            Ok(accepted) => {
                // One that panicked serves no more: the client sees a closed connection.
                let _gone = server.send(accepted);
            }
            Err(error) => {
                // Too many open files, most likely: connections that end make room.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Serves connections until `stop` says so. Then it waits for the requests that are being answered, within bounds.
pub(crate) async fn serve(
    mut accepted: mpsc::UnboundedReceiver<Accepted>,
    serving: Serving,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Without a listener there are no more, but those that there are go on.
            Some((stream, peer)) = accepted.recv() => {
                connections.spawn(connection(stream, peer, serving.clone(), graceful.watcher()));
            }
            // Finished connections are forgotten as they finish.
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection did not end in order");
                }
            }
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            seconds = GRACE.as_secs(),
            "some requests were not done in time: their connections are closed"
        );
    }
    connections.shutdown().await;
}

async fn connection(stream: std::net::TcpStream, peer: PeerAddress, serving: Serving, graceful: Watcher) {
    let Serving { tls, app } = serving;
    let stream = match TcpStream::from_std(stream).and_then(Socket::new) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
    };
    match tls {
        None => answer(stream, peer, app, graceful).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => answer(stream, peer, app, graceful).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: PeerAddress,
    app: watch::Receiver<App>,
    graceful: Watcher,
) {
    let service = service_fn(move |mut request: http::Request<_>| {
        request.extensions_mut().insert(peer);
        let current = app.borrow().clone();
        async move { Ok::<_, Infallible>(current.answer(request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(1024).initial_stream_window_size(1 << 20);
    builder.http2().initial_connection_window_size(1 << 22).auto_date_header(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = graceful.watch(connection).await {
        tracing::debug!(error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::threads::Threads;

    #[tokio::test]
    async fn a_server_that_reads_its_log_says_that_it_is_not_there_yet() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("it can be");
        let address = listener.local_addr().expect("it has an address");
        let (_app, app) = watch::channel(App::Starting);
        let (stop, stopping) = watch::channel(false);
        let serving = Serving { tls: None, app };
        let started =
            tokio::task::spawn_blocking(move || Threads::start(listener, &serving, &stopping)).await;
        let mut threads = started.expect("nothing panics").expect("they start");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        stop.send_replace(true);
        threads.ended().await;
    }
}
