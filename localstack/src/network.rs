//! A Docker network and what is started on it.
//!
//! Whatever is on the network is ours, the containers that the emulator starts through Docker's socket too. The network
//! carries the label of the process that made it and goes last, so a run that was killed at any point has left nothing
//! that the next one does not find.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use testcontainers::bollard::models::{
    EndpointSettings, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, PortBinding,
    VolumeCreateRequest,
};
use testcontainers::bollard::query_parameters::StopContainerOptionsBuilder;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage, ImageExt};
use tokio::sync::oneshot;

use crate::docker::{Container, Docker, failed, gone, keep_log};
use crate::error::IoContext;
use crate::owner::Owner;
use crate::removal::{LOG, NETWORK, OWNER, ROLE, remove, remove_container, remove_volumes};
use crate::{Error, home};

/// A network that exists. Once it is removed nothing can be started on it.
#[derive(Debug)]
pub(crate) struct Network {
    docker: Docker,
    name: String,
    home: PathBuf,
    /// What makes something and must come to its end before anything is removed; none once the network is removed.
    at_work: Mutex<Option<Vec<JoinHandle<()>>>>,
}

/// Dropping it removes the network with all that is on it.
#[derive(Debug)]
pub(crate) struct Owned(Arc<Network>);

/// Where a container's port is published on 127.0.0.1: at a port of its own choice, or at the one that is given.
#[derive(Clone, Copy)]
pub(crate) struct Publish {
    pub(crate) port: u16,
    pub(crate) on: Option<u16>,
}

impl Owned {
    pub(crate) async fn create(docker: Docker, home: &Path) -> Result<Self, Error> {
        let at_work = Mutex::new(Some(Vec::new()));
        let owned = Self(Arc::new(Network { docker, name: new_name(), home: home.to_owned(), at_work }));
        let (name, labels) = (owned.name.clone(), owned.labels());
        let request = NetworkCreateRequest { name, labels: Some(labels), ..NetworkCreateRequest::default() };
        owned
            .uninterrupted(|docker| async move {
                docker.client.create_network(request).await.map_err(failed("create a network in"))?;
                Ok(())
            })
            .await?;
        Ok(owned)
    }
}

impl Deref for Owned {
    type Target = Arc<Network>;

    fn deref(&self) -> &Arc<Network> {
        &self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // A thread with a runtime of its own: this may be dropped in any runtime or none, and in a panic.
        if let Some(at_work) = self.close() {
            let (docker, name, home) = (self.docker.clone(), self.name.clone(), self.home.clone());
            let removed = on_thread(move || async move {
                join(at_work);
                remove(&docker, &name, &home).await
            });
            if let Err(error) | Ok(Err(error)) = removed {
                tracing::warn!(%error, network = %self.name, "could not remove a network's containers");
            }
        }
    }
}

/// Docker takes two networks of one name, and processes in containers beside each other may have one id: a random number tells
/// them apart.
fn new_name() -> String {
    let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let random = RandomState::new().hash_one(seconds) as u32;
    format!("headwater-{seconds}-{}-{random:08x}", std::process::id())
}

/// An image as testcontainers names it. A text without a tag means `latest`, as for Docker.
pub(crate) fn image(image: &str) -> GenericImage {
    let (name, tag) = name_and_tag(image);
    GenericImage::new(name, tag)
}

fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        // A colon before a slash is that of a registry's port.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

