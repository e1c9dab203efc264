"""09-jitsi: video chat in JupyterLab, with a room for each group.

`processes`: the rooms are at a Jitsi server that is there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

import qhub
from qhub.config import Config
from qhub.errors import StageError
from qhub.local.facts import Machine
from qhub.local.settings import JitsiSettings
from qhub.stages.base import Stage
from qhub.stages.infrastructure import GONE, LocalInfrastructure
from qhub.stages.jupyterhub import LocalJupyterHub, people

PUBLIC_SERVER = "https://meet.jit.si"


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
    sources: ClassVar[Mapping[str, Path]] = {"panel": Path(qhub.__file__).parent / "labextension"}

    def applies_to(self, config: Config) -> bool:
        return config.jitsi.enabled

    def inputs(self, config: Config) -> JitsiSettings:
        return JitsiSettings(
            project_name=config.project_name,
            server=config.jitsi.server or PUBLIC_SERVER,
            users=people(config),
        )

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
        from qhub.local.jitsi import silence

        url = urlsplit(outputs.server)
        found = []
        if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            found.append(f"{outputs.server} is plain HTTP: browsers give it no camera.")
        if reason := silence(outputs.server):
            found.append(f"Video chat: no answer from {outputs.server}: {reason}")
        return found
