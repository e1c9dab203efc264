"""07-conda-store: environments, each a kernel of those who may use it.

`processes`: those of the configuration, built ahead on this machine by uv and py-rattler.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.config.profiles import Environment, PipDependencies
from qhub.errors import StageError
from qhub.local.facts import Machine
from qhub.local.settings import EnvironmentSettings, EnvironmentsSettings
from qhub.stages.base import Stage
from qhub.stages.infrastructure import GONE, LocalInfrastructure


def environment_settings(config: Config, environment: Environment) -> EnvironmentSettings:
    """An environment with the numbers of its groups."""
    conda = [item for item in environment.dependencies if isinstance(item, str)]
    pip = [item.pip for item in environment.dependencies if isinstance(item, PipDependencies)]
    gids = {name: group.gid for name, group in config.security.groups.items()}
    groups = environment.groups
    return EnvironmentSettings(
        channels=environment.channels,
        conda=conda,
        pip=[requirement for part in pip for requirement in part],
        groups=None if groups is None else {name: gids[name] for name in groups},
    )


class LocalOutputs(BaseModel):
    """Outputs of the processes module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: str = Field(description="File that says what was made of this machine.")
    environments: list[str] = Field(description="Names of the environments.")


class LocalCondaStore(Stage[EnvironmentsSettings, LocalOutputs]):
    """Environments in folders of this machine."""

    name = "07-conda-store"
    variant = "processes"
    Inputs = EnvironmentsSettings
    Outputs = LocalOutputs
    depends_on = (LocalInfrastructure,)

    def applies_to(self, config: Config) -> bool:
        return bool(config.environments)

    def inputs(self, config: Config) -> EnvironmentsSettings:
        environments = config.environments.values()
        return EnvironmentsSettings(
            environments={one.name: environment_settings(config, one) for one in environments},
            max_workers=config.conda_store.worker.max_workers,
        )

    def example(self, config: Config) -> LocalOutputs:
        return LocalOutputs(
            facts="/deployment/.qhub/machine.json",
            environments=sorted(self.inputs(config).environments),
        )

    def check(self, outputs: LocalOutputs) -> None:
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="deploy again")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.kernels import broken

        machine = Machine.load(Path(outputs.facts))
        found = {
            f'terraform_data.environment["{name}"]': broken(machine, name) if machine else GONE
            for name in outputs.environments
        }
        return {address: reason for address, reason in found.items() if reason}
