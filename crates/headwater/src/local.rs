//! Local AWS with the environment on it: what `up`, `test-local` and the end-to-end tests begin with.

use anyhow::{Context, Result, bail, ensure};
use aws_env::Calls;
use localstack::{Embedded, Emulator, LoopbackUrl};

use crate::{
    cli::{Backend, BackendKind, Target},
    commands::Run,
    packages::Packages,
    progress::Spinner,
    session::{self, Session},
    task::Task,
    workbench::Workbench,
};

/// An emulator that runs, and the local environment on it. Dropping it ends the emulator.
pub struct Local {
    /// The emulator.
    pub emulator: Emulator,
    /// What runs where EventStoreDB's task would.
    pub task: Task,
    /// The environment on it.
    pub bench: Workbench,
    /// The calls that are made through `bench`.
    pub calls: Calls,
    /// How other commands reach it.
    pub target: Target,
}

impl Local {
    /// Starts the backend and opens the environment on it. Nothing is deployed yet.
    ///
    /// # Errors
    /// The configuration is wrong, the packages are missing, or the backend does not start.
    pub async fn start(args: &Backend, run: &Run) -> Result<Self> {
        let environment = session::environment(&run.target.config, &run.target.env)?;
        ensure!(
            environment.is_local(),
            "`{}` is an environment on AWS; local AWS holds the environment `local`",
            environment.name
        );
        let packages = Packages::load(run.target.packages.as_deref())?;
        let backend = backend(args, run)?;
        let spinner = Spinner::new("starting local AWS");
        let progress = |text: &str| spinner.say(text);
        let emulator = run.until_stopped(async { Ok(Emulator::start(backend, &progress).await?) }).await?;
        drop(spinner);
        let task = Task::reserve().await?;
        let target = Target {
            endpoint_url: Some(emulator.endpoint().to_string()),
            eventstore: Some(task.address().into()),
            ..run.target.clone()
        };
        let mut session = run.until_stopped(Session::open(&target)).await?;
        let (sdk, calls) = Calls::watch(&session.sdk);
        session.sdk = sdk;
        Ok(Self { emulator, task, bench: Workbench::of(session, &packages)?, calls, target })
    }
}

fn backend(args: &Backend, run: &Run) -> Result<localstack::Backend> {
    match (args.backend, &run.target.endpoint_url) {
        (BackendKind::Endpoint, Some(url)) => {
            ensure!(
                args.port.is_none(),
                "`--port` is for a backend that is started; the endpoint names its own"
            );
            Ok(localstack::Backend::Endpoint(url.parse::<LoopbackUrl>()?))
        }
        (BackendKind::Endpoint, None) => bail!("the backend `endpoint` needs `--endpoint-url`"),
        (BackendKind::Embedded, Some(url)) => bail!(
            "an endpoint is given ({url}, by --endpoint-url or AWS_ENDPOINT_URL), but the backend is to be started; pass \
             `--backend endpoint` to use it, or unset it"
        ),
        (BackendKind::Embedded, None) => Ok(localstack::Backend::Embedded(Embedded {
            port: args.port,
            ..Embedded::new(localstack::home())
        })),
    }
}

impl Local {
    /// Adds to an error what the emulator says of itself, if it has died.
    ///
    /// # Errors
    /// The one given.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        match self.emulator.check() {
            Err(died) if result.is_err() => result.context(died),
            _ => result,
        }
    }
}
