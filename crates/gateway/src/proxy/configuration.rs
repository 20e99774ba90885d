//! `gateway.toml`: where the proxy listens, what it allows, and which paths lead to which service.
//!
//! Every knob is data in [`knobs`]; reading, messages and the [`reference`] come from it. All mistakes of a file are reported
//! at once.

mod document;
mod knobs;
mod network;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use settings_file::Text;
pub use settings_file::{Error, Invalid, Problem};

pub use network::Network;

use crate::Durability;
use crate::proxy::route::{Prefix, Template};

/// What `gateway.toml` says, checked.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where clients connect to. Port 0 is any that is free.
    pub listen: SocketAddr,
    /// Where health and metrics are. Port 0 is any that is free.
    pub admin: SocketAddr,
    /// Whose word on the client before them is taken: only from these are `Forwarded` and `X-Forwarded-*` kept.
    pub trusted_proxies: Vec<Network>,
    /// The events.
    pub events: Events,
    /// How much at once.
    pub limits: Limits,
    /// How long at most.
    pub timeouts: Timeouts,
    /// Which paths lead where. Each prefix is there once.
    pub routes: Vec<Route>,
}

/// The events that the proxy emits.
#[derive(Clone, Debug)]
pub struct Events {
    /// Their `source`.
    pub source: String,
    /// The queue that they go to, where the file says it.
    pub queue_url: Option<String>,
    /// Where they are until the queue has them.
    pub durability: Durability,
}

/// How much the proxy does at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections of clients. Further ones wait in the listener's backlog.
    pub connections: usize,
    /// Requests to one service. Further ones are answered with 503.
    pub requests_per_service: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes: usize,
}

/// How long the proxy waits at most.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For the whole head of a request, from its first byte.
    pub client_header: Duration,
    /// For the next request on a connection.
    pub client_idle: Duration,
    /// For a connection to an upstream, its TLS included.
    pub connect: Duration,
    /// For the head of an upstream's response, from the last part of the request's body that it took.
    pub response_header: Duration,
    /// For the next part of a body, whichever way it goes, and for the client to take it.
    pub body_idle: Duration,
    /// For the next use of a connection to an upstream.
    pub upstream_idle: Duration,
    /// For requests in flight when the proxy is told to end.
    pub drain: Duration,
    /// For the events that are left after that.
    pub flush: Duration,
}

/// Which paths lead to a service.
#[derive(Clone, Debug)]
pub struct Route {
    /// What the paths begin with.
    pub prefix: Prefix,
    /// The service's name, in events and metrics.
    pub service: Arc<str>,
    /// Where it is: each in turn.
    pub upstreams: Vec<Upstream>,
    /// Whether the upstream gets the path without the prefix.
    pub strip_prefix: bool,
    /// What the paths stand for, in events. The first that fits counts.
    pub templates: Vec<Template>,
    /// Whether the upstreams speak HTTP/2, by prior knowledge or ALPN.
    pub http2: bool,
    /// How many upstreams are tried where one does not let connect, if the request is idempotent and has no body.
    pub connect_attempts: u64,
}

/// An upstream's scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host, and port if it is another than the scheme's.
    pub authority: Authority,
}

impl Configuration {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or isn't UTF-8, or holds mistakes (all of them are in the error).
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&settings_file::text(path)?, path)
    }

    /// Checks `text`; `path` only names it in messages.
    ///
    /// # Errors
    /// Every mistake in `text`, in the order of its lines. Mistakes of syntax hide all others.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        document::read(text).map_err(|faults| {
            let source = settings_file::Source { path: path.to_path_buf(), text: text.to_owned() };
            Error::Invalid(Invalid::new(&source, faults))
        })
    }
}

/// Checks the URL of a queue as `queue_url` in the file is checked.
///
/// # Errors
/// What it should be.
pub fn check_queue_url(url: &str) -> Result<(), &'static str> {
    let Text { read, accepts, .. } = &knobs::QUEUE_URL.takes;
    read(url).map(drop).ok_or(accepts)
}

/// Every knob with what it takes, its default and its purpose: a Markdown table for each table of the file.
pub fn reference() -> String {
    settings_file::reference(knobs::TABLES)
}
