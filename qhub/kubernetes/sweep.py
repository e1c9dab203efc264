"""Taking away what is left in a namespace once its releases are gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import ABSENT, Cluster

GRACE_SECONDS = 10
"""What people's programs get to end in order."""

PATIENCE_SECONDS = 60
POLL_SECONDS = 0.5


@contextmanager
def absent_is_done() -> Iterator[None]:
    """Take it for done where what was to be taken away is gone already."""
    try:
        yield
    except ClusterError as error:
        if error.status != ABSENT:
            raise


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
