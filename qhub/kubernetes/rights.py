"""What whoever deploys has to be allowed to do in a cluster."""

from __future__ import annotations

from qhub.kubernetes.cluster import Right
from qhub.kubernetes.lease import NAMESPACE

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


def needed(namespace: str) -> list[Right]:
    """The rights that a deployment into a namespace needs."""
    return [
        Right("list", "nodes"),
        Right("list", "storageclasses", "storage.k8s.io"),
        *(Right("create", resource, group) for resource, group in _EVERYWHERE),
        *(Right("create", resource, group, namespace) for resource, group in _INSIDE),
        Right("patch", "deployments", "apps", namespace),
        Right("create", "pods", "", namespace, "exec"),  # for backups
        Right("create", "secrets", "", NAMESPACE),
        Right("create", "leases", "coordination.k8s.io", NAMESPACE),
    ]
