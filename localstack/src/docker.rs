//! Docker on this machine: its socket, its images, and one container of ours.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::TryStreamExt;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::{
    ContainerInspectResponse, ContainerState, HealthStatusEnum, PortBinding,
};
use testcontainers::bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder};
use testcontainers::bollard::{API_DEFAULT_VERSION, Docker as Client};
use testcontainers::runners::AsyncRunner;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::error::{IoContext, LogTail};
use crate::{Error, Progress, network};

/// How long a first pull may take: LocalStack's image has about a gigabyte.
const PULL_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How long Docker may take to answer a request.
const ANSWER_WITHIN_SECONDS: u64 = 120;

const USUAL_SOCKET: &str = "/var/run/docker.sock";

/// A connection to Docker by the socket that testcontainers uses too.
#[derive(Clone, Debug)]
pub(crate) struct Docker {
    pub(crate) client: Client,
    socket: PathBuf,
}

impl Docker {
    /// Finds the socket and asks whether anybody answers at it.
    pub(crate) async fn connect() -> Result<Self, Error> {
        let socket = socket(|name| std::env::var(name).ok(), Path::exists)?;
        let no_docker = |source| Error::NoDocker { socket: socket.clone(), source };
        // Of a socket that is not there Docker's client says no more than that it failed.
        UnixStream::connect(&socket).await.map_err(no_docker)?;
        let client = Client::connect_with_unix(
            &socket.display().to_string(),
            ANSWER_WITHIN_SECONDS,
            API_DEFAULT_VERSION,
        )
        .map_err(|error| no_docker(io::Error::other(error)))?;
        client.ping().await.map_err(|error| no_docker(io::Error::other(error)))?;
        Ok(Self { client, socket })
    }

    /// The socket as the daemon's own machine sees it.
    pub(crate) fn socket_to_mount(&self) -> String {
        seen_by_daemon(&self.socket.display().to_string(), cfg!(target_os = "macos"))
    }

    /// Pulls the image if it is not there.
    pub(crate) async fn have_image(&self, image: &str, progress: Progress<'_>) -> Result<(), Error> {
        match self.client.inspect_image(image).await {
            Ok(_) => return Ok(()),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(failed("look for an image in")(error)),
        }
        progress(&format!("pulling {image}"));
        let refuse = |reason: String| Error::Image { image: image.to_owned(), reason };
        match timeout(PULL_WITHIN, network::image(image).pull_image()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refuse(error.to_string())),
            Err(_) => Err(refuse(format!("it was not pulled within {} min", PULL_WITHIN.as_secs() / 60))),
        }
    }
}