impl Network {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(OWNER.into(), Owner::this().to_string()), (NETWORK.into(), self.name.clone())])
    }

    /// Starts a container on the network and follows its log.
    pub(crate) async fn run(
        &self,
        role: &str,
        image: &str,
        request: impl Into<ContainerRequest<GenericImage>>,
        publish: Publish,
        alias: Option<String>,
    ) -> Result<Container, Error> {
        let log = home::new_log(&self.home, role)?;
        let request = request
            .into()
            .with_network(&self.name)
            .with_labels(self.labels())
            .with_label(ROLE, role)
            .with_label(LOG, log.display().to_string())
            .with_host_config_modifier(move |host| {
                let binding = PortBinding {
                    host_ip: Some("127.0.0.1".into()),
                    host_port: publish.on.map(|port| port.to_string()),
                };
                host.publish_all_ports = Some(false);
                host.port_bindings =
                    Some(HashMap::from([(format!("{}/tcp", publish.port), Some(vec![binding]))]));
            });
        let (name, refused) = (self.name.clone(), image.to_owned());
        let id = self
            .uninterrupted(move |docker| async move {
                let container = request.start().await.map_err(|error| refuse(refused, publish, &error))?;
                let id = container.id().to_owned();
                // It would remove the container when dropped, and panic outside of a runtime. The network does it instead.
                std::mem::forget(container);
                if let Some(alias) = alias {
                    rename(&docker, &name, &id, alias).await?;
                }
                Ok(id)
            })
            .await?;
        Ok(Container::follow(self.docker.clone(), id, image.to_owned(), log))
    }

    /// Makes a volume that goes with the network; one that is there is kept.
    pub(crate) async fn volume(&self, name: &str) -> Result<(), Error> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(self.labels()),
            ..VolumeCreateRequest::default()
        };
        self.uninterrupted(|docker| async move {
            docker.client.create_volume(request).await.map_err(failed("create a volume in"))?;
            Ok(())
        })
        .await
    }

    /// Ends a container and removes it; its log and its named volumes stay.
    pub(crate) async fn end(&self, container: &Container) -> Result<(), Error> {
        let (client, id) = (&self.docker.client, container.id());
        let options = StopContainerOptionsBuilder::new().t(30).build();
        gone(client.stop_container(id, Some(options)).await).map_err(failed("stop a container of"))?;
        keep_log(&self.docker, id, container.log()).await;
        remove_container(&self.docker, id).await
    }

    /// Removes the network's volumes whose name begins so.
    pub(crate) async fn remove_volumes(&self, prefix: &str) -> Result<(), Error> {
        remove_volumes(&self.docker, &self.name, prefix).await
    }

    /// Removes the network with all that is on it. The logs stay.
    pub(crate) async fn remove(&self) -> Result<(), Error> {
        let Some(at_work) = self.close() else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || join(at_work)).await;
        if let Err(error) = joined {
            tracing::debug!(%error, "could not wait for what starts a container");
        }
        remove(&self.docker, &self.name, &self.home).await
    }

    fn close(&self) -> Option<Vec<JoinHandle<()>>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Does what makes something, on a thread of its own. Who waits for it may be dropped: it comes to its end all the same, and
    /// removal waits for that. Docker goes on with a request whose sender has gone away, so an interrupted one would leave
    /// behind what nobody has seen.
    async fn uninterrupted<T, F>(&self, work: impl FnOnce(Docker) -> F + Send + 'static) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>>,
    {
        let (tell, told) = oneshot::channel();
        let docker = self.docker.clone();
        {
            let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
            let at_work = at_work.as_mut().ok_or(Error::Stopped)?;
            at_work.retain(|thread| !thread.is_finished());
            at_work.push(thread::spawn(move || {
                // Nobody listens where the caller was dropped.
                let _ = tell.send(block_on(move || work(docker)));
            }));
        }
        told.await.map_err(|_| Error::Stopped)??
    }
}

/// The error of a container that does not start, as Docker tells it.
fn refuse(image: String, publish: Publish, error: &testcontainers::TestcontainersError) -> Error {
    let reason = error.to_string();
    match publish.on {
        Some(port)
            if ["already allocated", "address already in use"].iter().any(|text| reason.contains(text)) =>
        {
            Error::Port { port, source: std::io::Error::other(reason) }
        }
        _ => Error::Start { image, reason },
    }
}

/// Gives a container a name on the network. testcontainers knows none, and Docker sets it only where a container joins.
async fn rename(docker: &Docker, network: &str, id: &str, alias: String) -> Result<(), Error> {
    let leave = NetworkDisconnectRequest { container: id.to_owned(), force: Some(true) };
    docker.client.disconnect_network(network, leave).await.map_err(failed("name a container in"))?;
    let endpoint = EndpointSettings { aliases: Some(vec![alias]), ..EndpointSettings::default() };
    let join = NetworkConnectRequest { container: id.to_owned(), endpoint_config: Some(endpoint) };
    docker.client.connect_network(network, join).await.map_err(failed("name a container in"))
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::debug!("a thread that started a container panicked");
        }
    }
}

/// Does it on a thread and a runtime of its own, and waits for it.
pub(crate) fn on_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    thread::spawn(move || block_on(work)).join().unwrap_or(Err(Error::Stopped))
}

fn block_on<T, F: Future<Output = T>>(work: impl FnOnce() -> F) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("start a runtime in", Path::new("a thread"))?.block_on(work()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_as_docker_splits_it() {
        assert_eq!(name_and_tag("localstack/localstack:4.14.0"), ("localstack/localstack", "4.14.0"));
        assert_eq!(name_and_tag("mirror:5000/localstack"), ("mirror:5000/localstack", "latest"));
        assert_eq!(name_and_tag("mirror:5000/localstack:4"), ("mirror:5000/localstack", "4"));
        assert_eq!(name_and_tag("localstack@sha256:ab"), ("localstack@sha256", "ab"));
    }

    #[test]
    fn networks_of_one_process_have_names_of_their_own() {
        assert_ne!(new_name(), new_name());
    }
}
