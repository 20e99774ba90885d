//! `prod` on an emulator of its own behind a proxy, and what is measured of it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use aws_env::{Connection, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use blueprint::configuration;
use engine::{Approved, Mode};
use headwater::{
    Run, cli::Target, commands::deploy, packages::Packages, progress::Silent, session, session::Session,
    workbench::Workbench,
};
use localstack::{Backend, Embedded, Emulator, Proxy};
use resource::{Outcome, Step};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::Call,
    figures,
    flow::{self, Flow},
};

/// What users do, in the order in which it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The first deploy: everything is made.
    Deploy,
    /// A plan of what is as it should be.
    Plan,
    /// A deploy of a changed blueprint: see [`change`].
    Update,
    /// A destroy: what is stateful stays.
    Destroy,
    /// A destroy of the rest.
    DestroyAll,
}

impl Command {
    pub const ALL: [Self; 5] = [Self::Deploy, Self::Plan, Self::Update, Self::Destroy, Self::DestroyAll];

    fn mode(self) -> Mode {
        match self {
            Self::Deploy | Self::Plan | Self::Update => Mode::Deploy,
            Self::Destroy => Mode::Destroy { include_stateful: false },
            Self::DestroyAll => Mode::Destroy { include_stateful: true },
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deploy => "first deploy",
            Self::Plan => "converged plan",
            Self::Update => "update",
            Self::Destroy => "destroy",
            Self::DestroyAll => "destroy of the rest",
        })
    }
}

/// What an update changes: a knob or two in each of the stacks that hold functions, tasks, logs and alarms.
fn change(environment: &mut configuration::Environment) {
    environment.ingest.memory_mib *= 2;
    // The queue's visibility timeout follows.
    environment.ingest.timeout_seconds *= 2;
    environment.ingest.log_retention_days = 180;
    environment.eventstore.cpu_units *= 2;
    environment.eventstore.memory_mib *= 2;
    environment.eventstore.log_retention_days = 180;
    environment.relay.memory_mib *= 2;
    environment.relay.log_retention_days = 180;
    environment.alarms.emails.push("second@example.com".to_owned());
}

/// `prod`, with nothing deployed at first.
pub struct Environment {
    settings: configuration::Environment,
    packages: PathBuf,
    proxy: Proxy,
    /// Ends with this value.
    _emulator: Emulator,
}

impl Environment {
    /// Starts an emulator, with the functions' zips in the directory `packages`. From then on each call takes `latency`.
    ///
    /// # Errors
    /// The emulator does not start or answer, or there is no `prod` in the configuration file.
    pub async fn start(packages: &Path, latency: Duration) -> Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../headwater.toml");
        let settings = session::environment(&file, "prod")?;
        let embedded = Backend::Embedded(Embedded::new(localstack::home()));
        let emulator = Emulator::start(embedded, &|_| ()).await?;
        let proxy = Proxy::before(emulator.endpoint()).await?;
        let environment = Self { settings, packages: packages.to_owned(), proxy, _emulator: emulator };
        // The first call to each of its services has the emulator load that.
        environment.open(Command::Plan).await?.survey().await?;
        environment.proxy.set_latency(latency);
        Ok(environment)
    }

    /// Does what the command does from its first call to its last.
    ///
    /// # Errors
    /// It does not succeed, or there were calls that nothing names.
    pub async fn measure(&self, command: Command) -> Result<figures::Run> {
        self.proxy.clear();
        let begun = Instant::now();
        let steps = self.carry_out(command).await?;
        let wall = begun.elapsed();
        self.proxy.idle().await;
        let calls = self.proxy.calls();
        let changes = calls.iter().filter(|call| !call.request.is_read()).count();
        let calls = calls.into_iter().map(named).collect::<Result<_>>()?;
        Ok(figures::Run { wall, calls, changes, steps })
    }

    async fn carry_out(&self, command: Command) -> Result<Vec<Step>> {
        let mut bench = self.open(command).await?;
        bench.families = flow::families(bench.families);
        bench.deployments = flow::deployments(bench.deployments);
        let mode = command.mode();
        let proposal = bench.propose_with_estimate(mode).await?;
        let steps = proposal.plan.steps.clone();
        if command == Command::Plan {
            ensure!(steps.is_empty(), "the plan has {} steps", steps.len());
            return Ok(steps);
        }
        let target = Target {
            env: self.settings.name.to_string(),
            endpoint_url: Some(self.proxy.endpoint().to_string()),
            config: PathBuf::new(),
            eventstore: None,
            eventstore_image: None,
            packages: None,
        };
        let run = Run { target, json: false, stop: CancellationToken::new() };
        let report =
            deploy::execute_with(&bench, &run, Approved::Proposed(proposal), Arc::new(Silent)).await?;
        if let Some((step, error)) = report.failures().next() {
            bail!("{}: {}", step.key, deploy::chain(error));
        }
        ensure!(report.outcome == Outcome::Succeeded, "the run ended as {:?}", report.outcome);
        Ok(steps)
    }

    /// As `Workbench::open` does it, which takes credentials from the environment's variables.
    async fn open(&self, command: Command) -> Result<Workbench> {
        let mut settings = self.settings.clone();
        if command == Command::Update {
            change(&mut settings);
        }
        let sdk = self.connect().await?;
        let scope = settings.scope();
        Flow::new("guard", "").of(aws_env::guard(&sdk, &scope)).await?;
        let packages = match command {
            Command::Destroy | Command::DestroyAll => Packages::not_built(),
            Command::Deploy | Command::Plan | Command::Update => Packages::load(Some(&self.packages))?,
        };
        let session = Session { environment: settings, scope, sdk, lacking: None };
        Flow::new("boundary", "").of(Workbench::of(session, &packages)).await
    }

    async fn connect(&self) -> Result<SdkConfig> {
        let connection = Connection {
            region: self.settings.region.to_string(),
            profile: None,
            endpoint_url: Some(self.proxy.endpoint().to_string()),
            local: false,
        };
        // The emulator takes an access key of 12 digits for the account's number.
        let account = self.settings.account.to_string();
        let credentials = Credentials::new(account, "test", None, None, "bench");
        let sdk = aws_env::connect(&connection).await?.to_builder();
        Ok(flow::told(&sdk.credentials_provider(SharedCredentialsProvider::new(credentials)).build()))
    }
}

fn named(call: localstack::proxy::Call) -> Result<Call> {
    let request = call.request;
    let operation = format!("{}:{}", request.service, request.action);
    let flow = request.flow.with_context(|| format!("nothing says what {operation} was called for"))?;
    let end = call.end.with_context(|| format!("{operation} was not answered"))?;
    Ok(Call { flow: flow.parse()?, operation, resource: request.resource, start: call.start, end })
}
