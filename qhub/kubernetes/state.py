"""Terraform's states in a cluster: Secrets of its `kubernetes` backend, and their locks."""

from __future__ import annotations

from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.sweep import absent_is_done

NAMESPACE = "default"
"""Where they lie: the deployment's own namespace is one of the things they know of."""

WORKSPACE = "default"


def forget(cluster: Cluster, suffix: str) -> None:
    """Remove the state of a module that was destroyed: Terraform itself leaves it, empty."""
    from kubernetes import client

    secret = f"tfstate-{WORKSPACE}-{suffix}"
    with absent_is_done():
        cluster.ask(cluster.core.delete_namespaced_secret, secret, NAMESPACE)
    leases = client.CoordinationV1Api(cluster.api)
    with absent_is_done():
        cluster.ask(leases.delete_namespaced_lease, f"lock-{secret}", NAMESPACE)
