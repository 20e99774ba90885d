//! EventStoreDB by gRPC: one connection, kept between invocations, and made anew when it fails.

mod append;
mod read;
mod status;
mod tls;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use eventstore_protocol::streams::streams_client::StreamsClient;
use tokio::sync::Mutex;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::Secrets;
use crate::configuration::Address;
use crate::secrets::Contents;
use crate::store::{EventStore, Proposed, StoreError, Stored};
use function::logging::with_causes;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A call, or the next event of a read, that takes longer is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was not used for longer is not used again. Between invocations the process is frozen and does not answer
/// EventStoreDB's keep-alive, which then gives the connection up, by default after 10 s without an answer.
const LONGEST_IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);
/// An answer holds one event: EventStoreDB takes 16 MB, beside which there is its metadata.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// An EventStoreDB (KurrentDB) of one node.
///
/// It is connected to when it is first used. Secrets are read then, and again after it refused the password or its certificate
/// was not trusted: both may have been renewed.
#[derive(Debug)]
pub struct EventStoreDb {
    address: Address,
    secrets: Secrets,
    state: Mutex<State>,
    /// How often connecting failed: who waited for somebody else's attempt shares its failure.
    failed_attempts: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Connection>,
    /// When the open connection was last known to work. By the wall clock, which a frozen process sees go on.
    used_at: Option<SystemTime>,
    secrets: Option<Contents>,
    /// Connections made so far.
    made: u64,
    last_failure: Option<StoreError>,
}

/// A connection that calls share.
#[derive(Debug, Clone)]
struct Connection {
    number: u64,
    client: StreamsClient<Channel>,
    /// Never printed: it is marked as sensitive.
    authorization: Option<MetadataValue<Ascii>>,
}

/// Why a call failed, and what that says of the connection.
#[derive(Debug)]
enum CallError {
    /// EventStoreDB's answer. The connection is in order.
    Answered(StoreError),
    /// The user is unknown, or has another password.
    Unauthenticated { reason: String },
    /// There was no sensible answer.
    Broken { reason: String },
}

impl EventStoreDb {
    /// The EventStoreDB at `address`. Nothing is connected to yet.
    pub fn new(address: Address, secrets: Secrets) -> Self {
        Self { address, secrets, state: Mutex::default(), failed_attempts: AtomicU64::new(0) }
    }

    /// The connection, made where there is none.
    async fn connection(&self) -> Result<Connection, StoreError> {
        let failed_before = self.failed_attempts.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if state.is_stale() {
            state.open = None;
        }
        if let Some(open) = &state.open {
            return Ok(open.clone());
        }
        if let Some(failure) = &state.last_failure
            && self.failed_attempts.load(Ordering::Acquire) != failed_before
        {
            return Err(failure.clone());
        }
        match self.connect(&mut state).await {
            Ok(connection) => Ok(connection),
            Err(reason) => {
                let failure = StoreError::Away { reason };
                state.last_failure = Some(failure.clone());
                self.failed_attempts.fetch_add(1, Ordering::AcqRel);
                Err(failure)
            }
        }
    }

    async fn connect(&self, state: &mut State) -> Result<Connection, String> {
        let (endpoint, authorization) = match &self.address.tls {
            None => (endpoint("http", &self.address.address)?, None),
            Some(tls) => {
                let secrets = match state.secrets.take() {
                    Some(secrets) => secrets,
                    None => self.secrets.read(tls).await?,
                };
                let secrets = state.secrets.insert(secrets);
                let endpoint = endpoint("https", &self.address.address)?;
                let endpoint = tls::encrypted(endpoint, tls, secrets.certificates.as_ref())?;
                (endpoint, Some(basic(&tls.user, &secrets.password)?))
            }
        };
        let channel = endpoint.connect().await.map_err(|error| {
            if status::is_of_tls(&error) {
                state.secrets = None;
            }
            with_causes(&error)
        })?;
        state.made += 1;
        let client = StreamsClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
        let connection = Connection { number: state.made, client, authorization };
        state.open = Some(connection.clone());
        state.used_at = Some(SystemTime::now());
        Ok(connection)
    }

    /// Draws from a call's answer what it says of its connection.
    async fn heed<T>(&self, connection: &Connection, answer: Result<T, CallError>) -> Result<T, StoreError> {
        let mut state = self.state.lock().await;
        let is_current = state.open.as_ref().is_some_and(|open| open.number == connection.number);
        match answer {
            Ok(_) | Err(CallError::Answered(_)) if is_current => state.used_at = Some(SystemTime::now()),
            Err(CallError::Broken { .. }) if is_current => state.open = None,
            Err(CallError::Unauthenticated { .. }) if is_current => {
                (state.open, state.secrets) = (None, None)
            }
            _ => {}
        }
        answer.map_err(|error| match error {
            CallError::Answered(error) => error,
            CallError::Unauthenticated { reason } | CallError::Broken { reason } => {
                StoreError::Failed { reason }
            }
        })
    }
}

impl EventStore for EventStoreDb {
    async fn read_backwards(
        &self,
        stream: &str,
        from: Option<u64>,
        count: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let connection = self.connection().await?;
        let answer = connection.read_backwards(stream, from, count).await;
        self.heed(&connection, answer).await
    }

    async fn append(
        &self,
        stream: &str,
        behind: Option<u64>,
        events: Vec<Proposed>,
    ) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let answer = connection.append(stream, behind, events).await;
        self.heed(&connection, answer).await
    }
}

impl State {
    /// Where the clock was set back, it is not known.
    fn is_stale(&self) -> bool {
        let idle = self.used_at.and_then(|used_at| used_at.elapsed().ok());
        idle.is_some_and(|idle| idle > LONGEST_IDLE)
    }
}

impl Connection {
    /// A request with who asks.
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }
}

fn endpoint(scheme: &str, address: &str) -> Result<Endpoint, String> {
    let endpoint =
        Endpoint::from_shared(format!("{scheme}://{address}")).map_err(|error| with_causes(&error))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT))
}

/// Credentials of HTTP's basic scheme.
fn basic(user: &str, password: &str) -> Result<MetadataValue<Ascii>, String> {
    let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    // Base64 is ASCII.
    let mut value: MetadataValue<Ascii> =
        value.parse().map_err(|_| "the credentials cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
