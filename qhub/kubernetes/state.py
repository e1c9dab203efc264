"""Terraform's states in a cluster: Secrets of its `kubernetes` backend, and their locks."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Mapping
from typing import Any

from qhub.kubernetes.cluster import Access, Cluster, absent_is_done
from qhub.kubernetes.helm import MERGE

NAMESPACE = "default"
"""Where they lie: the deployment's own namespace is one of the things they know of."""

WORKSPACE = "default"
_LOCK_INFO = "app.terraform.io/lock-info"
_ELSEWHERE = {"host", "in_cluster_config"}
"""Settings by which a backend reaches its cluster past the kubeconfig."""


def forget(context: str, backend: Mapping[str, Any]) -> None:
    """Remove the state of a module that was destroyed: Terraform itself leaves it, empty.

    Args:
        context: Kube context of the deployment.
        backend: Settings of the module's backend, which may name another place.
    """
    if backend.keys() & _ELSEWHERE:
        return
    cluster = Cluster(_access(context, backend))
    selector = f"tfstate=true,tfstateSecretSuffix={backend['secret_suffix']}"
    where = f"namespaces/{backend.get('namespace') or NAMESPACE}"
    for kind in (f"/api/v1/{where}/secrets", f"/apis/coordination.k8s.io/v1/{where}/leases"):
        with absent_is_done():
            cluster.request("DELETE", kind, labelSelector=selector)


def forget_begun(context: str, backend: Mapping[str, Any]) -> None:
    """Remove the state of a module that was never applied, as a killed `init` leaves it.

    One that knows of anything stays: it may be that of another folder of the same deployment.
    """
    if backend.keys() & _ELSEWHERE:
        return
    cluster = Cluster(_access(context, backend))
    path = f"/api/v1/namespaces/{backend.get('namespace') or NAMESPACE}/secrets"
    selector = f"tfstate=true,tfstateSecretSuffix={backend['secret_suffix']}"
    for secret in cluster.request("GET", path, labelSelector=selector)["items"]:
        packed = base64.b64decode(secret["data"]["tfstate"])
        if json.loads(gzip.decompress(packed)).get("resources"):
            return
    forget(context, backend)


def release(context: str, backend: Mapping[str, Any], identity: str) -> bool:
    """Take away the lock of a state; False where it is not reached by a kubeconfig.

    Terraform's own `force-unlock` can't where the state itself was not begun yet.

    Args:
        context: Kube context of the deployment.
        backend: Settings of the module's backend.
        identity: Names the lock; another one that was taken meanwhile stays.
    """
    if backend.keys() & _ELSEWHERE:
        return False
    cluster = Cluster(_access(context, backend))
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{backend.get('namespace') or NAMESPACE}"
    name = f"lock-tfstate-{WORKSPACE}-{backend['secret_suffix']}"
    path = f"{leases}/leases/{name}"
    with absent_is_done():
        found = cluster.request("GET", path)
        if found["spec"].get("holderIdentity") == identity:
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            notes = {"annotations": {_LOCK_INFO: None}}
            body = {"metadata": {**version, **notes}, "spec": {"holderIdentity": None}}
            cluster.request("PATCH", path, body, content_type=MERGE)
    return True


def _access(context: str, backend: Mapping[str, Any]) -> Access:
    found = Access.find(context)
    files = backend.get("config_paths") or [backend.get("config_path")]
    named = tuple(os.path.expanduser(one) for one in files if one)  # noqa: PTH111
    return Access(named or found.kubeconfig, backend.get("config_context") or found.context)
