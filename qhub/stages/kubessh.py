"""08-kubessh: SSH into people's own servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.config import Config
from qhub.errors import PreflightError, StageError
from qhub.local.facts import Machine
from qhub.local.settings import SshSettings
from qhub.stages.base import Address, Stage
from qhub.stages.infrastructure import FACTS, GONE, LocalInfrastructure
from qhub.stages.jupyterhub import LocalJupyterHub


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

    def check(self, outputs: LocalOutputs) -> None:
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
