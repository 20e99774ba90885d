//! How a server is set up.

use std::{fmt, path::PathBuf};

/// All that can be set of a server. The default is what a test wants: in memory, no TLS, no authentication.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where events are kept.
    pub storage: Storage,
    /// Who may use the server.
    pub access: Access,
    /// The certificate to serve TLS with. Without one, the server speaks plain HTTP: HTTP/2 with prior knowledge for gRPC.
    pub tls: Option<Tls>,
    /// The host that gossip tells clients to connect to, if it is not the address that the server listens on. The port is
    /// always the server's own.
    pub advertised_host: Option<String>,
    /// The largest append, in bytes of data, metadata and types. EventStoreDB's default, up to version 25.0, is 1 MiB.
    pub max_append_size: u32,
    /// How many of the latest events' ids are kept in memory, to know an append again that came without an exact revision.
    pub recent_ids: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            storage: Storage::Memory,
            access: Access::Insecure,
            tls: None,
            advertised_host: None,
            max_append_size: 1024 * 1024,
            recent_ids: 100_000,
        }
    }
}

/// Where events are kept. Nothing else differs between the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory: gone with the server.
    Memory,
    /// In a log in this directory, which one server at a time can use.
    Directory {
        /// It is made if it is not there.
        path: PathBuf,
        /// When a write is on the disk.
        flush: Flush,
    },
}

/// When a write that a client was told of is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Before it is answered (`fdatasync`): it outlives a loss of power. Appends that arrive at once share a flush.
    EveryBatch,
    /// Whenever the operating system writes it: it outlives the process, but not a loss of power.
    LeaveToSystem,
}

/// Who may use the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody may do anything: as EventStoreDB's `INSECURE`.
    Insecure,
    /// Basic authentication by one of two users.
    Passwords {
        /// Of the user `admin`, who may do anything.
        admin: Password,
        /// Of the user `ops`, who may use streams as their lists say: without a list, all but `$all` and those whose name
        /// begins with `$`. It may manage persistent subscriptions.
        ops: Password,
    },
}

/// A password, which is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password of any text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it is this one. How long that takes tells nothing about where they differ.
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differences = own.iter().zip(text).fold(0, |so_far, (a, b)| so_far | (a ^ b));
        own.len() == text.len() && differences == 0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct Tls {
    /// The certificate and those that lead to its root, in PEM.
    pub certificate_chain_pem: String,
    /// The key of the first certificate, in PEM. It is never printed.
    pub private_key_pem: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}
