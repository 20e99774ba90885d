"""What MiniStack leaves out of the containers that it starts for ECS tasks, mended: a task definition runs as written.

Each mend says what AWS does. They matter where MiniStack has the Docker socket; elsewhere none of this is called.

Not mended: a container that starts before the task's first essential one has a network of its own; `ulimits`, which a Docker
that itself runs in a container refuses to raise; and a service does not replace a task that became unhealthy.
"""

import functools
import logging
import os
import time

from ministack.services import ecs, servicediscovery
from ministack_volumes import TASK_LABEL, as_mount, remove_volumes, task_id

logger = logging.getLogger("ecs")

STOP_TIMEOUT_LABEL = "dev.headwater.stop-timeout"
# By which whoever removes the network finds what is not on it itself but shares the network of what is.
NETWORK_LABEL = "dev.headwater.network"
# Dummies, as this machine's own.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# Seconds. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
DEFAULT_STOP_TIMEOUT = 30
DEFAULT_START_TIMEOUT = 180
POLL = 0.2


def apply() -> None:
    """Puts the mends in place. MiniStack's services must be imported, and none may have been called."""
    containers_start_in_the_order_of_their_dependencies()
    containers_wait_for_their_dependencies()
    containers_are_made_as_defined()
    essential_containers_give_the_address()
    tasks_are_found_by_name()
    tasks_tell_their_health()
    deployments_wait_for_health()
    tasks_stop_in_order()


def mend(name: str):
    """Puts a function, which gets MiniStack's own first, in the place of MiniStack's of that name."""

    def replace(function):
        setattr(ecs, name, functools.partial(function, getattr(ecs, name)))

    return replace


def containers_start_in_the_order_of_their_dependencies() -> None:
    """A container starts after those that it depends on, in whichever order they are written."""

    @mend("_start_task_worker")
    def start(plain, task, definition, overrides, docker):
        order = start_order(definition["containerDefinitions"])

        def sort(items):
            return [items[place] for place in order]

        # MiniStack knows containers by their place, in all three.
        definition = {**definition, "containerDefinitions": sort(definition["containerDefinitions"])}
        with ecs.resource_lock("ecs-task", task["taskArn"]):
            task["containers"] = sort(task["containers"])
            task["_container_essentials"] = sort(task["_container_essentials"])
            task["_definition"] = definition
        return plain(task, definition, overrides, docker)


def start_order(containers: list) -> list:
    """The places of the containers, each behind those that it depends on."""
    order, left = [], list(range(len(containers)))
    while left:
        waiting = {containers[place]["name"] for place in left}
        ready = [place for place in left if not waiting & {one["containerName"] for one in dependencies(containers[place])}]
        # ECS takes no circle; whoever writes one gets the order as written.
        order += ready or left
        left = [place for place in left if place not in order]
    return order


def dependencies(container: dict) -> list:
    return container.get("dependsOn") or []


def containers_wait_for_their_dependencies() -> None:
    """A container starts when what it depends on fulfils its condition; where that cannot be any more the task fails."""

    @mend("_run_docker_container")
    def run(plain, docker, container, arguments, **options):
        task = ecs._tasks.get(arguments["labels"][TASK_LABEL])
        for dependency in dependencies(container):
            wait_for(docker, task, dependency["containerName"], dependency["condition"])
        # MiniStack tries again without a platform, and then complains of the first try's name in place of what was wrong.
        if arguments.get("platform") == {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}.get(os.uname().machine):
            del arguments["platform"]
        try:
            return plain(docker, container, arguments, **options)
        except Exception:
            for left in docker.containers.list(all=True, filters={"name": f"^/{arguments['name']}$"}):
                left.remove(force=True, v=True)
            raise


def wait_for(docker, task: dict, name: str, condition: str) -> None:
    definition = next(one for one in task["_definition"]["containerDefinitions"] if one["name"] == name)
    end = time.monotonic() + definition.get("startTimeout", DEFAULT_START_TIMEOUT)
    while time.monotonic() < end:
        if not ecs._task_is_active(task["taskArn"], task):
            raise RuntimeError("the task was stopped")
        state = docker.containers.get(container_name(task, name)).attrs["State"]
        exited, healthy = state["Status"] == "exited", state.get("Health", {}).get("Status") == "healthy"
        succeeded = exited and state["ExitCode"] == 0
        fulfilled = {"START": True, "COMPLETE": exited, "SUCCESS": succeeded, "HEALTHY": healthy}
        if fulfilled[condition]:
            return
        if exited:
            raise RuntimeError(f"container {name} ended with {state['ExitCode']} and is not {condition}")
        time.sleep(POLL)
    raise RuntimeError(f"container {name} is not {condition} within its start timeout")


