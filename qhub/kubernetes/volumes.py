"""The volumes of a namespace."""

from __future__ import annotations

from dataclasses import dataclass

from qhub.kubernetes.cluster import Cluster


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
