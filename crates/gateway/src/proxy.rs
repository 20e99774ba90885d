//! The reverse proxy: requests go to the service that their path belongs to, and each is told of by events.
//!
//! It listens, checks a request, finds its [route](configuration::Route) and forwards it by a [`CallLayer`](crate::CallLayer).
//! Bodies stream both ways; nothing of them is kept. What a proxy has to do to headers is done as RFC 9110 says, in `headers`;
//! which paths are forwarded is decided in `route`.

mod activity;
mod admin;
mod answer;
mod body;
pub mod configuration;
mod connector;
mod handler;
mod headers;
mod metrics;
pub mod route;
mod server;
mod upstream;

pub use configuration::Configuration;
pub use metrics::install as install_metrics;
pub use server::{Drained, Error, Proxy};
