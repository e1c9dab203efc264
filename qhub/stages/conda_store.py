"""07-conda-store: environments, each a kernel of those who may use it.

`processes`: those of the configuration, built ahead on this machine by uv and py-rattler.
`kubernetes`: conda-store by our own chart, which builds them and those that people make.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.config import Config
from qhub.config.profiles import Environment, PipDependencies
from qhub.errors import StageError
from qhub.hub.conda_store.service import PREFIX
from qhub.local.facts import Machine
from qhub.local.settings import EnvironmentSettings, EnvironmentsSettings
from qhub.releases import conda_store as release
from qhub.stages.base import CHARTS, Address, InCluster, Say, Stage
from qhub.stages.infrastructure import GONE, ExistingInfrastructure, LocalInfrastructure
from qhub.stages.jupyterhub import KubernetesJupyterHub
from qhub.stages.kubernetes_ingress import KubernetesIngress
from qhub.stages.kubernetes_ingress import address as public_address
from qhub.stages.kubernetes_initialize import KubernetesInitialize
from qhub.stages.release import ReleaseStage

BUILD_SECONDS = 3600
"""How long a deploy waits for the environments of the configuration."""


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

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        del say
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


class KubernetesInputs(BaseModel):
    """What the chart is told."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="Where people open it.")
    environments: list[dict[str, Any]] = Field(
        description="Those of the configuration: `namespace`, `name`, `channels`, `dependencies`."
    )
    values: dict[str, Any] = Field(description="Values of the chart.")


class KubernetesOutputs(InCluster):
    """Outputs of the kubernetes module."""

    url: str = Field(description="Where people open it.")
    environments_job: str = Field(description="The Job that has the configuration's made.")


class KubernetesCondaStore(ReleaseStage[KubernetesInputs, KubernetesOutputs]):
    """conda-store, its database and its queue as a Helm release."""

    name = "07-conda-store"
    variant = "kubernetes"
    made: ClassVar[Mapping[str, str]] = {"conda-store": "helm_release.conda_store"}
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
        "conda-store": CHARTS / "conda-store",
        "conda-store/code": Path(qhub.hub.__file__).parent,
    }

    def applies_to(self, config: Config) -> bool:
        return config.has_conda_store

    def inputs(self, config: Config) -> KubernetesInputs:
        return KubernetesInputs(
            url=f"{public_address(config)}{PREFIX}/",
            environments=release.environments(config),
            values=release.values(config),
        )

    def example(self, config: Config) -> KubernetesOutputs:
        return KubernetesOutputs(
            namespace=config.namespace,
            url=f"{public_address(config)}{PREFIX}/",
            environments_job="conda-store-environments-example",
        )

    def check(self, outputs: KubernetesOutputs, say: Say) -> None:
        from qhub.kubernetes.rollout import wait_ready

        place = (self.name, outputs.context, outputs.namespace)
        wait_ready(
            *place,
            stateful_sets=["conda-store-database"],
            deployments=["conda-store-queue", "conda-store", "conda-store-worker"],
            say=say,
        )
        wait_ready(*place, jobs=[outputs.environments_job], deadline=BUILD_SECONDS, say=say)

    def addresses(self, outputs: KubernetesOutputs) -> list[Address]:
        return [Address("conda-store", outputs.url)]
