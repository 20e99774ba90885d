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
//! It says that it is version 24.10, and does what that does. The program `eventstore-embedded` is the same server with
//! EventStoreDB's environment variables: it stands in for the image where that cannot be had.
//!
//! # What is not there
//!
//! - A cluster, projections (so no `$by_category` and the like), the user interface, AtomPub, the operations, monitoring,
//!   users and projections services, appends to several streams at once, secondary indexes.
//! - Users besides `admin` and `ops`, user certificates, and passwords that are kept in the database: those of the
//!   configuration are the passwords of every start.
//! - Lists of who may do what for all streams, in `$settings`. The list of a stream, `$acl` in its metadata, is obeyed.
//! - Scavenging: nothing is ever removed from the log; what a stream's metadata hide is hidden from reads of the stream.
//!   The whole log is in memory, and is read at the start.
//! - Deadlines of batched appends, measurements of persistent subscriptions, compression of responses.

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
mod threads;

pub use config::{Access, Config, Flush, Password, Storage, Tls};
pub use listener::TlsError;
pub use log::LogError;
pub use persistent::PersistentSubscriptionsError;
pub use server::{Running, Server, StartError};
