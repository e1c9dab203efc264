"""A way from this machine into a pod: the API server passes on what is sent."""

from __future__ import annotations

import http.client
from typing import Any

from qhub.kubernetes.cluster import ANSWER_SECONDS, Access, Cluster, told
from qhub.kubernetes.pods import pods


def connection(access: Access, namespace: str, name: str, port: int) -> http.client.HTTPConnection:
    """A connection to a port of a pod that is known by that name, for one request.

    Raises:
        ConnectionError: No such pod runs.
        ClusterError: The cluster can't be reached, or refuses.
    """
    made = http.client.HTTPConnection(name, port, timeout=ANSWER_SECONDS)
    made.sock = opened(access, namespace, name, port)
    return made


def opened(access: Access, namespace: str, name: str, port: int) -> Any:
    """A socket that leads to a port of a pod that is known by that name.

    Raises:
        ConnectionError: No such pod runs.
        ClusterError: The cluster can't be reached, or refuses.
    """
    from kubernetes.stream import portforward

    cluster = Cluster(access)  # the client is changed by a forward: not one that others use
    there = [one for one in pods(cluster, namespace) if one.name == name]
    running = [one.pod for one in there if one.state == "Running"]
    if not running:
        states = ", ".join(one.state for one in there) or "gone"
        raise ConnectionError(f"no pod of {name} runs ({states})")
    with told(access.context):
        forward = portforward(
            cluster.core.connect_get_namespaced_pod_portforward,
            running[0],
            namespace,
            ports=str(port),
        )
    return forward.socket(port)
