"""What a deployment left in its cluster, of whatever kind: found by its marks, not by a list.

Everything inside its namespace goes with that. What has no namespace carries a label of ours, the
note that Helm makes on all it applies, or the one of a definition that is shared.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import METADATA, Cluster
from qhub.kubernetes.definitions import NEEDED_BY
from qhub.kubernetes.keep import KEPT_FOR
from qhub.kubernetes.owned import is_own
from qhub.kubernetes.spaces import LENT, storage

PATIENCE_SECONDS = 45
"""How long volumes and the like may take to follow what they belonged to."""

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
_PASSING = {"Event", "PodMetrics", "NodeMetrics"}
"""Kinds that only tell of others."""


@dataclass(frozen=True, order=True)
class Remnant:
    """An object, with what it waits for before it goes, once it was told to."""

    kind: str
    name: str
    namespace: str | None = None
    finalizers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


def remains(
    cluster: Cluster, namespace: str, deployment: str, *, kept: bool = False
) -> list[Remnant]:
    """All that is left of a deployment.

    Args:
        cluster: Where it was.
        namespace: Its namespace.
        deployment: What tells it from the others of the cluster.
        kept: Whether volumes that are kept for it are as they should be.
    """
    found = {
        _remnant(kind, metadata)
        for kind, path in _kinds(cluster, "Cluster")
        for metadata in _listed(cluster, path)
        if _is_of(metadata, namespace, deployment)
    }
    return sorted({*found, *_volumes(cluster, namespace, kept), *_states(cluster, deployment)})


def awaited(
    cluster: Cluster, namespace: str, deployment: str, *, kept: bool = False
) -> list[Remnant]:
    """What is left of a deployment after all had time to go."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (
        left := remains(cluster, namespace, deployment, kept=kept)
    ) and time.monotonic() < deadline:
        time.sleep(1)
    return left


def inside(cluster: Cluster, namespace: str) -> list[Remnant]:
    """All that is in a namespace, of every kind that can be told to go."""
    found = {
        _remnant(kind, metadata)
        for kind, path in _kinds(cluster, "Namespaced")
        for metadata in _listed(cluster, path.replace("{}", f"namespaces/{namespace}/"))
    }
    return sorted(found)


def _is_of(metadata: dict[str, Any], namespace: str, deployment: str) -> bool:
    notes = metadata.get("annotations") or {}
    return (
        is_own(metadata, deployment)
        or notes.get(_RELEASE_NAMESPACE) in (namespace, storage(namespace))
        or f"{NEEDED_BY}{deployment}" in notes
    )


def _kinds(cluster: Cluster, scope: str) -> Iterator[tuple[str, str]]:
    """Each kind that can be listed and removed, with where; `{}` stands for the namespace."""
    for root in ("/api", "/apis"):
        for group in cluster.request("GET", root, accept=_DISCOVERY)["items"]:
            name = group["metadata"].get("name")
            for version in group["versions"][:1]:  # the one that is preferred
                base = f"{root}/{name}/" if name else f"{root}/"
                for one in version.get("resources", ()):
                    kind = (one.get("responseKind") or {}).get("kind", "")
                    able = {"list", "delete"} <= set(one.get("verbs", ()))
                    if able and one["scope"] == scope and kind not in _PASSING:
                        yield kind, f"{base}{version['version']}/{{}}{one['resource']}"


def _listed(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    try:
        listed = cluster.request("GET", path.replace("{}", ""), accept=METADATA)["items"]
    except ClusterError as error:
        if error.status is None:
            raise
        return []  # a kind whose own server is away, or that is not for us to see
    return [one["metadata"] for one in listed or ()]


def _remnant(kind: str, metadata: dict[str, Any]) -> Remnant:
    finalizers = tuple(metadata.get("finalizers") or ())
    return Remnant(kind, metadata["name"], metadata.get("namespace"), finalizers)


def _volumes(cluster: Cluster, namespace: str, kept: bool) -> Iterator[Remnant]:
    """Volumes that were made for claims of the namespace, and the one that is lent to it."""
    for volume in cluster.request("GET", "/api/v1/persistentvolumes")["items"]:
        claim = volume["spec"].get("claimRef") or {}
        is_kept = kept and KEPT_FOR in (volume["metadata"].get("annotations") or {})
        lent = (claim.get("namespace"), claim.get("name")) == (storage(namespace), LENT)
        if (lent or claim.get("namespace") == namespace) and not is_kept:
            yield _remnant("PersistentVolume", volume["metadata"])


def _states(cluster: Cluster, deployment: str) -> Iterator[Remnant]:
    """Terraform's states of its stages, in whichever namespace."""
    for state in _listed(cluster, "/api/v1/secrets?labelSelector=tfstate%3Dtrue"):
        suffix = (state.get("labels") or {}).get("tfstateSecretSuffix", "")
        if re.fullmatch(rf"{re.escape(deployment)}-\d\d-.+", suffix):
            yield _remnant("Secret", state)
