"""What whoever deploys has to be allowed to do in a cluster."""

from __future__ import annotations

from qhub.kubernetes.cluster import Right
from qhub.kubernetes.lease import NAMESPACE
from qhub.kubernetes.spaces import storage

_RBAC, _PRIORITY = "rbac.authorization.k8s.io", "scheduling.k8s.io"
_EVERYWHERE = (
    ("namespaces", ""),
    ("clusterroles", _RBAC),
    ("clusterrolebindings", _RBAC),
    ("priorityclasses", _PRIORITY),
    ("customresourcedefinitions", "apiextensions.k8s.io"),
)
_INSIDE = (
    ("secrets", ""),
    ("configmaps", ""),
    ("services", ""),
    ("serviceaccounts", ""),
    ("persistentvolumeclaims", ""),
    ("resourcequotas", ""),
    ("deployments", "apps"),
    ("statefulsets", "apps"),
    ("jobs", "batch"),
    ("ingresses", "networking.k8s.io"),
    ("networkpolicies", "networking.k8s.io"),
    ("roles", _RBAC),
    ("rolebindings", _RBAC),
)


_OF_STORAGE = (
    ("secrets", ""),
    ("configmaps", ""),
    ("services", ""),
    ("persistentvolumeclaims", ""),
    ("statefulsets", "apps"),
    ("networkpolicies", "networking.k8s.io"),
)


def needed(namespace: str, *, nfs: bool = False) -> list[Right]:
    """The rights that a deployment into a namespace needs; with `nfs`, one with an NFS server."""
    of_storage = [Right("create", *one, storage(namespace)) for one in _OF_STORAGE]
    return [
        *([Right("create", "persistentvolumes"), *of_storage] if nfs else ()),
        Right("list", "nodes"),
        Right("list", "storageclasses", "storage.k8s.io"),
        *(Right("create", resource, group) for resource, group in _EVERYWHERE),
        *(Right("create", resource, group, namespace) for resource, group in _INSIDE),
        Right("patch", "deployments", "apps", namespace),
        Right("create", "pods", "", namespace, "exec"),  # for backups
        Right("create", "secrets", "", NAMESPACE),
        Right("create", "leases", "coordination.k8s.io", NAMESPACE),
    ]
