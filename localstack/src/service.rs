//! A container of our own beside the emulator: EventStoreDB where the emulator runs no tasks of ECS.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use testcontainers::core::{IntoContainerPort, Mount};
use testcontainers::{
    ContainerRequest, CopyDataSource, CopyTargetOptions, GenericImage, Healthcheck, ImageExt,
};
use tokio::net::TcpSocket;
use tokio::time::sleep;

use crate::docker::{Container, Waiting};
use crate::network::{self, Network, Publish};
use crate::{Error, Progress};

/// How long a container may take from its start to its readiness, after the image is there.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often Docker runs the health check: a laptop can bear more than ECS's 30 s.
const HEALTH_EVERY: Duration = Duration::from_secs(2);

/// What a container runs: the parts of ECS's container definition that Docker has too,
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// The image.
    pub image: String,
    /// The image's own entry point when empty.
    pub entry_point: Vec<String>,
    /// The image's own command when this and the entry point are empty.
    pub command: Vec<String>,
    /// Variables. `Debug` tells their names alone.
    pub environment: BTreeMap<String, String>,
    /// Files that are written before the start; they belong to root.
    pub files: Vec<File>,
    /// The directories that are kept over restarts, by a name for each: `("data", "/var/lib/kurrentdb")`.
    pub volumes: BTreeMap<String, String>,
    /// The name by which other containers on the network find it; none but the container's own when unset.
    pub alias: Option<String>,
    /// The port that it listens on.
    pub port: u16,
    /// The user that it runs as, `uid[:gid]`; the image's own when unset.
    pub user: Option<String>,
    /// What its log says once it serves, a part of a line; nothing is waited for when unset.
    pub ready: Option<String>,
    /// The health check as ECS has it, `["CMD-SHELL", "curl …"]`; none is waited for when empty.
    pub health: Vec<String>,
}

/// A file in a container.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Where it lies.
    pub path: String,
    /// What is in it. `Debug` does not tell.
    pub content: Vec<u8>,
    /// Its permissions, as `0o444`.
    pub mode: u32,
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.environment.keys().collect();
        let mut debug = formatter.debug_struct("Definition");
        debug.field("image", &self.image).field("environment", &names).field("files", &self.files);
        debug.field("volumes", &self.volumes).field("port", &self.port).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
}

/// An address, and the data in named volumes. The container itself comes and goes, as a task does.
#[derive(Debug)]
pub struct Service {
    network: Arc<Network>,
    name: String,
    address: SocketAddrV4,
    /// Bound and never listening while nothing runs, so that the system gives the port to nobody else.
    reserved: Option<TcpSocket>,
    running: Option<Container>,
}

impl Service {
    pub(crate) fn reserve(network: Arc<Network>, name: &str) -> Result<Self, Error> {
        let no_port = |source| Error::NoPort { source };
        let reserved = bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
        let address = match reserved.local_addr().map_err(no_port)? {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(_) => return Err(no_port(io::ErrorKind::Unsupported.into())),
        };
        Ok(Self { network, name: name.to_owned(), address, reserved: Some(reserved), running: None })
    }

