//! Starting and stopping.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, spawn_blocking},
};

use crate::{
    app::{App, Ready},
    config::{Access, Config, Storage, Tls},
    database::Database,
    grpc::Services,
    http,
    listener::{self, Serving, TlsError},
    log::{Log, LogError},
    persistent::{Groups, PersistentSubscriptionsError},
    store::Store,
    threads::Threads,
};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener's address is not known, or it cannot be handed to the server's own threads.
    #[error("the listener cannot be used")]
    Listener(#[source] io::Error),
    /// The certificate is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no thread to run on.
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
    /// The configuration of the persistent subscriptions, which the log holds, makes no sense.
    #[error("could not start the persistent subscriptions")]
    PersistentSubscriptions(#[source] PersistentSubscriptionsError),
    /// The runtime is shutting down.
    #[error("the start was interrupted")]
    Interrupted(#[source] JoinError),
}

/// A server that is not started yet.
#[derive(Clone, Debug, Default)]
pub struct Server {
    config: Config,
}

impl Server {
    /// A server with the default configuration: in memory, no TLS, no authentication.
    pub fn builder() -> Self {
        Self::default()
    }

    /// A server with this configuration.
    pub fn with_config(config: Config) -> Self {
        Self { config }
    }

    /// Keeps events here.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.config.storage = storage;
        self
    }

    /// Lets these users in.
    pub fn access(mut self, access: Access) -> Self {
        self.config.access = access;
        self
    }

    /// Serves TLS with this certificate.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.config.tls = Some(tls);
        self
    }

    /// Takes appends of at most so many bytes.
    pub fn max_append_size(mut self, bytes: u32) -> Self {
        self.config.max_append_size = bytes;
        self
    }

    /// Starts on this listener, and returns when the server is ready: it has read its log. Until then it answers every
    /// request with 503. The server runs on threads of its own until it is stopped or dropped. This must be called in a tokio
    /// runtime; when its future is dropped early, nothing is left.
    ///
    /// # Errors
    /// The directory is in use, its log is damaged or cannot be read, or the certificate cannot be served.
    pub async fn start(self, listener: TcpListener) -> Result<Running, StartError> {
        let address = listener.local_addr().map_err(StartError::Listener)?;
        let acceptor = self.config.tls.as_ref().map(listener::acceptor).transpose()?;
        let (app, current) = watch::channel(App::Starting);
        let (stop, stopping) = watch::channel(false);
        let listener = listener.into_std().map_err(StartError::Listener)?;
        let serving = Serving { tls: acceptor, app: current };
        let started = spawn_blocking(move || Threads::start(listener, &serving, &stopping)).await;
        let threads = started.map_err(StartError::Interrupted)?.map_err(StartError::Thread)?;
        let mut running = Running { address, threads, stop, ready: None };
        let config = self.config;
        let (storage, recent_ids) = (config.storage.clone(), config.recent_ids);
        let opened = spawn_blocking(move || open(&storage, recent_ids)).await;
        let database = match opened.map_err(StartError::Interrupted).and_then(|opened| opened) {
            Ok(database) => database,
            Err(error) => {
                running.stop().await;
                return Err(error);
            }
        };
        let groups = {
            let _context = running.threads.handle.enter();
            Groups::start(database.clone()).map_err(StartError::PersistentSubscriptions)?
        };
        let plain = http::routes(config.access.clone(), database.clone());
        let services = Services::new(&config, address, &database, &groups);
        app.send_modify(|app| *app = App::Ready(Arc::new(Ready { services, plain })));
        running.ready = Some((database, groups));
        tracing::info!(%address, storage = ?config.storage, "EventStoreDB's protocol is served");
        Ok(running)
    }
}

fn open(storage: &Storage, recent_ids: usize) -> Result<Database, StartError> {
    let mut store = Store::new(recent_ids);
    let log = match storage {
        Storage::Memory => None,
        Storage::Directory { path, flush } => Some(Log::open(path, *flush, &mut store)?),
    };
    Database::start(store, log).map_err(StartError::Thread)
}

/// A server that runs. Dropping it ends it as a crash would, soon after: what was answered is kept, the rest is not waited
/// for.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    threads: Threads,
    /// The threads end when it is dropped.
    stop: watch::Sender<bool>,
    /// Once the log is read.
    ready: Option<(Database, Groups)>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it: subscriptions end, the requests that are being answered get their answer, and the log is closed. When this
    /// returns the port and the directory are free.
    pub async fn stop(mut self) {
        if let Some((database, groups)) = &self.ready {
            database.announce_stop();
            groups.stop().await;
        }
        self.stop.send_replace(true);
        self.threads.ended().await;
        if let Some((database, _)) = &self.ready {
            database.stop().await;
        }
    }
}
