"""`Machine`: what was decided about this machine, and where everything of a deployment lies.

Kept as `DIR/.qhub/machine.json`, so that a folder and ports once chosen stay; it is also what
the Terraform module 02-infrastructure gives to later stages.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qhub.errors import LocalError
from qhub.local.files import write_private
from qhub.local.settings import Certificate

Isolation = Literal["unix", "bwrap", "none"]
"""What keeps people apart: a Unix user each, a sandbox each, nothing."""

MARKER = ".qhub-deployment"
"""Name of the file that says whose folder it is; nothing is deleted without it."""

_SOCKET_LIMIT = 100
"""Longest path of a Unix socket that every system takes (Linux 107, macOS 103 characters)."""


class Machine(BaseModel):
    """Facts about one deployment on this machine."""

    model_config = ConfigDict(extra="forbid")

    project_name: str
    deployment: Path = Field(description="folder of the configuration: DIR")
    directory: Path = Field(description="folder of everything that runs")
    isolation: Isolation
    python: Path = Field(description="interpreter that the environments are made with")
    address: str
    port: int
    url: str
    ports: dict[str, int] = Field(description="internal loopback ports: hub, proxy, dask, dask_api")
    certificate: Certificate
    notices: list[str] = Field(default_factory=list, description="what a person should know")

    @staticmethod
    def load(facts: Path) -> Machine | None:
        """The facts as last written; None before the first deploy and after a destroy."""
        try:
            return Machine.model_validate_json(facts.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise LocalError(
                f"{facts} can't be read: {error.error_count()} problems",
                "It is written by qhub; delete it and deploy again.",
            ) from error

    @staticmethod
    def of_folder(facts: Path) -> Machine | None:
        """The facts as they hold for the folder that they are in now.

        With a moved deployment, what lay inside its folder moved along. A copied folder brings
        the facts of the original with it, which are none of the copy's: None.
        """
        machine, here = Machine.load(facts), facts.resolve().parent.parent
        if machine is None or machine.deployment == here:
            return machine
        if (machine.deployment / ".qhub" / facts.name).exists():
            return None
        directory = machine.directory
        if directory.is_relative_to(machine.deployment):
            directory = here / directory.relative_to(machine.deployment)
        return machine.model_copy(update={"deployment": here, "directory": directory})

    def save(self, facts: Path) -> None:
        """Write the facts; the folder above is made where it is missing."""
        facts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(facts, self.model_dump_json(indent=2) + "\n")

    @property
    def unix(self) -> bool:
        """Whether each person is a Unix user of their own."""
        return self.isolation == "unix"

    @property
    def envs(self) -> Path:
        return self.directory / "envs"

    @property
    def environments(self) -> Path:
        """Environments of the configuration; `envs` are the services' own."""
        return self.directory / "environments"

    @property
    def homes(self) -> Path:
        return self.directory / "homes"

    @property
    def shared(self) -> Path:
        return self.directory / "shared"

    @property
    def private(self) -> Path:
        """Database, keys, tokens, hashes: only for who deploys."""
        return self.directory / "private"

    @property
    def hub(self) -> Path:
        """The code that runs inside JupyterHub."""
        return self.directory / "hub"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def supervisor(self) -> Path:
        return self.directory / "supervisor"

    @property
    def run(self) -> Path:
        """A folder a person for sockets of their kernels."""
        return self.directory / "run"

    @property
    def ssh(self) -> Path:
        """The programs that people's SSH sessions run."""
        return self.directory / "ssh"

    @property
    def dask(self) -> Path:
        """A folder a Dask cluster: its key, and what its workers put aside."""
        return self.directory / "dask"

    @property
    def sockets(self) -> Path:
        """Folder of the supervisor's socket; elsewhere when the path would be too long."""
        if len(os.fsencode(self.supervisor / "supervisor.sock.12345678")) < _SOCKET_LIMIT:
            return self.supervisor
        name = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"qhub-{name}"

    def environment(self, name: str) -> Path:
        """The folder of a service environment that is in use: its real path."""
        return (self.envs / name).resolve()

    def interpreter(self, name: str) -> Path:
        """The Python of a service environment."""
        return self.environment(name) / "bin" / "python"
