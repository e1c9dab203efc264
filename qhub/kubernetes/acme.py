"""A certificate that Traefik asks an issuer for: whether it got one, and why not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.rollout import restart

SECONDS = 60
"""How long an issuer may take."""

OLD = timedelta(minutes=1)
"""A pod that is older failed in an earlier run; Traefik does not ask again by itself."""

_PODS = "app.kubernetes.io/name=traefik"
_REASON = re.compile(r'Unable to obtain ACME certificate.*?error="((?:[^"\\]|\\.)*)"')
_LINES = 2000


def settle(
    cluster: Cluster,
    namespace: str,
    deployment: str,
    *,
    granted: Callable[[], bool],
    reached: bool,
) -> None:
    """Wait until a certificate is there or was refused; a refusal may have been too early.

    Args:
        cluster: Where Traefik runs.
        namespace: Its namespace.
        deployment: Its Deployment.
        granted: Tells whether a certificate is there.
        reached: Whether users reach it by its name, as the issuer has to.
    """
    started, pod = time.monotonic(), _pod(cluster, namespace)
    earlier = pod and datetime.now(UTC) - pod.metadata.creation_timestamp > OLD
    again = bool(reached or earlier)
    while not granted() and time.monotonic() - started < SECONDS:
        if refusal(cluster, namespace):
            if not again:
                return
            restart(cluster, namespace, deployment)
            again = False
            time.sleep(3)  # until another pod is the newest
        time.sleep(1)


def refusal(cluster: Cluster, namespace: str) -> str | None:
    """Why Traefik did not get a certificate when it last tried; None where it doesn't say."""
    pod = _pod(cluster, namespace)
    if pod is None:
        return None
    try:
        log = cluster.ask(
            cluster.core.read_namespaced_pod_log, pod.metadata.name, namespace, tail_lines=_LINES
        )
    except ClusterError:
        return None  # it isn't there any more, or not yet
    reasons = _REASON.findall(str(log))
    return shortened(reasons[-1]) if reasons else None


def shortened(reason: str) -> str:
    """The end of a chain of reasons, which is the one that says something."""
    text = reason.replace('\\"', '"').replace("\\n", " ")
    return text.rpartition(" :: ")[2].rstrip("]") if " :: " in text else text


def _pod(cluster: Cluster, namespace: str) -> Any:
    pods = cluster.ask(cluster.core.list_namespaced_pod, namespace, label_selector=_PODS).items
    return max(pods, key=lambda pod: pod.metadata.creation_timestamp, default=None)
