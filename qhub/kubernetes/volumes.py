"""The volumes of a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import ABSENT, Cluster
from qhub.kubernetes.quantity import quantity


@dataclass(frozen=True)
class Volume:
    """A PersistentVolumeClaim: `state` is `Bound` when there is a volume behind it."""

    name: str
    state: str
    size: str
    storage_class: str


def volumes(cluster: Cluster, namespace: str) -> list[Volume]:
    """The claims of a namespace, with the size that they got or ask for."""
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    return sorted(
        (
            Volume(
                name=one["metadata"]["name"],
                state=one["status"].get("phase", "Pending"),
                size=(one["status"].get("capacity") or one["spec"]["resources"]["requests"])[
                    "storage"
                ],
                storage_class=one["spec"].get("storageClassName") or "",
            )
            for one in cluster.request("GET", path)["items"]
        ),
        key=lambda one: one.name,
    )


def obstacles(
    cluster: Cluster,
    namespace: str,
    claim: str,
    *,
    size: str,
    storage_class: str | None,
    access_mode: str,
) -> Iterator[str]:
    """Why a volume that is there can't become as it is wanted, not without losing what is in it.

    Args:
        cluster: Where it is.
        namespace: Where it is.
        claim: Its name.
        size: As Kubernetes reads it.
        storage_class: None: any does.
        access_mode: How nodes mount it.
    """
    found = _read(cluster, f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
    if not found or not found["spec"].get("volumeName"):
        return  # nothing is in it
    spec = found["spec"]
    has, now = spec["resources"]["requests"]["storage"], spec.get("storageClassName") or ""
    if storage_class not in (None, now):
        yield f"it is of StorageClass {now} and can't become one of {storage_class}"
    if access_mode not in spec["accessModes"]:
        modes = ", ".join(spec["accessModes"])
        yield f"it was made {modes} and can't become {access_mode}"
    if quantity(size) < quantity(has):
        yield f"it has {has} and can't get smaller ({size})"
    if quantity(size) > quantity(has):
        known = _read(cluster, f"/apis/storage.k8s.io/v1/storageclasses/{now}")
        if known and not known.get("allowVolumeExpansion"):
            yield f"it has {has} and can't get larger ({size}): StorageClass {now} lets none grow"


def _read(cluster: Cluster, path: str) -> dict[str, Any] | None:
    """What is there; None where nothing is."""
    try:
        return dict(cluster.request("GET", path))
    except ClusterError as error:
        if error.status == ABSENT:
            return None
        raise