def container_name(task: dict, name: str) -> str:
    """As MiniStack names it."""
    return f"ministack-ecs-{task_id(task)[:8]}-{name}"


def containers_are_made_as_defined() -> None:
    """A container has its entry point, user, file system, capabilities, volumes, health check and ports."""

    @mend("_build_run_kwargs")
    def build(plain, container, definition, *others):
        arguments = plain(container, definition, *others)
        task = ecs._tasks.get(arguments["labels"][TASK_LABEL])
        arguments.update(as_defined(container))
        # A task has its role's credentials from an address that SDKs know as ECS's. MiniStack's is none, so they refuse it.
        arguments["environment"] = {**CREDENTIALS, **(arguments.get("environment") or {})}
        arguments["labels"][STOP_TIMEOUT_LABEL] = str(container.get("stopTimeout", DEFAULT_STOP_TIMEOUT))
        arguments["labels"][NETWORK_LABEL] = arguments.get("network") or ""
        mounts = container.get("mountPoints") or []
        arguments["mounts"] = [as_mount(task, definition, mount, arguments.get("network")) for mount in mounts]
        if definition.get("networkMode") == "awsvpc" and arguments.get("network"):
            join_network(arguments, task, container, definition)
        return arguments


def as_defined(container: dict) -> dict:
    """What the definition says in terms of Docker's."""
    capabilities = (container.get("linuxParameters") or {}).get("capabilities") or {}
    arguments = {
        "entrypoint": container.get("entryPoint") or None,
        "user": container.get("user"),
        "read_only": container.get("readonlyRootFilesystem", False),
        "cap_drop": capabilities.get("drop") or None,
        "healthcheck": health_check(container.get("healthCheck")),
    }
    return {name: value for name, value in arguments.items() if value}


def health_check(check: dict | None) -> dict:
    """ECS does not look at the health check of an image."""
    if not check:
        return {"test": ["NONE"]}
    times = {"interval": 30, "timeout": 5, "startPeriod": 0}
    interval, timeout, start_period = (check.get(name, default) * 10**9 for name, default in times.items())
    return {
        "test": check["command"],
        "interval": interval,
        "timeout": timeout,
        "start_period": start_period,
        "retries": check.get("retries", 3),
    }


def join_network(arguments: dict, task: dict, container: dict, definition: dict) -> None:
    """Containers of a task with network mode `awsvpc` have one address, all ports and localhost in common.

    The first essential container holds them, under the task's name in Cloud Map. Its ports are published at random ones of
    127.0.0.1, as a port of the VPC cannot be reached from everywhere that Docker runs.
    """
    holder = first_essential(task)
    if holder:
        for option in ("network", "extra_hosts", "ports"):
            arguments.pop(option, None)
        arguments["network_mode"] = f"container:{holder}"
    elif container.get("essential", True):
        ports = [port for one in definition["containerDefinitions"] for port in one.get("portMappings") or []]
        arguments["ports"] = {f"{one['containerPort']}/{one.get('protocol', 'tcp')}": ("127.0.0.1", None) for one in ports}
        names = [registry["name"] for registry in registries(task)]
        arguments["networking_config"] = {arguments["network"]: {"Aliases": names}}


def first_essential(task: dict) -> str | None:
    started = zip(task["_docker_ids"], task["_container_essentials"])
    return next((identifier for identifier, essential in started if essential), None)


def essential_containers_give_the_address() -> None:
    """A task has one address. MiniStack takes the first container's, which may end before the next one starts."""

    @mend("_record_task_ip")
    def record(plain, task, container, network):
        if container.id == first_essential(task):
            plain(task, container, network)


