"""What runs in a namespace: its pods, by the names that people know them by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.quantity import quantity

USERNAME, SERVERNAME = "hub.jupyter.org/username", "hub.jupyter.org/servername"
"""What KubeSpawner writes on a person's pod."""


@dataclass(frozen=True)
class Pod:
    """A pod: `name` is what it belongs to (`hub`, `server-ada`), `state` a word of Kubernetes'."""

    name: str
    pod: str
    state: str
    restarts: int
    age_seconds: float
    memory_bytes: int | None = None
    user: str | None = None


def pods(cluster: Cluster, namespace: str) -> list[Pod]:
    """The pods that have something to do, with their memory where the cluster measures that."""
    found = [pod for pod in listed(cluster, namespace) if pod["status"]["phase"] != "Succeeded"]
    memory = _memory(cluster, namespace) if found else {}
    return sorted(
        (
            Pod(
                name=title(pod),
                pod=pod["metadata"]["name"],
                state=_state(pod),
                restarts=sum(one["restartCount"] for one in _containers(pod)),
                age_seconds=_age(pod),
                memory_bytes=memory.get(pod["metadata"]["name"]),
                user=(pod["metadata"].get("annotations") or {}).get(USERNAME),
            )
            for pod in found
        ),
        key=lambda one: (one.user is not None, one.name),
    )


def title(pod: dict[str, Any]) -> str:
    """What people call a pod: `server-NAME` for a person's, else its Deployment or the like."""
    metadata = pod["metadata"]
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    if USERNAME in annotations:
        extra = annotations.get(SERVERNAME)
        return f"server-{annotations[USERNAME]}" + (f"-{extra}" if extra else "")
    for owner in metadata.get("ownerReferences") or ():
        if owner["kind"] == "ReplicaSet":
            return str(owner["name"]).removesuffix(f"-{labels.get('pod-template-hash', '')}")
        if owner["kind"] in ("StatefulSet", "DaemonSet", "Job"):
            return str(owner["name"])
    return str(metadata["name"])


def listed(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """The pods of a namespace, as the API has them."""
    return list(cluster.request("GET", f"/api/v1/namespaces/{namespace}/pods")["items"])


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pod["status"].get("containerStatuses") or ())


def _state(pod: dict[str, Any]) -> str:
    """As `kubectl get pods` has it, in short."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    containers = [*(pod["status"].get("initContainerStatuses") or ()), *_containers(pod)]
    for one in containers:
        for how in ("waiting", "terminated"):
            reason = one["state"].get(how, {}).get("reason")
            if reason and reason not in ("PodInitializing", "Completed"):
                return str(reason)
    if pod["status"]["phase"] == "Running" and not all(one["ready"] for one in _containers(pod)):
        return "NotReady"
    return str(pod["status"].get("reason") or pod["status"]["phase"])


def _age(pod: dict[str, Any]) -> float:
    since = pod["status"].get("startTime") or pod["metadata"]["creationTimestamp"]
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())


def _memory(cluster: Cluster, namespace: str) -> dict[str, int]:
    """Bytes by pod; nothing where no metrics-server runs."""
    try:
        said = cluster.request("GET", f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods")
    except ClusterError:
        return {}
    return {
        one["metadata"]["name"]: sum(
            int(quantity(part["usage"]["memory"])) for part in one["containers"]
        )
        for one in said["items"]
    }
