//! One interface to every backend: start, use the endpoint, stop.

use std::path::Path;
use std::time::Duration;

use crate::embedded::{Embedded, Running};
use crate::{Error, FunctionProcess, LoopbackUrl, health};

/// The region that a local run uses.
pub const REGION: &str = "us-east-1";

/// The account that an emulator says it is.
pub const ACCOUNT: &str = "000000000000";

/// The credentials that a local run uses: dummies, never a user's own.
pub const CREDENTIALS: Credentials = Credentials { access_key_id: "test", secret_access_key: "test" };

/// How long an endpoint that is said to be there may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// An access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: &'static str,
    /// The access key's secret.
    pub secret_access_key: &'static str,
}

/// Told of each step that may take seconds, in words for a person.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Where local AWS comes from.
#[derive(Clone, Debug)]
pub enum Backend {
    /// MiniStack as a child process.
    Embedded(Embedded),
    /// Whatever answers at this URL.
    Endpoint(LoopbackUrl),
}

/// Local AWS that answers. Dropping it ends what it started.
#[derive(Debug)]
pub struct Emulator {
    endpoint: LoopbackUrl,
    running: Option<Running>,
}

impl Emulator {
    /// Starts the backend and returns once it answers.
    ///
    /// Runs beside each other share the installed packages and nothing else. Dropping the future ends what was started.
    ///
    /// # Errors
    /// Whatever keeps it from answering; [`Error::help`] says what to do about it.
    pub async fn start(backend: Backend, progress: Progress<'_>) -> Result<Self, Error> {
        match backend {
            Backend::Embedded(embedded) => {
                let running = embedded.start(progress).await?;
                Ok(Self { endpoint: running.endpoint().clone(), running: Some(running) })
            }
            Backend::Endpoint(endpoint) => {
                health::connect(&endpoint, CONNECT_WITHIN)
                    .await
                    .map_err(|source| Error::NothingAnswers { url: endpoint.to_string(), source })?;
                Ok(Self { endpoint, running: None })
            }
        }
    }

    /// The URL to send AWS requests to, without a slash at its end.
    #[must_use]
    pub fn endpoint(&self) -> &LoopbackUrl {
        &self.endpoint
    }

    /// The emulator's log, where it is ours to keep.
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        self.running.as_ref().map(Running::log)
    }

    /// The emulator's process id, where it is ours.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(Running::process_id)
    }

    /// Waits until the emulator ends by itself and says how: what a run that stays up watches. An endpoint that we
    /// did not start is not watched.
    pub async fn died(&self) -> Error {
        match &self.running {
            Some(running) => running.died().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the emulator still runs: after a request that failed, this tells a dead emulator from any other cause.
    ///
    /// # Errors
    /// [`Error::Died`] when it has ended by itself.
    pub fn check(&self) -> Result<(), Error> {
        self.running.as_ref().map_or(Ok(()), Running::check)
    }

    /// The processes of the functions that the emulator runs now; none for an endpoint that we did not start.
    ///
    /// # Errors
    /// [`Error::Processes`] when the machine's processes cannot be listed.
    pub fn function_processes(&self) -> Result<Vec<FunctionProcess>, Error> {
        self.running.as_ref().map_or_else(|| Ok(Vec::new()), Running::function_processes)
    }

    /// Ends what was started: the emulator, its functions and its scratch directory. The log stays.
    pub fn stop(self) {
        drop(self);
    }
}
