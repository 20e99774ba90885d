//! What is EventStoreDB's task on local AWS. Where the emulator runs tasks of ECS, it is one; elsewhere something of ours comes with
//! the service and goes with it, as ECS would have it.

mod definition;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fmt,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use aws_cloudmap::{Instance, Instances};
use aws_secrets::{Certificate, DeletePolicy, Secrets};
use engine::Survey;
use localstack::{Emulator, EventStore, EventStoreCredentials, Password, Progress, Service, Tls};
use resource::{Key, Node, Observed, Owner, is_shared};
use tokio::sync::Mutex;

use crate::{
    streams::{Identity, Streams},
    workbench::Workbench,
};

/// The name by which ECS registers a task in Cloud Map is the task's; ours has none.
const INSTANCE: &str = "local";
const SERVICE: &str = "eventstore/service";
/// What holds EventStoreDB's data, each before what it is made of.
const DATA: [&str; 5] = [
    SERVICE,
    "stateful/file-system-mount-targets",
    "stateful/data-access-point",
    "stateful/logs-access-point",
    "stateful/file-system",
];
/// The server's name in its task definition.
const CONTAINER: &str = "eventstore";
const PORT: u16 = 2113;
/// How often it is looked whether other commands changed the service.
const WATCH: Duration = Duration::from_secs(2);
/// How long a task that ECS has started may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(120);

/// EventStoreDB.
pub struct Task {
    address: String,
    runs: Mutex<Runs>,
}

/// Where it runs.
enum Runs {
    /// As a server in this process.
    Here { store: EventStore, certificate: Version },
    /// In a container of ours, on the emulator's network.
    Beside { service: Box<Service>, certificate: Version },
    /// As the emulator's own task, which is none of our doing.
    InEcs(Arc<Emulator>),
}

/// The version of the certificate that a server runs with.
type Version = Option<String>;

impl Task {
    /// Finds an address on this machine for a server in this process. Nothing runs yet.
    ///
    /// # Errors
    /// There is no room on this machine.
    pub async fn reserve() -> Result<Self> {
        let store = EventStore::reserve().await?;
        let address = store.address().to_string();
        Ok(Self { address, runs: Mutex::new(Runs::Here { store, certificate: None }) })
    }

    /// The task on the network of an emulator that runs in containers: the emulator's own where it `has_ecs`, else a container
    /// of ours. Nothing runs yet.
    ///
    /// # Errors
    /// There is no room on this machine, or the emulator is in no container.
    pub fn in_containers(emulator: &Arc<Emulator>, address: String, has_ecs: bool) -> Result<Self> {
        let stack = emulator.containers().context("the emulator runs in no container")?;
        let runs = match has_ecs {
            true => Runs::InEcs(Arc::clone(emulator)),
            false => Runs::Beside { service: Box::new(stack.reserve(CONTAINER)?), certificate: None },
        };
        Ok(Self { address, runs: Mutex::new(runs) })
    }

    /// Gets the images that its containers will be made of. A pull takes minutes, which no deploy should have to wait for, and
    /// an image that cannot be had is told before anything is made.
    ///
    /// # Errors
    /// An image cannot be had.
    pub async fn have_images(
        &self,
        emulator: &Emulator,
        bench: &Workbench,
        progress: Progress<'_>,
    ) -> Result<()> {
        let Some(stack) = emulator.containers() else { return Ok(()) };
        let mut containers = definition::spec(bench, &Survey::default())?.container_definitions;
        let in_ecs = matches!(&*self.runs.lock().await, Runs::InEcs(_));
        if !in_ecs {
            containers.retain(|name, _| name == CONTAINER);
        }
        let images: BTreeSet<_> = containers.into_values().map(|container| container.image).collect();
        let gateway = bench.session.environment.gateway.iter().filter(|_| in_ecs);
        for image in images.into_iter().chain(gateway.map(|gateway| gateway.image.clone())) {
            stack.have_image(&image, progress).await?;
        }
        Ok(())
    }

    /// Where the functions reach it, when it runs: `host:port`.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Where it answers on this machine; none where it does not run.
    ///
    /// # Errors
    /// Docker does not tell.
    pub async fn on_this_machine(&self) -> Result<Option<SocketAddr>> {
        Ok(match &*self.runs.lock().await {
            Runs::Here { store, .. } => Some(store.address().into()),
            Runs::Beside { service, .. } => Some(service.address().into()),
            Runs::InEcs(emulator) => published(emulator).await?,
        })
    }