/// The socket in the order in which testcontainers looks for it.
fn socket(
    variable: impl Fn(&str) -> Option<String>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Error> {
    if let Some(host) = variable("DOCKER_HOST") {
        let path = host.strip_prefix("unix://").map(PathBuf::from);
        return path.ok_or(Error::DockerHost { host });
    }
    let usual = PathBuf::from(USUAL_SOCKET);
    let in_directory_of = |name, path: &str| variable(name).map(|directory| Path::new(&directory).join(path));
    let places = [
        Some(usual.clone()),
        in_directory_of("XDG_RUNTIME_DIR", ".docker/run/docker.sock"),
        in_directory_of("HOME", ".docker/run/docker.sock"),
        in_directory_of("HOME", ".docker/desktop/docker.sock"),
    ];
    Ok(places.into_iter().flatten().find(|place| exists(place)).unwrap_or(usual))
}

/// Where the daemon has the socket. On macOS it runs in a virtual machine, as Docker Desktop's and Rancher Desktop's does on
/// Linux, and there the socket lies in the usual place.
fn seen_by_daemon(socket: &str, is_macos: bool) -> String {
    let in_virtual_machine = is_macos || ["/.docker/", "/.rd/"].iter().any(|part| socket.contains(part));
    if in_virtual_machine { USUAL_SOCKET.to_owned() } else { socket.to_owned() }
}

/// The status with which Docker refused a request.
pub(crate) fn status(error: &DockerError) -> Option<u16> {
    match error {
        DockerError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Names what was asked of Docker.
pub(crate) fn failed(action: &'static str) -> impl Fn(DockerError) -> Error {
    move |source| Error::Docker { action, source: Box::new(source) }
}

/// Takes what is not there any more, or goes already, as removed.
pub(crate) fn gone(result: Result<(), DockerError>) -> Result<(), DockerError> {
    match result {
        Err(error) if matches!(status(&error), Some(304 | 404 | 409)) => Ok(()),
        result => result,
    }
}

/// A container that we started, with its log on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    docker: Docker,
    id: String,
    image: String,
    log: PathBuf,
}

impl Container {
    /// Takes a container that runs, and follows its log into a file until it ends.
    pub(crate) fn follow(docker: Docker, id: String, image: String, log: PathBuf) -> Self {
        let container = Self { docker, id, image, log };
        let (docker, id, log) = (container.docker.clone(), container.id.clone(), container.log.clone());
        tokio::spawn(async move {
            if let Err(error) = write_log(&docker, &id, &log, true).await {
                tracing::debug!(%error, "could not follow a container's log");
            }
        });
        container
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    async fn inspect(&self) -> Result<ContainerInspectResponse, DockerError> {
        self.docker.client.inspect_container(&self.id, None::<InspectContainerOptions>).await
    }

    /// Where `port` of it is published on 127.0.0.1. One that has ended publishes none.
    pub(crate) async fn port(&self, port: u16) -> Result<u16, Error> {
        let found = self.inspect().await.map_err(failed("inspect a container of"))?;
        let ports = found.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
        if let Some(published) = published(&ports, port) {
            return Ok(published);
        }
        let reason = format!("Docker publishes its port {port} nowhere");
        Err(self.ended().await?.unwrap_or_else(|| Error::Start { image: self.image.clone(), reason }))
    }

    /// How it ended, where it has.
    pub(crate) async fn ended(&self) -> Result<Option<Error>, Error> {
        let state = match self.inspect().await {
            Ok(found) => found.state.unwrap_or_default(),
            Err(error) if status(&error) == Some(404) => {
                return Ok(Some(self.died("somebody removed its container".to_owned()).await));
            }
            Err(error) => return Err(failed("inspect a container of")(error)),
        };
        Ok(match state.running {
            Some(true) => None,
            _ => Some(self.died(how(&state)).await),
        })
    }

    /// The follower may not have written its last lines yet.
    async fn died(&self, status: String) -> Error {
        keep_log(&self.docker, &self.id, &self.log).await;
        Error::Died { what: self.image.clone(), status, log: LogTail::read(&self.log) }
    }

    /// Whether its health check says that it is healthy.
    pub(crate) async fn is_healthy(&self) -> Result<bool, Error> {
        let found = self.inspect().await.map_err(failed("inspect a container of"))?;
        let health = found.state.and_then(|state| state.health).and_then(|health| health.status);
        Ok(health == Some(HealthStatusEnum::HEALTHY))
    }

    /// Waits until it ends by itself and says how.
    pub(crate) async fn until_died(&self) -> Error {
        loop {
            match self.ended().await {
                Ok(Some(error)) | Err(error) => return error,
                Ok(None) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
}

fn how(state: &ContainerState) -> String {
    let code = state.exit_code.unwrap_or_default();
    if state.oom_killed == Some(true) {
        return format!("exit code {code}, out of memory");
    }
    format!("exit code {code}")
}

fn published(ports: &HashMap<String, Option<Vec<PortBinding>>>, port: u16) -> Option<u16> {
    ports
        .get(&format!("{port}/tcp"))?
        .as_ref()?
        .iter()
        .find_map(|binding| binding.host_port.as_ref()?.parse().ok())
}

/// Writes what a container has said, and goes on until it ends where it is to be followed.
async fn write_log(docker: &Docker, id: &str, path: &Path, follow: bool) -> Result<(), Error> {
    let options = LogsOptionsBuilder::new().follow(follow).stdout(true).stderr(true).tail("all").build();
    let mut lines = docker.client.logs(id, Some(options));
    let mut file = tokio::fs::File::create(path).await.context("write", path)?;
    while let Some(line) = lines.try_next().await.map_err(failed("read a log of"))? {
        file.write_all(line.as_ref()).await.context("write", path)?;
        file.flush().await.context("write", path)?;
    }
    Ok(())
}

/// Writes a container's whole log. The file may be written to as the container is followed, so it is replaced.
pub(crate) async fn keep_log(docker: &Docker, id: &str, log: &Path) {
    let whole = log.with_extension("whole");
    let kept = match write_log(docker, id, &whole, false).await {
        Ok(()) => tokio::fs::rename(&whole, log).await.context("replace", log),
        Err(error) => tokio::fs::remove_file(&whole).await.context("remove", &whole).and(Err(error)),
    };
    if let Err(error) = kept {
        tracing::debug!(%error, log = %log.display(), "could not keep a container's log");
    }
}

/// The time that a container has to become ready in.
pub(crate) struct Waiting<'a> {
    container: &'a Container,
    within: Duration,
    by: Instant,
}

impl<'a> Waiting<'a> {
    pub(crate) fn of(container: &'a Container, within: Duration) -> Self {
        Self { container, within, by: Instant::now() + within }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if Instant::now() < self.by {
            return Ok(());
        }
        let Container { image, log, .. } = self.container;
        Err(Error::NotReady { what: image.clone(), within: self.within, log: LogTail::read(log) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], files: &[&str]) -> Result<PathBuf, Error> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        socket(variable, |path| files.iter().any(|file| Path::new(file) == path))
    }

    #[test]
    fn the_socket_is_the_one_that_is_named_or_the_first_that_is_there() -> Result<(), Error> {
        let desktop = "/home/ann/.docker/desktop/docker.sock";
        let home = ("HOME", "/home/ann");
        assert_eq!(
            found(&[("DOCKER_HOST", "unix:///run/d.sock"), home], &[desktop])?,
            Path::new("/run/d.sock")
        );
        assert_eq!(found(&[home], &[desktop])?, Path::new(desktop));
        assert_eq!(found(&[home], &[desktop, "/var/run/docker.sock"])?, Path::new("/var/run/docker.sock"));
        assert_eq!(found(&[], &[])?, Path::new("/var/run/docker.sock"), "the one to name when there is none");
        Ok(())
    }

    #[test]
    fn docker_on_another_machine_is_refused_with_its_name() {
        let error = found(&[("DOCKER_HOST", "tcp://build.example:2376")], &[]).unwrap_err();
        assert!(matches!(error, Error::DockerHost { host } if host == "tcp://build.example:2376"));
    }

    #[test]
    fn the_socket_is_mounted_from_where_the_daemon_has_it() {
        let desktop = "/home/ann/.docker/desktop/docker.sock";
        assert_eq!(seen_by_daemon(desktop, false), USUAL_SOCKET);
        assert_eq!(seen_by_daemon("/Users/ann/.colima/default/docker.sock", true), USUAL_SOCKET);
        let rootless = "/run/user/1000/docker.sock";
        assert_eq!(seen_by_daemon(rootless, false), rootless);
    }

    #[test]
    fn a_container_that_ended_says_how() {
        let state = |code, out_of_memory| ContainerState {
            exit_code: Some(code),
            oom_killed: Some(out_of_memory),
            ..ContainerState::default()
        };
        assert_eq!(how(&state(55, false)), "exit code 55");
        assert_eq!(how(&state(137, true)), "exit code 137, out of memory");
    }
}
