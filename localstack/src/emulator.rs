//! One interface to every backend: start, use the endpoint, stop.

use std::path::Path;
use std::time::Duration;

use crate::embedded::{Embedded, Running};
use crate::{Containers, Error, FunctionProcess, LoopbackUrl, Stack, health};

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
    /// LocalStack, or an image that answers as it does, in a container.
    LocalStack(Containers),
    /// Whatever answers at this URL.
    Endpoint(LoopbackUrl),
}

/// Local AWS that answers. Dropping it ends what it started.
#[derive(Debug)]
pub struct Emulator {
    endpoint: LoopbackUrl,
    started: Started,
}

/// What we started, and end.
#[derive(Debug)]
enum Started {
    Process(Running),
    Containers(Stack),
    Nothing,
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
                Ok(Self { endpoint: running.endpoint().clone(), started: Started::Process(running) })
            }
            Backend::LocalStack(containers) => {
                let stack = containers.start(progress).await?;
                Ok(Self { endpoint: stack.endpoint().clone(), started: Started::Containers(stack) })
            }
            Backend::Endpoint(endpoint) => {
                health::connect(&endpoint, CONNECT_WITHIN)
                    .await
                    .map_err(|source| Error::NothingAnswers { url: endpoint.to_string(), source })?;
                Ok(Self { endpoint, started: Started::Nothing })
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
        match &self.started {
            Started::Process(running) => Some(running.log()),
            Started::Containers(stack) => Some(stack.log()),
            Started::Nothing => None,
        }
    }

    /// The emulator's process id, where it is a child of ours.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        match &self.started {
            Started::Process(running) => Some(running.process_id()),
            Started::Containers(_) | Started::Nothing => None,
        }
    }

    /// The containers that it runs in and runs, where it is one.
    #[must_use]
    pub fn containers(&self) -> Option<&Stack> {
        match &self.started {
            Started::Containers(stack) => Some(stack),
            Started::Process(_) | Started::Nothing => None,
        }
    }

    /// Waits until the emulator ends by itself and says how: what a run that stays up watches. An endpoint that we
    /// did not start is not watched.
    pub async fn died(&self) -> Error {
        match &self.started {
            Started::Process(running) => running.died().await,
            Started::Containers(stack) => stack.container().until_died().await,
            Started::Nothing => std::future::pending().await,
        }
    }

    /// Whether the emulator still runs: after a request that failed, this tells a dead emulator from any other cause.
    ///
    /// # Errors
    /// [`Error::Died`] when it has ended by itself.
    pub fn check(&self) -> Result<(), Error> {
        match &self.started {
            Started::Process(running) => running.check(),
            Started::Containers(stack) => stack.check(),
            Started::Nothing => Ok(()),
        }
    }

    /// The processes of the functions that the emulator runs now as ours; none in containers, and none for an endpoint that
    /// we did not start.
    ///
    /// # Errors
    /// [`Error::Processes`] when the machine's processes cannot be listed.
    pub fn function_processes(&self) -> Result<Vec<FunctionProcess>, Error> {
        match &self.started {
            Started::Process(running) => running.function_processes(),
            Started::Containers(_) | Started::Nothing => Ok(Vec::new()),
        }
    }

    /// Ends what was started: the emulator, its functions, its scratch directory, and all containers on its network. The logs
    /// stay. Dropping does the same and tells nobody what could not be removed.
    ///
    /// # Errors
    /// [`Error::Docker`] or [`Error::Left`] when something of it may be left. The next start removes it once this process
    /// has ended.
    pub async fn stop(self) -> Result<(), Error> {
        match self.started {
            Started::Containers(stack) => stack.stop().await,
            Started::Process(_) | Started::Nothing => Ok(()),
        }
    }
}