def tasks_are_found_by_name() -> None:
    """A task is an instance of its service's registries for as long as it runs.

    <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html>
    """

    @mend("_mark_task_running")
    def running(plain, arn, task):
        marked = plain(arn, task)
        for registry in registries(task) if marked else []:
            attributes = {"AWS_INSTANCE_IPV4": ecs._task_ip(task), "AVAILABILITY_ZONE": task["availabilityZone"]}
            instance = {"ServiceId": registry["id"], "InstanceId": task_id(task), "Attributes": attributes}
            servicediscovery._register_instance(instance)
        return marked

    @mend("_mark_task_stopped")
    def stopped(plain, arn, task, *others, **options):
        marked = plain(arn, task, *others, **options)
        for registry in registries(task) if marked else []:
            servicediscovery._deregister_instance({"ServiceId": registry["id"], "InstanceId": task_id(task)})
        return marked


def registries(task: dict) -> list:
    """The registries in Cloud Map of the task's service, with the names that they give."""
    cluster, service = ecs._cluster_name_from_arn(task["clusterArn"]), task["group"].removeprefix("service:")
    found = []
    for registry in (ecs._services.get(f"{cluster}/{service}") or {}).get("serviceRegistries") or []:
        entry = servicediscovery._services.get(registry["registryArn"].rsplit("/", 1)[-1])
        namespace = servicediscovery._namespaces.get(entry["NamespaceId"]) if entry else None
        if namespace:
            found.append({"id": entry["Id"], "name": f"{entry['Name']}.{namespace['Name']}"})
    return found


def tasks_tell_their_health() -> None:
    """DescribeTasks tells what the health checks of the containers say, and of the task what its essential ones say."""

    @mend("_maybe_mark_stopped")
    def look(plain, task, docker=None):
        # MiniStack looks ten times a second.
        if time.monotonic() >= task.get("_next_look_at_health", 0):
            task["_next_look_at_health"] = time.monotonic() + 1
            read_health(task, docker or ecs._get_docker())
        return plain(task, docker)


def read_health(task: dict, docker) -> None:
    health = []
    definitions = (task.get("_definition") or {}).get("containerDefinitions", [])
    for identifier, definition, told in zip(list(task["_docker_ids"]), definitions, task["containers"]):
        if not definition.get("healthCheck"):
            continue
        try:
            state = docker.containers.get(identifier).attrs["State"]
        except Exception:  # Gone or not to be asked just now: what was told stays.
            continue
        status = state.get("Health", {}).get("Status")
        told["healthStatus"] = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}.get(status, "UNKNOWN")
        if definition.get("essential", True):
            health.append(told["healthStatus"])
    for status in ("UNHEALTHY", "UNKNOWN", "HEALTHY"):
        if status in health:
            task["healthStatus"] = status
            break


def deployments_wait_for_health() -> None:
    """A deployment is completed when its tasks run and are healthy, where their essential containers have health checks.

    MiniStack tells so of a service's first deployment when it is created.
    """

    @mend("_make_deployment")
    def make(plain, definition, desired, *others):
        deployment = plain(definition, desired, *others)
        if desired and ecs._get_docker():
            deployment.update(rolloutState="IN_PROGRESS", rolloutStateReason="")
        return deployment

    @mend("_schedule_service_deployment_completion")
    def schedule(plain, cluster, service, account, region, healthy_task=None):
        while healthy_task and ecs._task_is_active(healthy_task["taskArn"], healthy_task):
            containers = healthy_task["_definition"]["containerDefinitions"]
            checked = any(one.get("healthCheck") and one.get("essential", True) for one in containers)
            if not checked or healthy_task["healthStatus"] == "HEALTHY":
                break
            time.sleep(POLL)
        return plain(cluster, service, account, region, healthy_task=healthy_task)


def tasks_stop_in_order() -> None:
    """Containers of a task stop in the opposite order of their start, each with SIGTERM and its stop timeout, and the
    task's own volumes go with it. When an essential container ends, the others are stopped."""

    @mend("_cleanup_task_resources")
    def clean_up(plain, task, docker, extra_container=None):
        docker = docker or ecs._get_docker()
        with ecs.resource_lock("ecs-task", task["taskArn"]):
            task["_docker_ids"] = list(reversed(task.get("_docker_ids") or []))
        plain(task, docker, extra_container)
        if docker:
            remove_volumes(task, docker)

    @mend("_remove_docker_container")
    def remove(plain, docker, container):
        try:
            found = docker.containers.get(getattr(container, "id", container))
            found.stop(timeout=int(found.labels.get(STOP_TIMEOUT_LABEL, DEFAULT_STOP_TIMEOUT)))
        except Exception as error:
            logger.debug("ECS: could not stop container %s: %s", container, error)
        plain(docker, container)
