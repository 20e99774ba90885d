//! Taking away a network and all that belongs to it, ours or that of a process that is dead.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::{
    KillContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};

use crate::docker::{Docker, failed, gone, keep_log, status};
use crate::owner::Owner;
use crate::{Error, Progress, home};

/// Who made it.
pub(crate) const OWNER: &str = "dev.headwater.owner";
/// The network that it belongs to.
pub(crate) const NETWORK: &str = "dev.headwater.network";
/// What it is there.
pub(crate) const ROLE: &str = "dev.headwater.role";
/// The file on this machine that its log goes to.
pub(crate) const LOG: &str = "dev.headwater.log";

/// The emulator's role.
pub(crate) const EMULATOR: &str = "localstack";

/// How often removal begins again while something is still added.
const ROUNDS: u32 = 20;

/// Removes what runs left whose process is dead. What cannot be removed is told and left to the next run.
pub(crate) async fn sweep(docker: &Docker, home: &Path, progress: Progress<'_>) -> Result<(), Error> {
    for (network, owner) in owned(docker).await? {
        if owner.parse::<Owner>().is_ok_and(|owner| owner.is_dead()) {
            progress(&format!("removing {network}, which a run that was killed has left"));
            if let Err(error) = remove(docker, &network, home).await {
                tracing::warn!(%error, %network, "could not remove what a run that was killed has left");
            }
        }
    }
    Ok(())
}

/// The networks that anything is labelled for, with the owner that it names.
async fn owned(docker: &Docker) -> Result<BTreeMap<String, String>, Error> {
    let client = &docker.client;
    let filters = HashMap::from([("label", vec![OWNER])]);
    let networks = client.list_networks(Some(ListNetworksOptionsBuilder::new().filters(&filters).build()));
    let volumes = client.list_volumes(Some(ListVolumesOptionsBuilder::new().filters(&filters).build()));
    let all = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = client.list_containers(Some(all));
    let networks = networks.await.map_err(failed("list networks of"))?;
    let volumes = volumes.await.map_err(failed("list volumes of"))?.volumes.unwrap_or_default();
    let containers = containers.await.map_err(failed("list containers of"))?;
    let labels = (networks.into_iter().filter_map(|network| network.labels))
        .chain(volumes.into_iter().map(|volume| volume.labels))
        .chain(containers.into_iter().filter_map(|container| container.labels));
    Ok(labels.filter_map(|mut labels| Some((labels.remove(NETWORK)?, labels.remove(OWNER)?))).collect())
}

/// Takes away the containers of a network, its volumes, and the network. The emulator goes first, and it is looked again until
/// nothing is left: what it asked of Docker before its end may still be carried out.
pub(crate) async fn remove(docker: &Docker, network: &str, home: &Path) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        for group in containers(docker, network).await? {
            for removed in join_all(group.iter().map(|container| take(docker, container, home))).await {
                removed?;
            }
        }
        remove_volumes(docker, network, network).await?;
        // A container that is just being removed holds its volumes still.
        if volumes(docker, network).await?.is_empty() {
            match docker.client.remove_network(network).await {
                // Something has joined it in the meantime.
                Err(error) if status(&error) == Some(403) => {}
                removed => gone(removed).map_err(failed("remove a network of"))?,
            }
            if containers(docker, network).await?.iter().all(Vec::is_empty) {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(Error::Left { network: network.to_owned() })
}

async fn containers(docker: &Docker, network: &str) -> Result<[Vec<ContainerSummary>; 3], Error> {
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let all = docker.client.list_containers(Some(options)).await.map_err(failed("list containers of"))?;
    Ok(members(all, network))
}

/// The containers that belong to a network, running or not, in the order in which they are to go: the emulator, which starts
/// others; those that share the network of another container, as the containers of a task do; and what is labelled for the
/// network, on it, or holds one of its volumes.
fn members(all: Vec<ContainerSummary>, network: &str) -> [Vec<ContainerSummary>; 3] {
    let (members, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| belongs(one, network));
    let ids: HashSet<&str> = members.iter().filter_map(|one| one.id.as_deref()).collect();
    let shares = |one: &ContainerSummary| {
        let mode = one.host_config.as_ref().and_then(|host| host.network_mode.as_deref());
        mode.and_then(|mode| mode.strip_prefix("container:")).is_some_and(|holder| ids.contains(holder))
    };
    let sharing = others.into_iter().filter(shares).collect();
    let (emulators, others) = members.into_iter().partition(|one| label(one, ROLE) == Some(EMULATOR));
    [emulators, sharing, others]
}

fn belongs(container: &ContainerSummary, network: &str) -> bool {
    let networks = container.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let mut mounts = container.mounts.iter().flatten().filter_map(|mount| mount.name.as_deref());
    label(container, NETWORK) == Some(network)
        || networks.is_some_and(|networks| networks.contains_key(network))
        || mounts.any(|volume| is_of(volume, network))
}

/// Whether a volume's name says that it belongs to a network. Those that the emulator makes have no label of ours.
fn is_of(volume: &str, network: &str) -> bool {
    volume.strip_prefix(network).is_some_and(|rest| rest.starts_with('-'))
}

fn label<'a>(container: &'a ContainerSummary, name: &str) -> Option<&'a str> {
    container.labels.as_ref()?.get(name).map(String::as_str)
}

