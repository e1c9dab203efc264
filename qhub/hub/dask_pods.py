"""What a person's Dask cluster is like as pods: as their user, with their folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import namespaces
from .pod import UMASK, PersonsPod, tolerations
from .profiles import Profile, ProfileError

IMAGE = "image"
"""Name of the cluster option: the image that scheduler and workers run in."""
ENVIRONMENT = "conda_environment"
"""Name of the cluster option: the shared environment that they run in, `NAMESPACE/NAME`; empty for
what the image has."""
SCHEDULER = {
    "scheduler_cores": 0.05,
    "scheduler_cores_limit": 1.0,
    "scheduler_memory": 256 * 2**20,
    "scheduler_memory_limit": 2 * 2**30,
}
"""What a scheduler gets, whatever its workers get."""


def variable(image: str) -> dict[str, str]:
    """What makes an image the default of the cluster option, in a person's server."""
    return {f"DASK_GATEWAY__CLUSTER__OPTIONS__{IMAGE.upper()}": repr(image)}


def launcher(pod: PersonsPod, environment: str) -> Path | None:
    """What runs a program in a shared environment; None for what the image has.

    Raises:
        ProfileError: it is none of those that the person sees.
    """
    if not environment:
        return None
    namespace, _, name = environment.partition("/")
    if namespace not in pod.namespaces or not name or "/" in name:
        seen = ", ".join(f"`{one}/…`" for one in pod.namespaces)
        raise ProfileError(f"There is no environment `{environment}` for you; yours are {seen}.")
    return namespaces.launcher(namespaces.IN_PODS, namespace, name)


def overrides(
    pod: PersonsPod,
    worker: Profile,
    image: str,
    cluster: Mapping[str, Any],
    environment: str = "",
) -> Any:
    """A cluster of a person's, as Dask-Gateway describes it.

    Args:
        pod: what any pod of the person is like.
        worker: the profile of its workers.
        image: where the profile names none.
        cluster: `cluster` of the settings.
        environment: the shared one that was asked for.

    Raises:
        ProfileError: the person sees no such environment.
    """
    run = launcher(pod, environment)
    dask = [str(run), "dask"] if run else ["dask"]
    devices = worker["devices"]
    spec, container = _spec(pod, cluster), _container(pod, cluster)
    worker_spec = {
        **spec,
        "nodeSelector": {**cluster["node_selector"], **worker["node_selector"]},
        "tolerations": [*cluster["tolerations"], *tolerations(devices)],
    }
    return {
        "image": worker.get("image") or image,
        "scheduler_cmd": [*dask, "scheduler"],
        "worker_cmd": [*dask, "worker"],
        "environment": pod.environment | {"DASK_TEMPORARY_DIRECTORY": "/tmp"},  # noqa: S108
        **SCHEDULER,
        "worker_cores": worker["cpu_guarantee"] or 0,
        "worker_cores_limit": worker["cpu_limit"],
        "worker_memory": worker["mem_guarantee"] or worker["mem_limit"],
        "worker_memory_limit": worker["mem_limit"],
        "worker_threads": worker["threads"],
        "scheduler_extra_pod_config": spec,
        "worker_extra_pod_config": worker_spec,
        "scheduler_extra_container_config": container,
        "worker_extra_container_config": {**container, "resources": {"limits": {**devices}}},
        **{
            f"{kind}_extra_pod_labels": {"hub.jupyter.org/username": pod.name}
            for kind in ("scheduler", "worker")
        },
    }


def _spec(pod: PersonsPod, cluster: Mapping[str, Any]) -> dict[str, Any]:
    volumes = [*pod.volumes, *cluster["volumes"]]
    if pod.own_home:  # a volume that one node has at a time: workers are on many
        volumes.append({"name": "home", "emptyDir": {}})
    return {
        "securityContext": pod.security,
        "volumes": volumes,
        "nodeSelector": cluster["node_selector"],
        "tolerations": cluster["tolerations"],
        "priorityClassName": cluster["priority"],
        "enableServiceLinks": False,
    }


def _container(pod: PersonsPod, cluster: Mapping[str, Any]) -> dict[str, Any]:
    mounts = [*pod.mounts, *cluster["mounts"]]
    if pod.own_home:
        mounts.append({"name": "home", "mountPath": pod.home})
    return {
        "command": [*UMASK],
        "workingDir": pod.home,
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
