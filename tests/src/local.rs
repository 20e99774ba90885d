//! An environment on an emulator of its own, and what a deploy does to it.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use aws_env::Calls;
use engine::{Approved, Mode, Report};
use headwater::{
    Run, cli::Target, commands::deploy, packages::Packages, progress::Silent, session::Session, task::Task,
    workbench::Workbench,
};
use localstack::{Backend, Containers, Embedded, Emulator, Proxy};
use resource::{Graph, Key, Node, Outcome, Plan, is_shared};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::program;

/// The environment `local` on an emulator that ends with this value.
pub struct Local {
    /// The emulator.
    pub emulator: Arc<Emulator>,
    /// What runs where EventStoreDB's task would.
    pub task: Task,
    /// The environment, its blueprint, and the families that make it so.
    pub bench: Workbench,
    /// The calls that `bench` makes.
    pub calls: Calls,
    /// Where the program finds environment, emulator and packages.
    pub target: Target,
    directory: TempDir,
}

impl Local {
    /// Starts an emulator, with a configuration file that holds `knobs`. Nothing is deployed yet.
    ///
    /// # Errors
    /// The functions cannot be packaged, the emulator does not start, or the knobs are wrong.
    pub async fn start(knobs: &str) -> Result<Self> {
        Self::on(Embedded::new(localstack::home()), knobs, None).await
    }

    /// The same with nothing in the blueprint but what leads from the queue to the journal: what needs no more is deployed
    /// sooner.
    ///
    /// # Errors
    /// As [`Local::start`].
    pub async fn start_ingest(knobs: &str) -> Result<Self> {
        const STATEFUL: [&str; 3] = ["stateful/journal", "stateful/queue", "stateful/dead-letter-queue"];
        let mut local = Self::start(knobs).await?;
        local.keep_only(|key| {
            [Key::DEPLOYMENTS, blueprint::INGEST].contains(&key.stack()) || STATEFUL.contains(&key.as_str())
        })?;
        Ok(local)
    }

    /// The same as [`Local::start`] on an emulator that evaluates IAM's policies, those of the functions' roles too.
    ///
    /// # Errors
    /// As [`Local::start`].
    pub async fn start_with_auth(knobs: &str) -> Result<Self> {
        Self::on(Embedded { auth: true, ..Embedded::new(localstack::home()) }, knobs, None).await
    }

    /// The same as [`Local::start`] on an emulator in a container of `image`, whose EventStoreDB is `eventstore`. What it lacks is
    /// left out of the blueprint.
    ///
    /// # Errors
    /// As [`Local::start`]; and Docker or an image is not there.
    pub async fn start_in_containers(image: &str, eventstore: &str, knobs: &str) -> Result<Self> {
        let (directory, target) = target(knobs).await?;
        let target = Target { eventstore_image: Some(eventstore.to_owned()), ..target };
        let run = Run { target, json: false, stop: CancellationToken::new() };
        let containers = Containers { image: image.to_owned(), ..Containers::new(localstack::home()) };
        let local = headwater::local::Local::on(Backend::LocalStack(containers), &run).await?;
        let headwater::local::Local { emulator, task, bench, calls, target, .. } = local;
        Ok(Self { emulator, task, bench, calls, target, directory })
    }

    /// The same as [`Local::start`] with a proxy before the emulator. All that this value, its programs and the functions call
    /// goes through it.
    ///
    /// # Errors
    /// As [`Local::start`].
    pub async fn start_behind_proxy(knobs: &str) -> Result<(Self, Proxy)> {
        let proxy = Proxy::start().await?;
        let functions_endpoint = Some(proxy.endpoint().clone());
        let emulator = Embedded { functions_endpoint, ..Embedded::new(localstack::home()) };
        Ok((Self::on(emulator, knobs, Some(&proxy)).await?, proxy))
    }

    async fn on(emulator: Embedded, knobs: &str, proxy: Option<&Proxy>) -> Result<Self> {
        let (directory, target) = target(knobs).await?;
        let emulator = Arc::new(Emulator::start(Backend::Embedded(emulator), &|_| ()).await?);
        if let Some(proxy) = proxy {
            proxy.lead_to(emulator.endpoint());
        }
        let task = Task::reserve().await?;
        let target = Target {
            endpoint_url: Some(proxy.map_or(emulator.endpoint(), Proxy::endpoint).to_string()),
            eventstore: Some(task.address()),
            ..target
        };
        let (bench, calls) = open(&target).await?;
        Ok(Self { emulator, task, bench, calls, target, directory })
    }

    /// A directory that goes with this value.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Opens the environment anew, with another configuration file.
    ///
    /// # Errors
    /// The knobs are wrong.
    pub async fn reconfigure(&mut self, knobs: &str) -> Result<()> {
        fs::write(&self.target.config, knobs)?;
        (self.bench, self.calls) = open(&self.target).await?;
        Ok(())
    }

