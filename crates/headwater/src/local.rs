//! Local AWS with the environment on it: what `up`, `test-local` and the end-to-end tests begin with.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use aws_env::Calls;
use localstack::{Containers, Embedded, Emulator, LoopbackUrl};
use resource::Family;

use crate::{
    capabilities::{self, Lacking},
    cli::{Backend, BackendKind, Target},
    commands::Run,
    packages::Packages,
    progress::Spinner,
    running::Found,
    session::{self, Session},
    task::Task,
    workbench::Workbench,
};

/// An emulator that runs, and the local environment on it. Dropping it ends the emulator.
pub struct Local {
    /// EventStoreDB. It goes before the emulator.
    pub task: Task,
    /// The emulator.
    pub emulator: Arc<Emulator>,
    /// The environment on it, without what the emulator lacks.
    pub bench: Workbench,
    /// The calls that are made through `bench`.
    pub calls: Calls,
    /// How other commands reach it.
    pub target: Target,
    /// What it is made of, for people: a part, and which one it is.
    pub parts: Vec<(&'static str, String)>,
}

impl Local {
    /// Starts the backend, asks it what it lacks, and opens the environment on it. Nothing is deployed yet.
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
        Self::on(backend(args, run)?, run).await
    }

    /// The same on a backend whose settings are known.
    ///
    /// # Errors
    /// As [`Local::start`].
    pub async fn on(backend: localstack::Backend, run: &Run) -> Result<Self> {
        let packages = Packages::load(run.target.packages.as_deref())?;
        let name = name(&backend);
        let is_ours = matches!(backend, localstack::Backend::Embedded(_));
        let spinner = Spinner::new("starting local AWS");
        let progress = |text: &str| spinner.say(text);
        let emulator = run.until_stopped(async { Ok(Emulator::start(backend, &progress).await?) }).await?;
        let emulator = Arc::new(emulator);
        let (place, target) = reserve(&emulator, run).await?;
        let mut session = run.until_stopped(Session::open(&target)).await?;
        // What is embedded is pinned, and has all that the blueprint names.
        let lacking = if is_ours {
            Lacking::default()
        } else {
            spinner.say("asking local AWS what it lacks");
            run.until_stopped(async { Ok(ask(&session).await) }).await?
        };
        session.lacking = Some(lacking.clone());
        let (sdk, calls) = Calls::watch(&session.sdk);
        session.sdk = sdk;
        let bench = Workbench::of(session, &packages).await?.without(&lacking)?;
        let task = match place {
            Some(task) => task,
            None => {
                let address = blueprint::address(&bench.session.scope)?;
                let has_ecs = !lacking.0.contains_key(&<aws_ecs::Services as Family>::KIND);
                Task::in_containers(&emulator, address, has_ecs)?
            }
        };
        run.until_stopped(task.have_images(&emulator, &bench, &progress)).await?;
        drop(spinner);
        let parts = vec![("backend", name), ("EventStoreDB", task.description(&bench).await)];
        Ok(Self { task, emulator, bench, calls, target, parts })
    }

    /// What other commands have to know to find it.
    pub fn found(&self) -> Found {
        Found {
            endpoint: self.emulator.endpoint().to_string(),
            eventstore: self.task.address(),
            eventstore_image: self.target.eventstore_image.clone(),
            lacking: self.bench.session.lacking.clone().unwrap_or_default(),
        }
    }

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

    /// Ends it, and says what could not be removed. Dropping it ends it as well.
    ///
    /// # Errors
    /// Something may be left on this machine.
    pub async fn end(self) -> Result<()> {
        let Self { task, emulator, .. } = self;
        task.stop().await?;
        drop(task);
        match Arc::into_inner(emulator) {
            Some(emulator) => Ok(emulator.stop().await?),
            None => Ok(()),
        }
    }
}

/// Where EventStoreDB will be, and how the environment is reached then: a server in this process, or a name on the network of
/// the containers.
async fn reserve(emulator: &Emulator, run: &Run) -> Result<(Option<Task>, Target)> {
    let reached = Target { endpoint_url: Some(emulator.endpoint().to_string()), ..run.target.clone() };
    if emulator.containers().is_some() {
        let scope = session::environment(&reached.config, &reached.env)?.scope();
        return Ok((None, Target { eventstore: Some(blueprint::address(&scope)?), ..reached }));
    }
    let task = Task::reserve().await?;
    let eventstore = Some(task.address());
    // Nobody runs a task's images here.
    Ok((Some(task), Target { eventstore, eventstore_image: None, ..reached }))
}

/// What it lacks: what it has no service for, and what it makes without being able to do it.
async fn ask(session: &Session) -> Lacking {
    let (lacking, tried) =
        tokio::join!(capabilities::ask(session), capabilities::try_out(&session.sdk, &session.scope));
    lacking.and(tried)
}

fn name(backend: &localstack::Backend) -> String {
    match backend {
        localstack::Backend::Embedded(_) => "MiniStack as a process of this machine".to_owned(),
        localstack::Backend::LocalStack(containers) => format!("{} in a container", containers.image),
        localstack::Backend::Endpoint(url) => format!("whatever answers at {url}"),
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
        (BackendKind::Embedded | BackendKind::LocalStack, Some(url)) => bail!(
            "an endpoint is given ({url}, by --endpoint-url or AWS_ENDPOINT_URL), but the backend is to be started; pass \
             `--backend endpoint` to use it, or unset it"
        ),
        (BackendKind::Embedded, None) => Ok(localstack::Backend::Embedded(Embedded {
            port: args.port,
            ..Embedded::new(localstack::home())
        })),
        (BackendKind::LocalStack, None) => Ok(localstack::Backend::LocalStack(Containers {
            port: args.port,
            ..Containers::new(localstack::home())
        })),
    }
}