    /// Where it answers on this machine, when it runs.
    #[must_use]
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Its log, once it has been started; that of its last start.
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        self.running.as_ref().map(Container::log)
    }

    /// Whether its container runs.
    ///
    /// # Errors
    /// [`Error::Docker`].
    pub async fn is_running(&self) -> Result<bool, Error> {
        match &self.running {
            Some(container) => Ok(container.ended().await?.is_none()),
            None => Ok(false),
        }
    }

    /// Starts it on the data that is there and returns once it is ready; one that runs is left alone. Dropping the future may
    /// leave it running: [`Service::stop`] ends it, and so does the end of the stack.
    ///
    /// # Errors
    /// The image cannot be had, the port is taken, or the container does not become ready. It does not run then.
    pub async fn start(&mut self, definition: &Definition, progress: Progress<'_>) -> Result<(), Error> {
        if self.is_running().await? {
            return Ok(());
        }
        self.stop().await?;
        self.network.docker().have_image(&definition.image, progress).await?;
        progress(&format!("starting {}", definition.image));
        for name in definition.volumes.keys() {
            self.network.volume(&self.volume(name)).await?;
        }
        self.reserved = None;
        let publish = Publish { port: definition.port, on: Some(self.address.port()) };
        let request = self.request(definition);
        let alias = definition.alias.clone();
        let started = self.network.run(&self.name, &definition.image, request, publish, alias).await;
        let ready = match started {
            Ok(container) => {
                let ready = wait_until_ready(&container, definition).await;
                self.running = Some(container);
                ready
            }
            Err(error) => Err(error),
        };
        if ready.is_err() {
            self.stop().await?;
        }
        ready
    }

    fn request(&self, definition: &Definition) -> ContainerRequest<GenericImage> {
        let mut image = network::image(&definition.image).with_exposed_port(definition.port.tcp());
        // Docker runs entry point and command as one list, so only the first word has to be the entry point.
        let (first, others) = definition
            .entry_point
            .split_first()
            .map_or((None, &[][..]), |(first, others)| (Some(first), others));
        if let Some(first) = first {
            image = image.with_entrypoint(first);
        }
        let mut request = image.with_cmd(others.iter().chain(&definition.command).cloned());
        for (name, value) in &definition.environment {
            request = request.with_env_var(name, value);
        }
        for file in &definition.files {
            let source = CopyDataSource::Data(file.content.clone());
            request = request.with_copy_to(CopyTargetOptions::new(&file.path).with_mode(file.mode), source);
        }
        for (name, path) in &definition.volumes {
            request = request.with_mount(Mount::volume_mount(self.volume(name), path));
        }
        if let Some(user) = &definition.user {
            request = request.with_user(user);
        }
        match health_check(&definition.health) {
            Some(check) => request.with_health_check(check),
            None => request,
        }
    }

    fn volume(&self, name: &str) -> String {
        format!("{}-{}-{name}", self.network.name(), self.name)
    }

    /// Stops it, as ECS stops a task: it is asked to end and given 30 s. The data stays, and so does its log.
    ///
    /// # Errors
    /// [`Error::Docker`].
    pub async fn stop(&mut self) -> Result<(), Error> {
        if let Some(container) = &self.running {
            self.network.end(container).await?;
            self.running = None;
        }
        if self.reserved.is_none() {
            // Somebody else may have it by now; then the next start says so.
            self.reserved = bind(self.address).ok();
        }
        Ok(())
    }

    /// Stops it and deletes its data, as the loss of the file system would.
    ///
    /// # Errors
    /// [`Error::Docker`].
    pub async fn lose_data(&mut self) -> Result<(), Error> {
        self.stop().await?;
        self.network.remove_volumes(&self.volume("")).await
    }
}

fn health_check(command: &[String]) -> Option<Healthcheck> {
    let (kind, words) = command.split_first()?;
    let check = match kind.as_str() {
        "CMD-SHELL" => Healthcheck::cmd_shell(words.join(" ")),
        "CMD" => Healthcheck::cmd(words),
        _ => Healthcheck::cmd(command),
    };
    Some(check.with_interval(HEALTH_EVERY).with_timeout(Duration::from_secs(5)))
}

async fn wait_until_ready(container: &Container, definition: &Definition) -> Result<(), Error> {
    let waiting = Waiting::of(container, READY_WITHIN);
    loop {
        if let Some(error) = container.ended().await? {
            return Err(error);
        }
        let log = fs::read_to_string(container.log()).unwrap_or_default();
        let says_so = definition.ready.as_ref().is_none_or(|line| log.contains(line));
        if says_so && (definition.health.is_empty() || container.is_healthy().await?) {
            return Ok(());
        }
        waiting.check()?;
        sleep(Duration::from_millis(200)).await;
    }
}

fn bind(address: SocketAddrV4) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_told() {
        let definition = Definition {
            environment: BTreeMap::from([("ADMIN_PASSWORD".into(), "secret".into())]),
            files: vec![File { path: "/tls/key".into(), content: b"secret".to_vec(), mode: 0o400 }],
            ..Definition::default()
        };
        let told = format!("{definition:?}");
        assert!(
            told.contains("ADMIN_PASSWORD") && told.contains("/tls/key") && !told.contains("secret"),
            "{told}"
        );
    }

    #[test]
    fn a_health_check_is_dockers_as_ecs_writes_it() {
        let check = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            health_check(&words).map(|check| check.test().to_vec())
        };
        assert_eq!(
            check(&["CMD-SHELL", "curl -f http://x || exit 1"]).unwrap(),
            ["CMD-SHELL", "curl -f http://x || exit 1"]
        );
        assert_eq!(check(&["CMD", "true"]).unwrap(), ["CMD", "true"]);
        assert_eq!(check(&[]), None);
    }
}
