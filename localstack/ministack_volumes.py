"""The volumes of ECS tasks, which MiniStack leaves out, as volumes of Docker's.

Their names begin with that of the network that the tasks are on, so that whoever removes the network finds them.
"""

import io
import logging
import os
import re
import tarfile

from ministack.services import ecs, efs

logger = logging.getLogger("ecs")

TASK_LABEL = "com.amazonaws.ecs.task-arn"


def task_id(task: dict) -> str:
    return task["taskArn"].rsplit("/", 1)[-1]


def as_mount(task: dict, definition: dict, point: dict, network: str | None) -> dict:
    """A mount point in Docker's words. A volume of the task's own begins with what the image has there; EFS does not."""
    volume = next(one for one in definition["volumes"] if one["name"] == point["sourceVolume"])
    on_efs = volume.get("efsVolumeConfiguration")
    if on_efs:
        name = efs_volume(on_efs, network)
    else:
        name = volume_name(network, task_id(task)[:8], volume["name"])
        make_volume(name, {TASK_LABEL: task["taskArn"]})
    return mount(name, point["containerPath"], read_only=point.get("readOnly", False), copies=not on_efs)


def mount(volume: str, path: str, read_only: bool, copies: bool) -> dict:
    return {
        "Type": "volume",
        "Source": volume,
        "Target": path,
        "ReadOnly": read_only,
        "VolumeOptions": {"NoCopy": not copies},
    }


def volume_name(network: str | None, *parts: str) -> str:
    return "-".join([network or "ministack", *(re.sub(r"[^A-Za-z0-9_.]+", "-", part).strip("-") for part in parts)])


def make_volume(name: str, labels: dict) -> bool:
    """Whether it was not there before."""
    volumes = ecs._get_docker().volumes
    known = any(volume.name == name for volume in volumes.list(filters={"name": name}))
    if not known:
        volumes.create(name, labels={**ecs.container_reaper.own_labels("ecs"), **labels})
    return not known


def efs_volume(configuration: dict, network: str | None) -> str:
    """The volume of a directory on EFS, which outlives every task.

    An access point's directory is made at its first use, with the owner and the permissions that the access point says:
    <https://docs.aws.amazon.com/efs/latest/ug/enforce-root-directory-access-point.html>
    """
    access_point = (configuration.get("authorizationConfig") or {}).get("accessPointId")
    root = efs._access_points[access_point]["RootDirectory"] if access_point else {}
    path = root.get("Path") or configuration.get("rootDirectory") or "/"
    name = volume_name(network, configuration["fileSystemId"], path.strip("/") or "root")
    if make_volume(name, {}) and root.get("CreationInfo"):
        make_directory(name, root["CreationInfo"])
    return name


def make_directory(volume: str, owner: dict) -> None:
    """Gives the volume an owner: a container that never runs has it, and an archive that is put in says so."""
    entry = tarfile.TarInfo("directory")
    entry.type = tarfile.DIRTYPE
    mode = int(owner["Permissions"], 8)
    # An access point's user takes the place of whoever reads and writes, and Docker has no such thing: all may what the owner may.
    entry.uid, entry.gid, entry.mode = owner["OwnerUid"], owner["OwnerGid"], mode | (mode >> 6 & 7) * 0o11
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(entry)
    docker = ecs._get_docker()
    image = docker.containers.get(os.environ["HOSTNAME"]).image.id  # MiniStack's own: the one that is surely here
    holder = docker.containers.create(image, mounts=[mount(volume, "/directory", read_only=False, copies=False)])
    try:
        holder.put_archive("/", archive.getvalue())
    finally:
        holder.remove(v=True)


def remove_volumes(task: dict, docker) -> None:
    """Removes the task's own. What is on EFS stays."""
    for volume in docker.volumes.list(filters={"label": f"{TASK_LABEL}={task['taskArn']}"}):
        try:
            volume.remove()
        except Exception as error:
            logger.warning("ECS: could not remove volume %s: %s", volume.name, error)