    /// What runs and where, for people.
    pub async fn description(&self, bench: &Workbench) -> String {
        let image = definition::spec(bench, &Survey::default())
            .ok()
            .and_then(|mut spec| Some(spec.container_definitions.remove(CONTAINER)?.image))
            .unwrap_or_default();
        match &*self.runs.lock().await {
            Runs::Here { .. } => "its stand-in, in this process".to_owned(),
            Runs::Beside { .. } => format!("{image} in a container beside it"),
            Runs::InEcs(_) => format!("{image} in the containers of its ECS task"),
        }
    }

    /// Runs the server if the service is there, with the secrets that the task would be given, and registers it in Cloud
    /// Map; stops it if the service is not. A renewed certificate restarts it. For ECS's own task it waits until that answers.
    ///
    /// # Errors
    /// The environment cannot be observed, or the server does not start.
    pub async fn follow(&self, bench: &Workbench) -> Result<()> {
        let survey = bench.survey().await?;
        let find = |key: &str| found(bench, &survey, key);
        let is_wanted = mark(bench).is_some_and(|node| bench.observed(&survey, &node.key).is_some());
        let renewed =
            find("stateful/eventstore-certificate").and_then(|secret| secret.outputs.get("versionId"));
        match &mut *self.runs.lock().await {
            Runs::Here { store, certificate } => {
                if !is_wanted || certificate.as_ref() != renewed {
                    store.stop().await;
                }
                if is_wanted && !store.is_running() {
                    start(store, bench, &survey).await?;
                    *certificate = renewed.cloned();
                    if let Some(discovery) = find("eventstore/discovery") {
                        let instance = Instance { id: INSTANCE.to_owned(), address: store.address() };
                        Instances::new(&bench.session.sdk).register(&discovery.id, &instance).await?;
                    }
                }
                Ok(())
            }
            Runs::Beside { service, certificate } => {
                if !is_wanted || certificate.as_ref() != renewed {
                    service.stop().await?;
                }
                if is_wanted {
                    let definition = definition::definition(bench, &survey).await?;
                    service.start(&definition, &|text| tracing::info!("{text}")).await?;
                    *certificate = renewed.cloned();
                }
                Ok(())
            }
            Runs::InEcs(emulator) if is_wanted => answers(emulator, bench, &survey).await,
            Runs::InEcs(_) => Ok(()),
        }
    }

    /// Does so again and again: other commands may deploy and destroy the service.
    pub async fn keep_following(&self, bench: &Workbench) -> Infallible {
        loop {
            tokio::time::sleep(WATCH).await;
            match self.has_changed(bench).await {
                Ok(false) => {}
                // Half-deployed is not yet what it runs with: the next look may find all of it.
                Err(error) => tracing::debug!(%error, "could not look after EventStoreDB"),
                Ok(true) => {
                    if let Err(error) = self.follow(bench).await {
                        tracing::debug!(%error, "could not follow EventStoreDB's service");
                    }
                }
            }
        }
    }

    /// Whether the service came or went since the last look: one listing.
    async fn has_changed(&self, bench: &Workbench) -> Result<bool> {
        let runs = match &*self.runs.lock().await {
            Runs::Here { store, .. } => store.is_running(),
            Runs::Beside { service, .. } => service.is_running().await?,
            Runs::InEcs(_) => return Ok(false),
        };
        let node = mark(bench).context("the blueprint has no service of EventStoreDB")?;
        let family = bench.families.get(&node.kind).context("no family knows services")?;
        let observed = family.survey(&bench.session.scope).await?;
        Ok(observed.iter().any(|one| one.owner == Owner::Us(node.key.clone())) != runs)
    }

    /// Stops the server, as a task that dies; its data stays. ECS starts its own anew by itself.
    ///
    /// # Errors
    /// The container cannot be stopped.
    pub async fn stop(&self) -> Result<()> {
        match &mut *self.runs.lock().await {
            Runs::Here { store, .. } => store.stop().await,
            Runs::Beside { service, .. } => service.stop().await?,
            Runs::InEcs(_) => {}
        }
        Ok(())
    }

    /// Stops the server and deletes its data, as the loss of the file system would. Of ECS's task service and file system are
    /// gone then: a deploy makes them anew.
    ///
    /// # Errors
    /// The data cannot be deleted.
    pub async fn lose_data(&self, bench: &Workbench) -> Result<()> {
        match &mut *self.runs.lock().await {
            Runs::Here { store, .. } => {
                store.stop().await;
                Ok(store.lose_data()?)
            }
            Runs::Beside { service, .. } => Ok(service.lose_data().await?),
            Runs::InEcs(_) => lose_file_system(bench).await,
        }
    }

