"""Taking away a namespace with all that is in it, and saying what doesn't go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import ABSENT, CONFLICT, Cluster, absent_is_done
from qhub.kubernetes.owned import OWNER, PART, is_own
from qhub.kubernetes.remains import Remnant, inside
from qhub.kubernetes.waiting import Say

GRACE_SECONDS = 10
"""What people's programs get to end in order."""

PATIENCE_SECONDS = 60
"""How long nothing may change before what is left is taken for stuck."""

DEADLINE_SECONDS = 600
POLL_SECONDS = 0.5

_LOAD_BALANCER = "service.kubernetes.io/load-balancer-cleanup"
"""Held by the cloud while it removes a load balancer, which takes minutes."""


def end_pods(cluster: Cluster, namespace: str) -> None:
    """End all pods of a namespace; those that don't go in time, without waiting for their node."""
    with absent_is_done():
        cluster.ask(
            cluster.core.delete_collection_namespaced_pod,
            namespace,
            grace_period_seconds=GRACE_SECONDS,
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := cluster.ask(cluster.core.list_namespaced_pod, namespace).items:
        if time.monotonic() > deadline:
            for pod in left:
                with absent_is_done():
                    cluster.ask(
                        cluster.core.delete_namespaced_pod,
                        pod.metadata.name,
                        namespace,
                        grace_period_seconds=0,
                    )
            return
        time.sleep(POLL_SECONDS)


def remove_namespace(cluster: Cluster, namespace: str, deployment: str, say: Say) -> None:
    """Remove a deployment's namespace with all that is in it; one of somebody else's stays.

    Raises:
        ClusterError: Something in it doesn't go; the message says what, and what it waits for.
    """
    found = _read(cluster, namespace)
    if found is None or not is_own(found, deployment):
        return
    try:
        cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")
    except ClusterError as error:
        if error.status not in (ABSENT, CONFLICT):  # it was told already
            raise
    end_pods(cluster, namespace)  # from now on nothing makes new ones
    started = changed = time.monotonic()
    before: list[Remnant] = []
    while left := _left(cluster, namespace):
        now = time.monotonic()
        if left != before:
            say(f"waiting for {_few(left)} to go")
        if left != before or any(_LOAD_BALANCER in one.finalizers for one in left):
            before, changed = left, now
        if now - changed > PATIENCE_SECONDS or now - started > DEADLINE_SECONDS:
            raise _stuck(cluster.access.context, namespace, left)
        time.sleep(POLL_SECONDS)


def remove_priorities(cluster: Cluster, deployment: str) -> None:
    """Remove the PriorityClasses of a deployment, which are of no namespace."""
    _remove_own(cluster, "/apis/scheduling.k8s.io/v1/priorityclasses", deployment)


def remove_volumes(cluster: Cluster, deployment: str) -> None:
    """Remove the volumes that a deployment wrote down itself: the way to files, not the files."""
    _remove_own(cluster, "/api/v1/persistentvolumes", deployment)


def _remove_own(cluster: Cluster, path: str, deployment: str) -> None:
    cluster.request("DELETE", path, labelSelector=f"{PART}=qhub,{OWNER}={deployment}")


def _read(cluster: Cluster, namespace: str) -> dict[str, Any] | None:
    try:
        return dict(cluster.request("GET", f"/api/v1/namespaces/{namespace}")["metadata"])
    except ClusterError as error:
        if error.status == ABSENT:
            return None
        raise


def _left(cluster: Cluster, namespace: str) -> list[Remnant]:
    """What is in a namespace that was told to go, or it alone; nothing once it is gone."""
    found = _read(cluster, namespace)
    if found is None:
        return []
    itself = Remnant("Namespace", namespace, None, tuple(found.get("finalizers") or ()))
    return inside(cluster, namespace) or [itself]


def _few(left: Sequence[Remnant], most: int = 3) -> str:
    shown = ", ".join(map(str, left[:most]))
    return f"{shown} and {len(left) - most} more" if len(left) > most else shown


def _stuck(context: str, namespace: str, left: Sequence[Remnant]) -> ClusterError:
    held = [one for one in left if one.finalizers]
    lines = [f"{one} waits for its finalizers: {', '.join(one.finalizers)}" for one in held]
    if not held:
        lines = [f"{one} doesn't go" for one in left]
    hint = f"see kubectl --context {context} describe namespace {namespace}"
    if held:
        one = held[0]
        where = f" -n {one.namespace}" if one.namespace else ""
        hint = (
            "who set a finalizer has to take it away; where that program is gone: kubectl"
            f" --context {context}{where} patch {one.kind.lower()} {one.name} --type merge"
            ' -p \'{"metadata":{"finalizers":null}}\''
        )
    return ClusterError("\n".join(lines), hint)
