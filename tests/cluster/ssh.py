"""SSH into the pods of a deployment, with the real OpenSSH client."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from tests import beside
from tests.cluster.deployment import ClusterDeployment
from tests.local.deployment import wait_until
from tests.local.ssh import Client


@dataclass
class ClusterSsh:
    """Where SSH of a deployment is reached, and who comes."""

    deployment: ClusterDeployment
    address: str
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def cluster(self) -> Cluster:
        return self.deployment.cluster

    @property
    def namespace(self) -> str:
        return self.deployment.namespace

    @property
    def port(self) -> int:
        return self.deployment.ports["ssh"]

    @property
    def host_key(self) -> str:
        done = self.deployment.qhub("ssh-config", "--known-hosts")
        assert done.returncode == 0, done.stderr
        host, _, key = done.stdout.strip().partition(" ")
        assert host == f"[{self.deployment.domain}]:{self.port}"
        return key

    def token(self, name: str, **wanted: Any) -> str:
        """A token of a person's, as the hub's page makes it; the same each time unless limited."""
        if wanted or name not in self.tokens:
            asked = {"note": "ssh", **wanted}
            answer = self.deployment.person(name).hub_api("POST", f"/users/{name}/tokens", asked)
            if wanted:
                return str(answer["token"])
            self.tokens[name] = answer["token"]
        return self.tokens[name]

    def client(self, name: str, **options: Any) -> Client:
        """A client of a person's who logs in with their token."""
        return Client(self, name, options.pop("token", None) or self.token(name), **options)

    def pods(self, labels: str) -> list[Any]:
        """The pods with these labels."""
        core = self.cluster.core
        found = self.cluster.ask(core.list_namespaced_pod, self.namespace, label_selector=labels)
        return list(found.items)

    def server_pod(self, name: str) -> Any:
        """The pod of somebody's server; None where it doesn't run."""
        found = self.pods(f"component=singleuser-server,hub.jupyter.org/username={name}")
        return found[0] if found else None

    def server_ends(self, name: str) -> None:
        """Stop somebody's server, and wait until it is gone."""
        self.deployment.person(name).stop()
        wait_until(lambda: self.server_pod(name) is None, 180)

    def log(self) -> str:
        """What the SSH server said."""
        [pod] = self.pods("app.kubernetes.io/name=kubessh")
        core = self.cluster.core
        return str(
            self.cluster.ask(core.read_namespaced_pod_log, pod.metadata.name, self.namespace)
        )


def settings() -> dict[str, Any]:
    """What the file says of SSH; skips where its server's image could not be had."""
    image = os.environ.get("QHUB_TEST_SSH_IMAGE")
    if not image and beside.mirror("charts"):
        pytest.skip("needs an image of the SSH server: QHUB_TEST_SSH_IMAGE is not set")
    return {"enabled": True, **({"image": image} if image else {})}