    /// A reader of the server that runs, with what its clients are given.
    ///
    /// # Errors
    /// The secrets cannot be read, or nobody answers.
    pub async fn streams(&self, bench: &Workbench) -> Result<Streams> {
        let survey = bench.survey().await?;
        let address = self.on_this_machine().await?.context("ECS runs no task of EventStoreDB")?;
        connect(address, bench, &survey).await
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The resource that the server comes and goes with: the service, or where local AWS has no services of ECS, what of its stack
/// is made last.
fn mark(bench: &Workbench) -> Option<&Node> {
    let ours =
        |node: &&Node| node.key.stack() == blueprint::EVENTSTORE && !is_shared(&bench.families, &node.kind);
    let service = SERVICE.parse().ok().and_then(|key| bench.graph.get(&key));
    service.or_else(|| bench.graph.ordered().into_iter().rfind(ours))
}

async fn start(store: &mut EventStore, bench: &Workbench, survey: &Survey) -> Result<()> {
    let find = |key: &str| found(bench, survey, key);
    let secrets = Secrets::new(&bench.session.sdk, DeletePolicy::Force);
    let passwords = (find("stateful/eventstore-admin-password"), find("stateful/eventstore-ops-password"));
    let credentials = match passwords {
        (Some(admin), Some(ops)) => Some(EventStoreCredentials {
            admin: password(&secrets, admin).await?,
            ops: password(&secrets, ops).await?,
        }),
        _ => None,
    };
    let tls = match find("stateful/eventstore-certificate") {
        Some(secret) => Some(tls(&secrets, secret).await?),
        None => None,
    };
    Ok(store.start(credentials, tls).await?)
}

/// Waits until ECS's task answers its admin.
async fn answers(emulator: &Emulator, bench: &Workbench, survey: &Survey) -> Result<()> {
    let begun = Instant::now();
    loop {
        let last = match published(emulator).await? {
            None => anyhow::anyhow!("ECS has started no container of it"),
            Some(address) => match connect(address, bench, survey).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            },
        };
        if begun.elapsed() >= ANSWERS_WITHIN {
            let logs = emulator.log().and_then(Path::parent).unwrap_or(Path::new("."));
            bail!(last.context(format!(
                "EventStoreDB's task did not answer within {} s; when this run has ended, what its containers wrote is in {}",
                ANSWERS_WITHIN.as_secs(),
                logs.display()
            )));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Where ECS's task answers on this machine; none where none runs.
async fn published(emulator: &Emulator) -> Result<Option<SocketAddr>> {
    let stack = emulator.containers().context("the emulator runs in no container")?;
    Ok(stack.task(CONTAINER, PORT).await?.map(|task| task.address.into()))
}

async fn lose_file_system(bench: &Workbench) -> Result<()> {
    let survey = bench.survey().await?;
    for key in DATA {
        let key: Key = key.parse()?;
        let Some(node) = bench.graph.get(&key) else { continue };
        let family = bench.families.get(&node.kind).context("no family knows EventStoreDB's data")?;
        if let Some(observed) = bench.observed(&survey, &key) {
            family.delete(observed, &resource::Progress::silent()).await?;
        }
    }
    Ok(())
}

async fn connect(address: SocketAddr, bench: &Workbench, survey: &Survey) -> Result<Streams> {
    let find = |key: &str| found(bench, survey, key);
    let secrets = Secrets::new(&bench.session.sdk, DeletePolicy::Force);
    let identity = match (find("stateful/eventstore-admin-password"), find("stateful/eventstore-trust")) {
        (Some(password), Some(trust)) => Some(Identity {
            password: secrets.value(&password.id).await?.expose().to_owned(),
            trust: secrets.value(&trust.id).await?.expose().to_owned(),
            server_name: blueprint::host_name(&bench.session.scope)?,
        }),
        _ => None,
    };
    Streams::connect(address, identity.as_ref()).await
}

fn found<'a>(bench: &Workbench, survey: &'a Survey, key: &str) -> Option<&'a Observed> {
    bench.observed(survey, &key.parse::<Key>().ok()?)
}

async fn password(secrets: &Secrets, secret: &Observed) -> Result<Password> {
    Ok(Password::new(secrets.value(&secret.id).await?.expose()))
}

async fn tls(secrets: &Secrets, secret: &Observed) -> Result<Tls> {
    let Certificate { certificate, private_key, .. } = secrets.certificate(&secret.id).await?;
    Ok(Tls { certificate_chain_pem: certificate, private_key_pem: private_key })
}
