"""09-jitsi: video chat in JupyterLab, with a room for each group.

`processes`: in this machine's JupyterLab, at a Jitsi server that is there already. `kubernetes`: in
that of people's pods, there or at one of the deployment's own, which is a Helm release.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.dns.advice import advice
from qhub.errors import StageError
from qhub.local.facts import Machine
from qhub.local.settings import JitsiSettings
from qhub.releases import jitsi as release
from qhub.releases.chart import Chart
from qhub.stages.base import Address, InCluster, Say, Stage
from qhub.stages.infrastructure import GONE, ExistingInfrastructure, LocalInfrastructure
from qhub.stages.jupyterhub import KubernetesJupyterHub, LocalJupyterHub, people, room_access
from qhub.stages.kubernetes_ingress import KubernetesIngress, entrance_to, server
from qhub.stages.kubernetes_initialize import KubernetesInitialize
from qhub.stages.release import ReleaseStage

PUBLIC_SERVER = "https://meet.jit.si"


def settings(config: Config) -> JitsiSettings:
    """Whose rooms are where."""
    return JitsiSettings(
        project_name=config.project_name,
        server=server(config) or PUBLIC_SERVER,
        door=room_access(config) is not None,
        users=people(config),
    )


class LocalOutputs(BaseModel):
    """Outputs of the processes module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: str = Field(description="File that says what was made of this machine.")
    server: str = Field(description="The Jitsi server.")


class LocalJitsi(Stage[JitsiSettings, LocalOutputs]):
    """A panel for the JupyterLab of this machine."""

    name = "09-jitsi"
    variant = "processes"
    Inputs = JitsiSettings
    Outputs = LocalOutputs
    depends_on = (LocalInfrastructure, LocalJupyterHub)
    sources: ClassVar[Mapping[str, Path]] = {"panel": release.PANEL}

    def applies_to(self, config: Config) -> bool:
        return config.jitsi.enabled

    def inputs(self, config: Config) -> JitsiSettings:
        return settings(config)

    def example(self, config: Config) -> LocalOutputs:
        return LocalOutputs(
            facts="/deployment/.qhub/machine.json", server=self.inputs(config).server
        )

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        del say
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="deploy again")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.jitsi import drift

        machine = Machine.load(Path(outputs.facts))
        reason = drift(machine) if machine else GONE
        return {"terraform_data.jitsi": reason} if reason else {}

    def notices(self, outputs: LocalOutputs) -> list[str]:
        return _notices(outputs.server)


class KubernetesInputs(JitsiSettings):
    """Whose rooms are where, and the server."""

    chart: Chart | None = Field(description="None: the server is somebody else's.")
    domain: str = Field(description="Name of its own server.")
    udp_port: int = Field(description="Port of sound and pictures of its own server.")
    values: dict[str, Any] = Field(description="Values of the chart.")


class KubernetesOutputs(InCluster):
    """Outputs of the kubernetes module."""

    server: str = Field(description="The Jitsi server.")
    domain: str = Field(description="The name of its own server; empty: it is somebody else's.")


class KubernetesJitsi(ReleaseStage[KubernetesInputs, KubernetesOutputs]):
    """A panel for the JupyterLab of people's pods, which mount it and their own rooms."""

    name = "09-jitsi"
    variant = "kubernetes"
    made: ClassVar[Mapping[str, str]] = {release.NAME: "helm_release.jitsi_meet[0]"}
    providers = ("existing",)
    Inputs = KubernetesInputs
    Outputs = KubernetesOutputs
    depends_on = (
        ExistingInfrastructure,
        KubernetesInitialize,
        KubernetesIngress,
        KubernetesJupyterHub,
    )
    sources: ClassVar[Mapping[str, Path]] = {"panel": release.PANEL}

    def applies_to(self, config: Config) -> bool:
        return config.jitsi.enabled

    def inputs(self, config: Config) -> KubernetesInputs:
        own = release.own(config)
        return KubernetesInputs(
            **dict(settings(config)),
            chart=release.source(config) if own else None,
            domain=release.domain(config) if own else "",
            udp_port=config.jitsi.media.udp_port,
            values=release.values(config, server(config) or "") if own else {},
        )

    def example(self, config: Config) -> KubernetesOutputs:
        given = self.inputs(config)
        return KubernetesOutputs(
            namespace=config.namespace, server=given.server, domain=given.domain
        )

    def check(self, outputs: KubernetesOutputs, say: Say) -> None:
        from qhub.kubernetes.rollout import wait_ready

        if outputs.domain:
            wait_ready(
                self.name,
                outputs.context,
                outputs.namespace,
                deployments=[f"{release.NAME}-{part}" for part in ("web", "jicofo", "jvb-0")],
                stateful_sets=[f"{release.NAME}-prosody"],
                say=say,
            )

    def has_made(self, outputs: KubernetesOutputs) -> bool:
        return bool(outputs.domain)

    def addresses(self, outputs: KubernetesOutputs) -> list[Address]:
        return [Address("Jitsi", outputs.server)] if outputs.domain else []

    def notices(self, outputs: KubernetesOutputs) -> list[str]:
        if not outputs.domain:
            return _notices(outputs.server)
        entrance = entrance_to(outputs, outputs.domain, outputs.server, "/")
        found = list(advice(outputs.domain, [place.host for place in entrance.places()]))
        return found if entrance.secure else [*found, _no_camera(outputs.server)]


def _notices(server: str) -> list[str]:
    from qhub.local.jitsi import silence

    url = urlsplit(server)
    found = []
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        found.append(_no_camera(server))
    if reason := silence(server):
        found.append(f"Video chat: no answer from {server}: {reason}")
    return found


def _no_camera(server: str) -> str:
    return f"{server} is plain HTTP: browsers give it no camera."
