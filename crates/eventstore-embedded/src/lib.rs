//! An in-process server that speaks EventStoreDB's (KurrentDB's) gRPC protocol, for local runs and tests.
//!
//! It is one node that serves streams, `$all`, catch-up and persistent subscriptions, with or without TLS and passwords, in
//! memory or on a directory:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use eventstore_embedded::Server;
//! use tokio::net::TcpListener;
//!
//! let server = Server::builder().start(TcpListener::bind("127.0.0.1:0").await?).await?;
//! let connection_string = format!("esdb://{}?tls=false", server.address());
//! # drop(connection_string);
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What it is not: a cluster, projections, users besides `admin` and `ops`, access control lists in metadata, scavenging.
//! Nothing is ever removed from its log; what a stream's metadata hide is hidden from reads of the stream.

mod app;
mod auth;
mod config;
mod database;
mod grpc;
mod http;
mod listener;
mod log;
mod persistent;
mod protocol;
mod server;
mod socket;
mod store;

pub use config::{Access, Config, Flush, Password, Storage, Tls};
pub use listener::TlsError;
pub use log::LogError;
pub use persistent::PersistentSubscriptionsError;
pub use server::{Running, Server, StartError};