/// Ends a container, keeps its log, and removes it. Where there is no room for the log it goes all the same.
async fn take(docker: &Docker, container: &ContainerSummary, home: &Path) -> Result<(), Error> {
    let Some(id) = container.id.as_deref() else { return Ok(()) };
    let killed = docker.client.kill_container(id, None::<KillContainerOptions>).await;
    gone(killed).map_err(failed("end a container of"))?;
    let said = label(container, LOG).map(PathBuf::from);
    let log = match said.filter(|log| log.parent().is_some_and(Path::is_dir)) {
        Some(log) => Ok(log),
        None => home::new_log(home, &name(container)),
    };
    match log {
        Ok(log) => keep_log(docker, id, &log).await,
        Err(error) => tracing::debug!(%error, "could not keep a container's log"),
    }
    remove_container(docker, id).await
}

fn name(container: &ContainerSummary) -> String {
    let name = container.names.as_ref().and_then(|names| names.first());
    name.map_or("container", |name| name.trim_start_matches('/')).replace('/', "-")
}

/// Removes a container and the volumes without a name that it has.
pub(crate) async fn remove_container(docker: &Docker, id: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    gone(docker.client.remove_container(id, Some(options)).await).map_err(failed("remove a container of"))
}

/// The names of the volumes of a network.
async fn volumes(docker: &Docker, network: &str) -> Result<Vec<String>, Error> {
    let filters = HashMap::from([("name", vec![network])]);
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let found = docker.client.list_volumes(Some(options)).await.map_err(failed("list volumes of"))?;
    let names = found.volumes.into_iter().flatten().map(|volume| volume.name);
    Ok(names.filter(|name| is_of(name, network)).collect())
}

/// Removes the volumes of a network whose name begins so. One that is in use stays.
pub(crate) async fn remove_volumes(docker: &Docker, network: &str, prefix: &str) -> Result<(), Error> {
    for name in volumes(docker, network).await?.into_iter().filter(|name| name.starts_with(prefix)) {
        let options = RemoveVolumeOptionsBuilder::new().force(true).build();
        gone(docker.client.remove_volume(&name, Some(options)).await)
            .map_err(failed("remove a volume of"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testcontainers::bollard::models::{
        ContainerSummaryHostConfig, ContainerSummaryNetworkSettings, EndpointSettings, MountPoint,
    };

    use super::*;

    #[test]
    fn what_belongs_to_a_network_is_on_it_labelled_for_it_or_shares_with_what_is() {
        let container =
            |id: &str| ContainerSummary { id: Some(id.to_owned()), ..ContainerSummary::default() };
        let labelled = |id: &str, name: &str, value: &str| ContainerSummary {
            labels: Some(HashMap::from([(name.to_owned(), value.to_owned())])),
            ..container(id)
        };
        let on = |one: ContainerSummary, network: &str| ContainerSummary {
            network_settings: Some(ContainerSummaryNetworkSettings {
                networks: Some(HashMap::from([(network.to_owned(), EndpointSettings::default())])),
            }),
            ..one
        };
        let shares = |id: &str, holder: &str| ContainerSummary {
            host_config: Some(ContainerSummaryHostConfig {
                network_mode: Some(format!("container:{holder}")),
                ..ContainerSummaryHostConfig::default()
            }),
            ..container(id)
        };
        let holds = |id: &str, volume: &str| ContainerSummary {
            mounts: Some(vec![MountPoint { name: Some(volume.to_owned()), ..MountPoint::default() }]),
            ..container(id)
        };
        let all = vec![
            on(container("task"), "headwater-1"),
            shares("sidecar", "task"),
            on(labelled("emulator", ROLE, EMULATOR), "headwater-1"),
            labelled("not-joined-yet", NETWORK, "headwater-1"),
            holds("makes-a-directory", "headwater-1-fs-0-root"),
            on(container("of-another"), "headwater-10"),
            holds("holds-anothers", "headwater-10-data"),
            shares("shares-anothers", "of-another"),
        ];
        let ids = members(all, "headwater-1")
            .map(|group| group.into_iter().filter_map(|one| one.id).collect::<Vec<_>>());
        let expected: [&[&str]; 3] =
            [&["emulator"], &["sidecar"], &["task", "not-joined-yet", "makes-a-directory"]];
        assert_eq!(ids, expected.map(|ids| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>()));
    }
}
