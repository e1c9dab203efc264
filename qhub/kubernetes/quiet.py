"""A deployment in which nobody works: without the hub, and without what it and people started."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Cluster, absent_is_done
from qhub.kubernetes.helm import MERGE
from qhub.kubernetes.rollout import wait_ready

STOPPED = "qhub/replicas"
"""Annotation of a hub that was stopped: how many pods it had, for whoever comes after a kill."""

PATIENCE_SECONDS = 300
_PODS = ("component=hub", "hub.jupyter.org/username")
"""The hub's own pod, and those of people: their servers, schedulers and workers."""


@contextlib.contextmanager
def quiet(cluster: Cluster, namespace: str) -> Iterator[None]:
    """End people's servers and Dask clusters and stop the hub; start it again afterwards.

    Raises:
        ClusterError: Something of it does not end.
        StageError: The hub doesn't come up again.
    """
    replicas = _replicas(cluster, namespace)
    _scale(cluster, namespace, 0, note=str(replicas))
    try:
        _end(cluster, namespace)
        yield
    finally:
        _scale(cluster, namespace, replicas, note=None)
    wait_ready("05-jupyterhub", cluster.access.context, namespace, deployments=["hub"])


def _end(cluster: Cluster, namespace: str) -> None:
    """End what runs, and wait until it has ended."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    clusters = f"/apis/gateway.dask.org/v1alpha1/namespaces/{namespace}/daskclusters"
    started = time.monotonic()
    while True:
        found = _listed(cluster, clusters)  # before their pods, which would be made again
        paths = [f"{clusters}/{name}" for name in found]
        for selector in _PODS:
            paths += [f"{pods}/{name}" for name in _listed(cluster, pods, labelSelector=selector)]
        if not paths:
            return
        if time.monotonic() - started > PATIENCE_SECONDS:
            names = ", ".join(path.rpartition("/")[2] for path in paths)
            raise ClusterError(f"these do not end: {names}", "see `qhub status`")
        for path in paths:
            with absent_is_done():
                cluster.request("DELETE", path)
        time.sleep(1)


def _listed(cluster: Cluster, path: str, **query: str) -> list[str]:
    """Names of what is there; none where the cluster does not know the kind."""
    with absent_is_done():
        return [one["metadata"]["name"] for one in cluster.request("GET", path, **query)["items"]]
    return []


def _replicas(cluster: Cluster, namespace: str) -> int:
    """How many pods the hub has; had, where a run that stopped it was killed."""
    hub: dict[str, Any] = cluster.request("GET", hub_path(namespace))
    noted = (hub["metadata"].get("annotations") or {}).get(STOPPED, "0")
    return int(hub["spec"]["replicas"]) or int(noted)


def _scale(cluster: Cluster, namespace: str, replicas: int, *, note: str | None) -> None:
    body = {"metadata": {"annotations": {STOPPED: note}}, "spec": {"replicas": replicas}}
    cluster.request("PATCH", hub_path(namespace), body, content_type=MERGE)


def hub_path(namespace: str) -> str:
    """Where the cluster keeps the hub's Deployment."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/hub"
