"""A deployment to a real cluster, driven as people drive it: through the command line."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.rollout import pod_troubles
from tests import beside
from tests.local.browser import Person

PASSWORDS = {"ada": "what ada knows", "ben": "what ben knows"}
PROJECT = "qtest"
_SMALL = {
    "display_name": "Small",
    "kubespawner_override": {
        # Little is kept free, so that it also finds a place on a cluster of one small node.
        "cpu_limit": 1,
        "cpu_guarantee": 0.05,
        "mem_limit": "1G",
        "mem_guarantee": "128M",
    },
}
PATIENCE_SECONDS = 900
"""How long a command may take: nodes may have to be made and images pulled."""


@dataclass
class ClusterDeployment:
    """One deployment in a namespace that nobody else has; the next deploy takes `config`."""

    cluster: Cluster
    folder: Path
    config: dict[str, Any]
    said: dict[str, Any] = field(default_factory=dict)
    """What the last deploy said of its result."""

    @property
    def namespace(self) -> str:
        return str(self.config["namespace"])

    @property
    def domain(self) -> str:
        return str(self.config["domain"])

    @property
    def url(self) -> str:
        return f"https://{self.domain}:{self.ports['https']}"

    @property
    def ports(self) -> dict[str, int]:
        return self.config["ingress"]["node_ports"]  # type: ignore[no-any-return]

    def qhub(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the deployment's file."""
        return subprocess.run(
            self._command(*arguments),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def news(self, *arguments: str) -> Iterator[dict[str, Any]]:
        """Run a command that prints for programs; each line as it comes."""
        with subprocess.Popen(
            self._command(*arguments), env=self._environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            yield from map(json.loads, process.stdout)
        assert process.returncode == 0

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a command on the deployment's file; nobody listens to it."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            self._command(*arguments), env=self._environment, stdout=quiet, stderr=quiet
        )

    def _command(self, *arguments: str) -> list[str]:
        file = self.folder / "qhub-config.yaml"
        file.write_text(json.dumps(self.config), encoding="utf-8")  # JSON is YAML
        return [sys.executable, "-m", "qhub", *arguments, "--config", str(file)]

    @property
    def _environment(self) -> dict[str, str]:
        known = {f"{name.upper()}_PASSWORD": password for name, password in PASSWORDS.items()}
        return {**os.environ, **known}

    def deploy(self) -> dict[str, Any]:
        """Deploy, and return what the command says of its result."""
        done = self.qhub("deploy", "--yes", "--output", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        self.said = json.loads(done.stdout.splitlines()[-1])
        return self.said

    def destroy(self) -> None:
        done = self.qhub("destroy", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr

    def person(self, name: str) -> Person:
        """Somebody who has logged in."""
        person = Person(self.url)
        assert person.login(name, PASSWORDS[name]), person.page
        return person

    def at_work(self, name: str) -> Person:
        """Somebody whose server runs and who has opened it."""
        person = self.person(name)
        try:
            if not person.hub_api("GET", f"/users/{name}")["servers"]:
                person.start(seconds=300, pause=1)
        except AssertionError as error:
            told = [text for *_, text in pod_troubles(self.cluster, self.namespace)]
            raise AssertionError("\n".join([str(error), *told])) from error
        person.enter()
        return person


def new_deployment(cluster: Cluster, folder: Path, prefix: str = "q") -> ClusterDeployment:
    """One that is not deployed yet: two people, SSH, the mirror of the tests where there is one."""
    namespace = f"{prefix}{secrets.token_hex(4)}"
    config: dict[str, Any] = {
        "project_name": PROJECT,
        "namespace": namespace,
        "provider": "existing",
        "domain": f"{namespace}.example.org",
        "certificate": {"type": "self-signed"},
        "ingress": {"service": "NodePort", "node_ports": _node_ports(cluster)},
        # One node at a time is what every cluster's own StorageClass can do.
        "storage": {
            "shared_filesystem": "1Gi",
            "conda_store": "1Gi",
            "shared_access_mode": "ReadWriteOnce",
        },
        "conda_store": {"enabled": False},  # which most tests can do without
        "security": {
            "groups": {"admin": {"gid": 20000}, "users": {"gid": 20001}},
            "users": {
                "ada": _user(21000, "admin", "ADA_PASSWORD", secondary_groups=["users"]),
                "ben": _user(21001, "users", "BEN_PASSWORD"),
            },
        },
        "profiles": {"jupyterlab": [_SMALL]},
        "mirror": {
            setting: str(found)
            for setting, name in {"terraform_providers": "providers", "charts": "charts"}.items()
            if (found := beside.mirror(name))
        },
    }
    return ClusterDeployment(cluster, folder, config)


def _user(uid: int, group: str, password: str, **more: Any) -> dict[str, Any]:
    return {"uid": uid, "primary_group": group, "password": {"env": password}, **more}


def _node_ports(cluster: Cluster) -> dict[str, int]:
    return dict(zip(("http", "https", "ssh"), free_ports(cluster, 3), strict=True))


def free_ports(cluster: Cluster, count: int) -> list[int]:
    """Ports of the nodes that no Service has."""
    services = cluster.ask(cluster.core.list_service_for_all_namespaces).items
    taken = {port.node_port for service in services for port in service.spec.ports or ()}
    return random.sample([port for port in range(30000, 32768) if port not in taken], count)
