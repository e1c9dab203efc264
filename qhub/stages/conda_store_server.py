"""07-conda-store-server: conda-store, where people make environments of their own.

`processes`: its server and worker on this machine, beside the environments of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.config import Config
from qhub.errors import StageError
from qhub.hub.conda_store.service import PREFIX
from qhub.local.facts import Machine
from qhub.local.settings import CondaStoreSettings
from qhub.stages.base import Address, Say, Stage
from qhub.stages.infrastructure import FACTS, GONE, LocalInfrastructure
from qhub.stages.jupyterhub import LocalJupyterHub, people


def conda_store_settings(config: Config) -> CondaStoreSettings:
    """What conda-store is told."""
    store, groups = config.conda_store, config.security.groups
    return CondaStoreSettings.model_validate(
        {
            "channels": store.channels,
            "default_namespace": store.default_namespace,
            "max_workers": store.worker.max_workers,
            "users": {
                name: person.model_dump() | {"admin": config.is_admin(name)}
                for name, person in people(config).items()
            },
            "groups": {name: group.model_dump() for name, group in groups.items()},
        }
    )


class LocalOutputs(BaseModel):
    """Outputs of the processes module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Where conda-store is opened.")
    facts: str = Field(description="File that says what was made of this machine.")


class LocalCondaStoreServer(Stage[CondaStoreSettings, LocalOutputs]):
    """conda-store as processes of this machine."""

    name = "07-conda-store-server"
    variant = "processes"
    Inputs = CondaStoreSettings
    Outputs = LocalOutputs
    depends_on = (LocalInfrastructure, LocalJupyterHub)
    sources: ClassVar[Mapping[str, Path]] = {"hub": Path(qhub.hub.__file__).parent}

    def applies_to(self, config: Config) -> bool:
        return config.has_conda_store

    def inputs(self, config: Config) -> CondaStoreSettings:
        return conda_store_settings(config)

    def example(self, config: Config) -> LocalOutputs:
        return LocalOutputs(
            url=f"http://{config.local.address}:{config.local.port}{PREFIX}/",
            facts="/deployment/.qhub/machine.json",
        )

    def preflight(self, config: Config, folder: Path) -> None:
        from qhub.local.conda_store_environment import preflight

        machine = Machine.of_folder(folder / FACTS)
        requirements = self.templates / "requirements.txt"
        preflight(machine, folder, config.conda_store.channels, requirements)

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        del say
        from qhub.local.conda_store import wait_healthy

        machine = Machine.load(Path(outputs.facts))
        if machine is not None:
            wait_healthy(machine)
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="see `qhub logs conda-store`")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.status import drift_conda_store

        machine = Machine.load(Path(outputs.facts))
        if machine is None:
            return {"terraform_data.conda_store": GONE}
        return drift_conda_store(machine)

    def addresses(self, outputs: LocalOutputs) -> list[Address]:
        return [Address("conda-store", outputs.url)]
