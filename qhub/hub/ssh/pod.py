"""A person's processes where their server is a pod of a cluster.

The agent is a process of the pod's, started through the cluster's API: what it starts has the user,
groups, folders, network and limits of the pod.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .cluster import ACCOUNT, Cluster, ClusterRefusal
from .hub import Refused
from .remote import BOOT, RemoteUser

log = logging.getLogger("ssh")

OWNER = "hub.jupyter.org/username"
"""Annotation of the pod of a person's server."""

CONTAINER = "notebook"
_COMMAND = ("python3", "-I", "-S", "-c", BOOT)


class PodServers:
    """Servers that are pods.

    Args:
        settings: `namespace`; where this runs outside of the cluster also `address` and `account`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._cluster = Cluster(
            settings["namespace"],
            settings.get("address", ""),
            Path(settings.get("account", ACCOUNT)),
        )

    def alive(self, state: Mapping[str, Any]) -> bool:
        return bool(state.get("pod_name"))

    async def user(
        self, name: str, people: Mapping[str, Any], state: Mapping[str, Any]
    ) -> RemoteUser:
        del people
        pod = str(state["pod_name"])
        try:
            await self._verify(name, pod)
            running = await self._cluster.run(pod, CONTAINER, _COMMAND)
        except ClusterRefusal as error:
            log.error("%s: pod %s: %s", name, pod, error)
            if error.status == 404:
                raise Refused("Your server has just ended. Try again.") from error
            raise Refused("Your server can't be reached. Ask an administrator.") from error
        user = RemoteUser(running.read, running.write, running.close)
        try:
            await user.meet()
        except OSError as error:
            said = f"{running.outcome} {running.errors.decode(errors='replace')}".strip()
            log.error("%s: pod %s: the agent does not start: %s", name, pod, said or error)
            raise Refused(
                "SSH could not be started in your server: its image needs python3, 3.8 or newer."
            ) from error
        return user

    async def _verify(self, name: str, pod: str) -> None:
        """Make sure that a pod is this person's, whatever the hub may say."""
        found = (await self._cluster.pod(pod))["metadata"]
        if found.get("annotations", {}).get(OWNER) != name or found.get("deletionTimestamp"):
            raise ClusterRefusal(f"not the pod of a server of {name} that runs", 404)
