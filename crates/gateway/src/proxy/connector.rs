//! Connections to upstreams: TCP, TLS, and a time-out for both together.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, crypto::ring};
use tower::{BoxError, Service};

use super::configuration::Configuration;
use super::upstream::Client;

/// How often an upstream with HTTP/2 is asked whether it is still there, while requests are with it.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Makes connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

/// The clients of all routes: for HTTP/1.1, and for HTTP/2.
///
/// # Errors
/// There is an upstream with `https`, and the system has no certificates to verify it by.
pub(super) fn clients(configuration: &Configuration) -> io::Result<(Client, Client)> {
    let mut upstreams = configuration.routes.iter().flat_map(|route| &route.upstreams);
    let tls = upstreams.any(|upstream| upstream.scheme == Scheme::HTTPS);
    let tls = if tls { trusting_the_system()? } else { trusting_nobody()? };
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let builder = |tls| HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let http1 = builder(tls.clone()).enable_http1().wrap_connector(http.clone());
    let http2 = builder(tls).enable_http2().wrap_connector(http);
    let client = |https, http2_only| {
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(configuration.timeouts.upstream_idle)
            .http2_only(http2_only)
            // All requests share one connection, which is never idle: that its other end is gone must be found out by asking.
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(configuration.timeouts.connect)
            .build(Connector { https, limit: configuration.timeouts.connect })
    };
    Ok((client(http1, false), client(http2, true)))
}

fn trusting_the_system() -> io::Result<ClientConfig> {
    Ok(tls()?.with_native_roots()?.with_no_client_auth())
}

/// Where no upstream has TLS, a system without certificates will do.
fn trusting_nobody() -> io::Result<ClientConfig> {
    Ok(tls()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn tls() -> io::Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    builder.with_safe_default_protocol_versions().map_err(io::Error::other)
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, upstream: Uri) -> Self::Future {
        let connection = tokio::time::timeout(self.limit, self.https.call(upstream));
        Box::pin(async move {
            connection.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        })
    }
}