    /// Takes every node from the blueprint that `keep` does not name, as a later version of the code might.
    ///
    /// # Errors
    /// A node that is kept depends on one that is not.
    pub fn keep_only(&mut self, keep: impl Fn(&Key) -> bool) -> Result<()> {
        self.redraw(|nodes| nodes.retain(|node| keep(&node.key)))
    }

    /// Changes the blueprint, as a later version of the code might.
    ///
    /// # Errors
    /// A node depends on one that is not there.
    pub fn redraw(&mut self, change: impl FnOnce(&mut Vec<Node>)) -> Result<()> {
        let graph = &self.bench.graph;
        let mut nodes: Vec<Node> = graph.nodes().cloned().collect();
        change(&mut nodes);
        self.bench.graph = Graph::new(graph.scope.clone(), graph.packages.clone(), nodes)?
            .noting(graph.notes.iter().cloned());
        Ok(())
    }

    /// What a deploy would do.
    ///
    /// # Errors
    /// The environment cannot be observed, or the plan is refused.
    pub async fn plan(&self) -> Result<Plan> {
        self.bench.plan(Mode::Deploy).await
    }

    /// Deploys. EventStoreDB's stand-in comes with its service.
    ///
    /// # Errors
    /// A step fails: the error is its.
    pub async fn deploy(&self) -> Result<Report> {
        self.apply_and_follow(Mode::Deploy).await
    }

    /// Destroys the stateless stacks, or all of them. EventStoreDB's stand-in goes with its service.
    ///
    /// # Errors
    /// A step fails: the error is its.
    pub async fn destroy(&self, include_stateful: bool) -> Result<Report> {
        self.apply_and_follow(Mode::Destroy { include_stateful }).await
    }

    async fn apply_and_follow(&self, mode: Mode) -> Result<Report> {
        let report = self.apply(mode).await?;
        self.task.follow(&self.bench).await?;
        Ok(report)
    }

    /// Plans and applies. EventStoreDB's stand-in is left as it is.
    ///
    /// # Errors
    /// A step fails: the error is its.
    pub async fn apply(&self, mode: Mode) -> Result<Report> {
        let approved = Approved::Proposed(self.bench.propose(mode).await?);
        let run = Run { target: self.target.clone(), json: false, stop: CancellationToken::new() };
        let report = deploy::execute_with(&self.bench, &run, approved, Arc::new(Silent)).await;
        if let Err(died) = self.emulator.check() {
            return Err(died).context("the emulator died");
        }
        let report = report?;
        if let Some((step, error)) = report.failures().next() {
            bail!("{}: {}", step.key, deploy::chain(error));
        }
        ensure!(report.outcome == Outcome::Succeeded, "the run ended as {:?}", report.outcome);
        Ok(report)
    }

    /// The physical name of a resource.
    pub fn name(&self, suffix: &str) -> String {
        self.bench.session.scope.physical_name(suffix)
    }

    /// The keys of all that the environment has for itself alone, sorted.
    ///
    /// # Errors
    /// It cannot be observed.
    pub async fn keys(&self) -> Result<Vec<String>> {
        let survey = self.bench.survey().await?;
        let ours = survey.ours().filter(|(kind, ..)| !is_shared(&self.bench.families, kind));
        let mut keys: Vec<_> = ours.map(|(_, key, _)| key.to_string()).collect();
        keys.sort();
        Ok(keys)
    }

    /// The nodes of the blueprint, but for those that the account has once for all environments.
    pub fn own_nodes(&self) -> impl Iterator<Item = &Node> {
        self.bench.graph.nodes().filter(|node| !is_shared(&self.bench.families, &node.kind))
    }

    /// What AWS calls the resource of that key.
    ///
    /// # Errors
    /// It is not there.
    pub async fn id(&self, key: &str) -> Result<String> {
        let survey = self.bench.survey().await?;
        let observed = self.bench.observed(&survey, &key.parse()?);
        Ok(observed.with_context(|| format!("{key} is not there"))?.id.clone())
    }
}

/// A configuration file that holds `knobs`, in a directory of its own, and what leads to its environment.
pub(crate) async fn target(knobs: &str) -> Result<(TempDir, Target)> {
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("headwater.toml");
    fs::write(&config, knobs)?;
    let target = Target {
        env: "local".to_owned(),
        endpoint_url: None,
        config,
        eventstore: None,
        eventstore_image: None,
        packages: Some(program::packages().await?),
    };
    Ok((directory, target))
}

async fn open(target: &Target) -> Result<(Workbench, Calls)> {
    let mut session = Session::open(target).await?;
    let (sdk, calls) = Calls::watch(&session.sdk);
    session.sdk = sdk;
    Ok((Workbench::of(session, &Packages::load(target.packages.as_deref())?).await?, calls))
}
