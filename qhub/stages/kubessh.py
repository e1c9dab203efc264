"""08-kubessh: SSH into people's own servers.

`processes`: a program of this machine. `kubernetes`: in a cluster, by our own chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.config import Config
from qhub.errors import PreflightError, StageError
from qhub.local.facts import Machine
from qhub.local.settings import SshSettings
from qhub.releases import kubessh as release
from qhub.releases.traefik import SSH_ENTRY
from qhub.stages.base import CHARTS, Address, InCluster, Say, Stage
from qhub.stages.infrastructure import (
    FACTS,
    GONE,
    ExistingInfrastructure,
    LocalInfrastructure,
)
from qhub.stages.jupyterhub import KubernetesJupyterHub, LocalJupyterHub
from qhub.stages.kubernetes_ingress import SERVICE, KubernetesIngress
from qhub.stages.kubernetes_initialize import KubernetesInitialize
from qhub.stages.release import ReleaseStage


def ssh_settings(config: Config) -> SshSettings:
    """What the SSH service reads."""
    security = config.security
    return SshSettings.model_validate(
        {
            "port": config.kubessh.port,
            "users": {
                name: {
                    "uid": user.uid,
                    "primary_group": user.primary_group,
                    "groups": list(user.groups),
                    "ssh_keys": user.ssh_keys,
                }
                for name, user in security.users.items()
            },
            "groups": {name: group.model_dump() for name, group in security.groups.items()},
        }
    )


class SshOutputs(BaseModel):
    """Where SSH is reached, on every platform."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(description="Name or address of the SSH server.")
    port: int = Field(description="Its port.")
    host_key: str = Field(description="Its public key, as a line of OpenSSH's.")


class LocalOutputs(SshOutputs):
    """Outputs of the processes module."""

    facts: str = Field(description="File that says what was made of this machine.")


class LocalKubeSsh(Stage[SshSettings, LocalOutputs]):
    """SSH as a process of this machine."""

    name = "08-kubessh"
    variant = "processes"
    Inputs = SshSettings
    Outputs = LocalOutputs
    depends_on = (LocalInfrastructure, LocalJupyterHub)
    sources: ClassVar[Mapping[str, Path]] = {"hub": Path(qhub.hub.__file__).parent}

    def applies_to(self, config: Config) -> bool:
        return config.kubessh.enabled

    def inputs(self, config: Config) -> SshSettings:
        return ssh_settings(config)

    def example(self, config: Config) -> LocalOutputs:
        return LocalOutputs(
            host=str(config.local.address),
            port=config.kubessh.port,
            host_key="",
            facts="/deployment/.qhub/machine.json",
        )

    def preflight(self, config: Config, folder: Path) -> None:
        from qhub.local.machine import port_problem

        previous = Machine.of_folder(folder / FACTS)
        address, port = str(config.local.address), config.kubessh.port
        if problem := port_problem(port, address, previous, "kubessh.port"):
            raise PreflightError(f"SSH can't be offered: {problem}", "Nothing was changed.")

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        from qhub.local.kubessh import wait_ready

        machine = Machine.load(Path(outputs.facts))
        if machine is not None:
            wait_ready(machine)
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="see `qhub logs ssh`")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.status import drift_kubessh

        machine = Machine.load(Path(outputs.facts))
        if machine is None:
            return {"terraform_data.kubessh": GONE}
        return drift_kubessh(machine)

    def addresses(self, outputs: LocalOutputs) -> list[Address]:
        return [Address("SSH", f"ssh -p {outputs.port} NAME@{outputs.host}")]


class KubernetesInputs(BaseModel):
    """Who may log in, where, and the chart's values."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(description="Name under which people reach it.")
    port: int = Field(description="Port under which people reach it.")
    people: dict[str, Any] = Field(description="`users` with their public keys, and `groups`.")
    values: dict[str, Any] = Field(description="Values of the chart.")


class KubernetesOutputs(SshOutputs, InCluster):
    """Outputs of the kubernetes module."""


class KubernetesKubeSsh(ReleaseStage[KubernetesInputs, KubernetesOutputs]):
    """SSH as a Helm release, reached through Traefik."""

    name = "08-kubessh"
    variant = "kubernetes"
    made: ClassVar[Mapping[str, str]] = {"kubessh": "helm_release.kubessh"}
    providers = ("existing",)
    Inputs = KubernetesInputs
    Outputs = KubernetesOutputs
    depends_on = (
        ExistingInfrastructure,
        KubernetesInitialize,
        KubernetesIngress,
        KubernetesJupyterHub,
    )
    sources: ClassVar[Mapping[str, Path]] = {
        "kubessh": CHARTS / "kubessh",
        "kubessh/code": Path(qhub.hub.__file__).parent,
    }

    def applies_to(self, config: Config) -> bool:
        return config.kubessh.enabled

    def inputs(self, config: Config) -> KubernetesInputs:
        return KubernetesInputs(
            host=config.domain or "",
            port=port(config),
            people=ssh_settings(config).model_dump(mode="json", include={"users", "groups"}),
            values=release.values(config),
        )

    def example(self, config: Config) -> KubernetesOutputs:
        return KubernetesOutputs(
            namespace=config.namespace, host=config.domain or "", port=port(config), host_key=""
        )

    def check(self, outputs: KubernetesOutputs, say: Say) -> None:
        from qhub.kubernetes.banner import wait_greeted
        from qhub.kubernetes.rollout import wait_ready

        wait_ready(
            self.name, outputs.context, outputs.namespace, deployments=list(self.made), say=say
        )
        wait_greeted(self.name, outputs.context, outputs.namespace, SERVICE, SSH_ENTRY)

    def addresses(self, outputs: KubernetesOutputs) -> list[Address]:
        return [Address("SSH", f"ssh -p {outputs.port} NAME@{outputs.host}")]


def port(config: Config) -> int:
    """The port under which people reach a cluster's SSH."""
    by_nodes = config.ingress.service == "NodePort"
    return (by_nodes and config.ingress.node_ports.ssh) or config.kubessh.port
