"""06-dask-gateway: Dask clusters for users, of the worker profiles that are open to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.config import Config
from qhub.config.profiles import DaskWorkerProfile
from qhub.errors import StageError
from qhub.hub.dask_service import PREFIX
from qhub.local.facts import Machine
from qhub.local.settings import DaskGatewaySettings
from qhub.stages.base import Stage
from qhub.stages.infrastructure import GONE, LocalInfrastructure
from qhub.stages.jupyterhub import LocalJupyterHub, people


def gateway_settings(config: Config) -> DaskGatewaySettings:
    """What the gateway's Python code reads."""
    security, culler = config.security, config.jupyterlab.idle_culler
    return DaskGatewaySettings.model_validate(
        {
            "users": people(config),
            "groups": {name: group.model_dump() for name, group in security.groups.items()},
            "workers": [_worker(*item) for item in config.profiles.dask_worker.items()],
            "idle_timeout": culler.server_shutdown_no_activity_timeout,
            "cluster_max_workers": config.dask_gateway.cluster_max_workers,
            "max_clusters_per_user": config.dask_gateway.max_clusters_per_user,
            "monitoring": config.monitoring.enabled,
        }
    )


def _worker(name: str, profile: DaskWorkerProfile) -> dict[str, Any]:
    return {
        "display_name": name,
        "users": profile.users,
        "groups": profile.groups,
        "cpu_limit": profile.worker_cores_limit,
        "cpu_guarantee": profile.worker_cores or None,
        "mem_limit": profile.worker_memory_limit.bytes,
        "mem_guarantee": profile.worker_memory.bytes,
        "threads": profile.worker_threads,
    }


class LocalOutputs(BaseModel):
    """Outputs of the processes module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Where clients reach the gateway.")
    facts: str = Field(description="File that says what was made of this machine.")


class LocalDaskGateway(Stage[DaskGatewaySettings, LocalOutputs]):
    """Dask-Gateway and its clusters as processes of this machine."""

    name = "06-dask-gateway"
    variant = "processes"
    Inputs = DaskGatewaySettings
    Outputs = LocalOutputs
    depends_on = (LocalInfrastructure, LocalJupyterHub)
    sources: ClassVar[Mapping[str, Path]] = {"hub": Path(qhub.hub.__file__).parent}

    def inputs(self, config: Config) -> DaskGatewaySettings:
        return gateway_settings(config)

    def example(self, config: Config) -> LocalOutputs:
        return LocalOutputs(
            url=f"http://{config.local.address}:{config.local.port}{PREFIX}",
            facts="/deployment/.qhub/machine.json",
        )

    def check(self, outputs: LocalOutputs) -> None:
        from qhub.local.dask_gateway import wait_healthy

        machine = Machine.load(Path(outputs.facts))
        if machine is not None:
            wait_healthy(machine)
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="see `qhub logs dask-gateway`")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.status import drift_dask_gateway

        machine = Machine.load(Path(outputs.facts))
        if machine is None:
            return {"terraform_data.dask_gateway": GONE}
        return drift_dask_gateway(machine)
