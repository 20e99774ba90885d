//! The emulator's container, and what runs beside it on its network.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use testcontainers::bollard::models::{ContainerSummary, PortSummary};
use testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;

use crate::docker::{Container, failed};
use crate::network::{Owned, on_thread};
use crate::{Error, LoopbackUrl, Progress, Service};

/// The label by which a container of an ECS task says which of the definition's it is,
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-metadata.html>.
const CONTAINER_NAME: &str = "com.amazonaws.ecs.container-name";

/// Containers on a network of their own. Dropping it removes all of them, those that the emulator started too, and keeps
/// their logs.
#[derive(Debug)]
pub struct Stack {
    network: Owned,
    container: Container,
    endpoint: LoopbackUrl,
}

/// A container that the emulator runs for a task of ECS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The container's id.
    pub container: String,
    /// The image that it runs.
    pub image: String,
    /// Where the port that was asked for is published on this machine.
    pub address: SocketAddrV4,
}

impl Stack {
    pub(crate) fn new(network: Owned, container: Container, endpoint: LoopbackUrl) -> Self {
        Self { network, container, endpoint }
    }

    /// The network's name. A container that joins it is removed with it.
    #[must_use]
    pub fn network(&self) -> &str {
        self.network.name()
    }

    /// The newest running container on the network that ECS runs for the definition named `container` of a task, with the
    /// address on 127.0.0.1 where its `port` is published. None if there is none, or it publishes no such port.
    ///
    /// # Errors
    /// [`Error::Docker`].
    pub async fn task(&self, container: &str, port: u16) -> Result<Option<Task>, Error> {
        let filters = HashMap::from([
            ("network", vec![self.network().to_owned()]),
            ("label", vec![format!("{CONTAINER_NAME}={container}")]),
            ("status", vec!["running".to_owned()]),
        ]);
        let options = ListContainersOptionsBuilder::new().filters(&filters).build();
        let docker = self.network.docker();
        let found =
            docker.client.list_containers(Some(options)).await.map_err(failed("list containers of"))?;
        Ok(found.into_iter().max_by_key(|found| found.created).and_then(|found| task(found, port)))
    }

    /// Pulls the image if it is not there.
    ///
    /// # Errors
    /// [`Error::Image`] with the reason.
    pub async fn have_image(&self, image: &str, progress: Progress<'_>) -> Result<(), Error> {
        self.network.docker().have_image(image, progress).await
    }

    /// Room for a container of our own beside the emulator: an address on 127.0.0.1 that it keeps over restarts. Nothing runs
    /// yet. It ends with this stack.
    ///
    /// # Errors
    /// [`Error::Io`] if the machine has no port left.
    pub fn reserve(&self, name: &str) -> Result<Service, Error> {
        Service::reserve(Arc::clone(&self.network), name)
    }

    pub(crate) fn container(&self) -> &Container {
        &self.container
    }

    pub(crate) fn endpoint(&self) -> &LoopbackUrl {
        &self.endpoint
    }

    pub(crate) fn log(&self) -> &Path {
        self.container.log()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let container = self.container.clone();
        match on_thread(move || async move { container.ended().await }) {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(error)) | Err(error)) | Err(error) => Err(error),
        }
    }

    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.network.remove().await
    }
}

fn task(found: ContainerSummary, port: u16) -> Option<Task> {
    let published = found.ports?.into_iter().find_map(|published| address(&published, port))?;
    Some(Task { container: found.id?, image: found.image?, address: published })
}

/// A port that is published on every address is reached by 127.0.0.1 too.
fn address(published: &PortSummary, port: u16) -> Option<SocketAddrV4> {
    let is_here = matches!(published.ip.as_deref(), Some("127.0.0.1" | "0.0.0.0"));
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, published.public_port?);
    (is_here && published.private_port == port).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_address_is_where_its_port_is_published_on_this_machine() {
        let published = |ip: &str, private_port, public_port| PortSummary {
            ip: Some(ip.to_owned()),
            private_port,
            public_port,
            typ: None,
        };
        let found = ContainerSummary {
            id: Some("c1".into()),
            image: Some("eventstore:dev".into()),
            ports: Some(vec![
                published("::", 2113, Some(1)),
                published("127.0.0.1", 1113, Some(2)),
                published("127.0.0.1", 2113, Some(3)),
            ]),
            ..ContainerSummary::default()
        };
        assert_eq!(task(found.clone(), 2113).unwrap().address.to_string(), "127.0.0.1:3");
        assert_eq!(task(found, 80), None);
    }
}
