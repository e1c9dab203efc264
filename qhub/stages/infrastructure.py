"""02-infrastructure: what services run on.

`local`: a folder, the services' Python environments and a supervisor on this machine.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.errors import StageError
from qhub.local.facts import Machine
from qhub.local.settings import MachineSettings
from qhub.stages.base import Stage

FACTS = Path(".qhub/machine.json")
"""Where the local module writes what it made, below the deployment's folder."""

GONE = "the record of what was made is gone"
ADDRESSES = (
    "terraform_data.machine",
    'terraform_data.environment["hub"]',
    'terraform_data.environment["user"]',
    "terraform_data.supervisor",
)


class LocalOutputs(BaseModel):
    """Outputs of the local module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: str = Field(description="File that says what was made of this machine.")
    directory: str = Field(description="Folder that holds everything the deployment made.")
    isolation: str = Field(description="unix: users are Unix accounts; bwrap: sandboxes; none.")
    url: str = Field(description="Where the hub is opened.")
    environments: dict[str, str] = Field(
        description="SHA-256 of the pinned requirements of each service environment."
    )


class LocalInfrastructure(Stage[MachineSettings, LocalOutputs]):
    """This machine."""

    name = "02-infrastructure"
    variant = "local"
    Inputs = MachineSettings
    Outputs = LocalOutputs

    def applies_to(self, config: Config) -> bool:
        return config.provider == "local"

    def inputs(self, config: Config) -> MachineSettings:
        local, certificate = config.local, config.certificate
        return MachineSettings.model_validate(
            {
                "project_name": config.project_name,
                "namespace": config.namespace,
                "directory": local.directory,
                "isolation": local.isolation,
                "python": local.python,
                "address": str(local.address),
                "port": local.port,
                "allow_insecure": local.allow_insecure,
                "certificate": {
                    "type": certificate.type,
                    "certificate_file": certificate.certificate_file,
                    "key_file": certificate.key_file,
                },
            }
        )

    def example(self, config: Config) -> LocalOutputs:
        settings = self.inputs(config)
        return LocalOutputs(
            facts="/deployment/.qhub/machine.json",
            directory=str(settings.directory or "/deployment/local"),
            isolation="none" if settings.isolation == "auto" else settings.isolation,
            url=f"http://{settings.address}:{settings.port}",
            environments={"hub": "", "user": ""},
        )

    def preflight(self, config: Config, folder: Path) -> None:
        from qhub.local.machine import preflight

        preflight(self.inputs(config), folder / FACTS)

    def check(self, outputs: LocalOutputs) -> None:
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="see `qhub logs supervisor`")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.status import drift_machine

        machine = Machine.load(Path(outputs.facts))
        return drift_machine(machine) if machine else dict.fromkeys(ADDRESSES, GONE)

    def notices(self, outputs: LocalOutputs) -> list[str]:
        machine = Machine.load(Path(outputs.facts))
        return machine.notices if machine else []
