"""The deployment as a list.

Each stage is whole in one file here, its HCL in the folder of the same name under
`qhub/templates/stages/`. Order is drawn from `depends_on`; the numbers only sort the folders.
"""

from __future__ import annotations

from typing import Any

from qhub.config import Config
from qhub.errors import UsageError
from qhub.stages.base import Stage
from qhub.stages.conda_store import KubernetesCondaStore, LocalCondaStore
from qhub.stages.conda_store_server import LocalCondaStoreServer
from qhub.stages.dask_gateway import KubernetesDaskGateway, LocalDaskGateway
from qhub.stages.infrastructure import ExistingInfrastructure, LocalInfrastructure
from qhub.stages.jitsi import KubernetesJitsi, LocalJitsi
from qhub.stages.jupyterhub import KubernetesJupyterHub, LocalJupyterHub
from qhub.stages.kubernetes_ingress import KubernetesIngress
from qhub.stages.kubernetes_initialize import KubernetesInitialize
from qhub.stages.kubessh import KubernetesKubeSsh, LocalKubeSsh

STAGES: tuple[Stage[Any, Any], ...] = (
    LocalInfrastructure(),
    LocalJupyterHub(),
    LocalDaskGateway(),
    LocalCondaStore(),
    LocalCondaStoreServer(),
    LocalKubeSsh(),
    LocalJitsi(),
    ExistingInfrastructure(),
    KubernetesInitialize(),
    KubernetesIngress(),
    KubernetesJupyterHub(),
    KubernetesDaskGateway(),
    KubernetesCondaStore(),
    KubernetesKubeSsh(),
    KubernetesJitsi(),
)


def of(provider: str) -> list[Stage[Any, Any]]:
    """All stages that deployments of a provider may have."""
    return [stage for stage in STAGES if provider in stage.providers]


def select(config: Config) -> list[Stage[Any, Any]]:
    """The stages that a deployment of this config has, sorted by name.

    Raises:
        UsageError: There are none for the provider.
    """
    chosen = [stage for stage in of(config.provider) if stage.applies_to(config)]
    if not chosen:
        raise UsageError(
            f"this release of qhub validates configurations for provider {config.provider},"
            " but can't deploy them yet",
            hint="provider: local runs the platform on this machine",
        )
    return sorted(chosen, key=lambda stage: stage.name)
