//! EventStoreDB on the laptop: our own server in this process, on an address and a directory that it keeps over restarts.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
};

use eventstore_embedded::{Access, Flush, Running, Server, StartError, Storage};
use tokio::net::TcpSocket;

pub use eventstore_embedded::{Password, Tls};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Where EventStoreDB's task would be: an address, and the data that lies on the file system. The server itself comes and
/// goes, as the task does.
#[derive(Debug)]
pub struct EventStore {
    address: SocketAddrV4,
    /// Bound and never listening: while the server is stopped, the system gives the port to nobody else.
    _reserved: TcpSocket,
    directory: PathBuf,
    /// The directory goes with this.
    _temporary: tempfile::TempDir,
    running: Option<Running>,
}

/// Who may use the server, and how.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The password of the user `admin`.
    pub admin: Password,
    /// The password of the user `ops`.
    pub ops: Password,
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreError {
    /// There is no port, or no directory for the data.
    #[error("there is no room for EventStoreDB on this machine")]
    Room(#[source] io::Error),
    /// Somebody else listens on the port.
    #[error("EventStoreDB's address {address} is in use")]
    Address {
        /// The address.
        address: SocketAddrV4,
        /// What the system says.
        source: io::Error,
    },
    /// The server does not start.
    #[error("EventStoreDB's stand-in does not start")]
    Start(#[from] StartError),
}

impl EventStore {
    /// Finds an address on 127.0.0.1 and makes a directory for the data, which goes with the value. Nothing runs yet.
    ///
    /// # Errors
    /// [`EventStoreError::Room`].
    pub async fn reserve() -> Result<Self, EventStoreError> {
        let reserved = bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).map_err(EventStoreError::Room)?;
        let port = reserved.local_addr().map_err(EventStoreError::Room)?.port();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let temporary = tempfile::tempdir().map_err(EventStoreError::Room)?;
        let directory = temporary.path().join("data");
        Ok(Self { address, _reserved: reserved, directory, _temporary: temporary, running: None })
    }

    /// Where it answers, when it runs.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Where the data lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the server runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts the server on the data that is there; one that runs is left alone. Without credentials anybody may do
    /// anything, as with EventStoreDB's `INSECURE`.
    ///
    /// # Errors
    /// [`EventStoreError`].
    pub async fn start(
        &mut self,
        credentials: Option<Credentials>,
        tls: Option<Tls>,
    ) -> Result<(), EventStoreError> {
        if self.is_running() {
            return Ok(());
        }
        let address = self.address;
        let listener = bind(address)
            .and_then(|socket| socket.listen(BACKLOG))
            .map_err(|source| EventStoreError::Address { address, source })?;
        let path = self.directory.clone();
        let access = match credentials {
            Some(Credentials { admin, ops }) => Access::Passwords { admin, ops },
            None => Access::Insecure,
        };
        let server = Server::builder()
            .storage(Storage::Directory { path, flush: Flush::LeaveToSystem })
            .access(access);
        let server = match tls {
            Some(tls) => server.tls(tls),
            None => server,
        };
        self.running = Some(server.start(listener).await?);
        Ok(())
    }

    /// Stops the server, as ECS stops a task; the data stays.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Deletes the data, as the loss of a file system would. The server must not run.
    ///
    /// # Errors
    /// The directory cannot be removed.
    pub fn lose_data(&mut self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A socket at that address, beside which others of ours may be bound there. Only one of them listens.
fn bind(address: SocketAddrV4) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::V4(address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_port_stays_its_own_while_it_is_stopped() {
        let mut store = EventStore::reserve().await.expect("there is room");
        let address = SocketAddr::V4(store.address());
        let taken = || TcpSocket::new_v4().and_then(|other| other.bind(address)).is_err();
        assert!(taken(), "before its first start");
        store.start(None, None).await.expect("it starts");
        store.stop().await;
        assert!(taken(), "while it is stopped");
        store.start(None, None).await.expect("it starts again");
    }
}
