"""09-jitsi: video chat in JupyterLab, with a room for each group.

`processes`: in this machine's JupyterLab. `kubernetes`: in that of people's pods. The rooms are at
a Jitsi server that is there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.errors import StageError
from qhub.local.facts import Machine
from qhub.local.settings import JitsiSettings
from qhub.releases import jitsi as release
from qhub.stages.base import InCluster, Stage
from qhub.stages.infrastructure import GONE, LocalInfrastructure
from qhub.stages.jupyterhub import LocalJupyterHub, people
from qhub.stages.kubernetes_initialize import KubernetesInitialize

PUBLIC_SERVER = "https://meet.jit.si"


def settings(config: Config) -> JitsiSettings:
    """Whose rooms are where."""
    return JitsiSettings(
        project_name=config.project_name,
        server=config.jitsi.server or PUBLIC_SERVER,
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

    def check(self, outputs: LocalOutputs) -> None:
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="deploy again")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.jitsi import drift

        machine = Machine.load(Path(outputs.facts))
        reason = drift(machine) if machine else GONE
        return {"terraform_data.jitsi": reason} if reason else {}

    def notices(self, outputs: LocalOutputs) -> list[str]:
        return _notices(outputs.server)


class KubernetesOutputs(InCluster):
    """Outputs of the kubernetes module."""

    server: str = Field(description="The Jitsi server.")


class KubernetesJitsi(Stage[JitsiSettings, KubernetesOutputs]):
    """A panel for the JupyterLab of people's pods, which mount it and their own rooms."""

    name = "09-jitsi"
    variant = "kubernetes"
    providers = ("existing",)
    Inputs = JitsiSettings
    Outputs = KubernetesOutputs
    depends_on = (KubernetesInitialize,)
    sources: ClassVar[Mapping[str, Path]] = {"panel": release.PANEL}

    def applies_to(self, config: Config) -> bool:
        return config.jitsi.enabled and config.jitsi.server is not None

    def inputs(self, config: Config) -> JitsiSettings:
        return settings(config)

    def example(self, config: Config) -> KubernetesOutputs:
        return KubernetesOutputs(namespace=config.namespace, server=self.inputs(config).server)

    def notices(self, outputs: KubernetesOutputs) -> list[str]:
        return _notices(outputs.server)


def _notices(server: str) -> list[str]:
    from qhub.local.jitsi import silence

    url = urlsplit(server)
    found = []
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        found.append(f"{server} is plain HTTP: browsers give it no camera.")
    if reason := silence(server):
        found.append(f"Video chat: no answer from {server}: {reason}")
    return found
