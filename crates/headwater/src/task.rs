//! What runs where EventStoreDB's task would, on local AWS: it comes with the service and goes with it, as ECS would have it.

use std::{convert::Infallible, net::SocketAddrV4, time::Duration};

use anyhow::{Context, Result};
use aws_cloudmap::{Instance, Instances};
use aws_secrets::{Certificate, DeletePolicy, Secrets};
use engine::Survey;
use localstack::{EventStore, EventStoreCredentials, Password, Tls};
use resource::{Key, Observed, Owner};
use tokio::sync::Mutex;

use crate::{
    streams::{Identity, Streams},
    workbench::Workbench,
};

/// The name by which ECS registers a task in Cloud Map is the task's; ours has none.
const INSTANCE: &str = "local";
const SERVICE: &str = "eventstore/service";
/// How often it is looked whether other commands changed the service.
const WATCH: Duration = Duration::from_secs(2);

/// EventStoreDB's stand-in.
pub struct Task {
    address: SocketAddrV4,
    store: Mutex<Server>,
}

struct Server {
    store: EventStore,
    /// The version of the certificate that it runs with.
    certificate: Option<String>,
}

impl Task {
    /// Finds an address for it. Nothing runs yet.
    ///
    /// # Errors
    /// There is no room on this machine.
    pub async fn reserve() -> Result<Self> {
        let store = EventStore::reserve().await?;
        Ok(Self { address: store.address(), store: Mutex::new(Server { store, certificate: None }) })
    }

    /// Where it answers, when it runs.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Runs the server if the service is there, with the secrets that the task would be given, and registers it in Cloud
    /// Map; stops it if the service is not. A renewed certificate restarts it.
    ///
    /// # Errors
    /// The environment cannot be observed, or the server does not start.
    pub async fn follow(&self, bench: &Workbench) -> Result<()> {
        let survey = bench.survey().await?;
        let find = |key: &str| found(bench, &survey, key);
        let mut server = self.store.lock().await;
        if find(SERVICE).is_none() {
            server.store.stop().await;
            return Ok(());
        }
        let certificate = find("stateful/eventstore-certificate");
        let version = certificate.and_then(|secret| secret.outputs.get("versionId").cloned());
        if server.certificate != version {
            server.store.stop().await;
        }
        if !server.store.is_running() {
            let secrets = Secrets::new(&bench.session.sdk, DeletePolicy::Force);
            let passwords =
                (find("stateful/eventstore-admin-password"), find("stateful/eventstore-ops-password"));
            let credentials = match passwords {
                (Some(admin), Some(ops)) => Some(EventStoreCredentials {
                    admin: password(&secrets, admin).await?,
                    ops: password(&secrets, ops).await?,
                }),
                _ => None,
            };
            let tls = match certificate {
                Some(secret) => Some(tls(&secrets, secret).await?),
                None => None,
            };
            server.store.start(credentials, tls).await?;
            server.certificate = version;
            let service =
                find("eventstore/discovery").context("Cloud Map has no service for EventStoreDB")?;
            let instance = Instance { id: INSTANCE.to_owned(), address: self.address };
            Instances::new(&bench.session.sdk).register(&service.id, &instance).await?;
        }
        Ok(())
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
        let key: Key = SERVICE.parse()?;
        let node = bench.graph.get(&key).context("the blueprint has no service of EventStoreDB")?;
        let family = bench.families.get(&node.kind).context("no family knows services")?;
        let services = family.survey(&bench.session.scope).await?;
        let is_there = services.iter().any(|service| service.owner == Owner::Us(key.clone()));
        Ok(is_there != self.store.lock().await.store.is_running())
    }

    /// Stops the server, as a task that dies; its data stays.
    pub async fn stop(&self) {
        self.store.lock().await.store.stop().await;
    }

    /// Stops the server and deletes its data, as the loss of the file system would.
    ///
    /// # Errors
    /// The data cannot be deleted.
    pub async fn lose_data(&self) -> Result<()> {
        let mut server = self.store.lock().await;
        server.store.stop().await;
        Ok(server.store.lose_data()?)
    }
}

impl Task {
    /// A reader of the server that runs, with what its clients are given.
    ///
    /// # Errors
    /// The secrets cannot be read, or nobody answers.
    pub async fn streams(&self, bench: &Workbench) -> Result<Streams> {
        let survey = bench.survey().await?;
        let find = |key: &str| found(bench, &survey, key);
        let secrets = Secrets::new(&bench.session.sdk, DeletePolicy::Force);
        let identity = match (find("stateful/eventstore-admin-password"), find("stateful/eventstore-trust")) {
            (Some(password), Some(trust)) => Some(Identity {
                password: secrets.value(&password.id).await?.expose().to_owned(),
                trust: secrets.value(&trust.id).await?.expose().to_owned(),
                server_name: blueprint::host_name(&bench.session.scope)?,
            }),
            _ => None,
        };
        Streams::connect(self.address.into(), identity.as_ref()).await
    }
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
