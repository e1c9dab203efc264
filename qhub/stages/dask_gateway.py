"""06-dask-gateway: Dask clusters for users, of the worker profiles that are open to them.

`processes`: on this machine, by its local backend. `kubernetes`: in a cluster, by its own chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.config import Config
from qhub.config.profiles import DaskWorkerProfile
from qhub.errors import StageError
from qhub.hub.dask_service import CHECK, PREFIX
from qhub.local.facts import Machine
from qhub.local.settings import DaskGatewaySettings
from qhub.releases import dask_gateway as release
from qhub.releases.chart import Chart, mirrored
from qhub.stages.base import TEMPLATES, InCluster, Place, Say, Stage
from qhub.stages.infrastructure import GONE, ExistingInfrastructure, LocalInfrastructure
from qhub.stages.jupyterhub import KubernetesJupyterHub, LocalJupyterHub, people
from qhub.stages.kubernetes_ingress import address as public_address
from qhub.stages.kubernetes_initialize import KubernetesInitialize, deployment_name
from qhub.stages.release import ReleaseStage

if TYPE_CHECKING:
    from qhub.kubernetes.definitions import Definitions


def gateway_settings(config: Config) -> DaskGatewaySettings:
    """What the gateway's Python code reads."""
    security, culler = config.security, config.jupyterlab.idle_culler
    memory = config.dask_gateway.cluster_max_memory
    return DaskGatewaySettings.model_validate(
        {
            "users": people(config),
            "groups": {name: group.model_dump() for name, group in security.groups.items()},
            "workers": [_worker(*item) for item in config.profiles.dask_worker.items()],
            "idle_timeout": culler.server_shutdown_no_activity_timeout,
            "cluster_max_workers": config.dask_gateway.cluster_max_workers,
            "cluster_max_cores": config.dask_gateway.cluster_max_cores,
            "cluster_max_memory": memory.bytes if memory else None,
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

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        del say
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


KINDS = {
    "gateway.dask.org": ("DaskCluster",),
    "traefik.io": (
        *("IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Middleware", "MiddlewareTCP"),
        *("ServersTransport", "ServersTransportTCP", "TLSOption", "TLSStore", "TraefikService"),
    ),
}
"""Kinds of object that the gateway and its Traefik know. Traefik waits for each of its own."""


class GatewaySecret(BaseModel):
    """The Secret that the gateway reads."""

    model_config = ConfigDict(extra="forbid")

    name: str
    hub: str = Field(description="Key of the token that the hub knows it by.")
    cookies: str = Field(description="Key of the secret that cookies are sealed with.")


class KubernetesInputs(BaseModel):
    """What the gateway is told, and the chart."""

    model_config = ConfigDict(extra="forbid")

    instance: str = Field(description="Names what the release makes.")
    chart: Chart
    secret: GatewaySecret
    check: str = Field(description="Path at the gateway that says who may see a dashboard.")
    settings: dict[str, Any] = Field(description="What its Python code reads; no secrets.")
    values: dict[str, Any] = Field(description="Values of the chart.")


class KubernetesOutputs(InCluster):
    """What others use of the gateway in a cluster."""

    url: str = Field(description="Where browsers open dashboards.")
    instance: str = Field(description="Ends the names of its Deployments and Services.")


class KubernetesDaskGateway(ReleaseStage[KubernetesInputs, KubernetesOutputs]):
    """Dask-Gateway, its controller and its proxy as a Helm release, and what they may do."""

    name = "06-dask-gateway"
    variant = "kubernetes"
    made: ClassVar[Mapping[str, str]] = {
        "dask-access": "helm_release.access",
        "dask-gateway": "helm_release.dask_gateway",
    }
    providers = ("existing",)
    Inputs = KubernetesInputs
    Outputs = KubernetesOutputs
    depends_on = (ExistingInfrastructure, KubernetesInitialize, KubernetesJupyterHub)
    sources: ClassVar[Mapping[str, Path]] = {
        "hub": Path(qhub.hub.__file__).parent,
        "dask-access": TEMPLATES.parent / "charts" / "dask-access",
    }

    def inputs(self, config: Config) -> KubernetesInputs:
        name = deployment_name(config)
        return KubernetesInputs(
            instance=release.instance(name),
            chart=release.source(config),
            secret=GatewaySecret(
                name=release.SECRET, hub=release.HUB_TOKEN, cookies=release.COOKIES
            ),
            check=CHECK,
            settings=pod_settings(config),
            values=release.values(config, name, PREFIX),
        )

    def example(self, config: Config) -> KubernetesOutputs:
        return KubernetesOutputs(
            url=f"{public_address(config)}{PREFIX}",
            namespace=config.namespace,
            instance=release.instance(deployment_name(config)),
        )

    def prepare(self, place: Place, say: Say) -> None:
        definitions(place, say).hold()

    def sweep(self, place: Place, say: Say) -> None:
        definitions(place, say).release()

    def check(self, outputs: KubernetesOutputs, say: Say) -> None:
        from qhub.kubernetes.rollout import wait_ready

        parts = [f"{part}-{outputs.instance}" for part in ("api", "controller", "traefik")]
        wait_ready(self.name, outputs.context, outputs.namespace, deployments=parts, say=say)


def definitions(place: Place, say: Say) -> Definitions:
    """The kinds of object that the gateway works with, as a deployment at that place needs them."""
    from qhub.kubernetes.cluster import Access, Cluster
    from qhub.kubernetes.definitions import Definitions, Kind

    kinds = [Kind(group, "v1alpha1", kind) for group, names in KINDS.items() for kind in names]
    cluster = Cluster(Access.find(place.context))
    return Definitions(cluster, place.name, place.namespace, kinds, say)


def pod_settings(config: Config) -> dict[str, Any]:
    """What the gateway's Python code reads where clusters are pods."""
    settings = gateway_settings(config).model_dump(mode="json")
    for worker, one in zip(settings["workers"], config.profiles.dask_worker.values(), strict=True):
        worker["image"] = str(mirrored(config, one.image)) if one.image else None
        worker["node_selector"] = one.node_selector
        worker["devices"] = one.extra_resource_limits
    settings["servers"] = [
        {
            "display_name": profile.display_name,
            "users": profile.users,
            "groups": profile.groups,
            "image": str(mirrored(config, image))
            if (image := profile.kubespawner_override.image)
            else None,
        }
        for profile in config.profiles.jupyterlab
    ]
    store = config.conda_store.default_namespace if config.has_conda_store else None
    settings["conda_store"] = store
    settings["secure"] = config.certificate.type != "disabled"
    settings["cluster"] = {
        "image": str(release.default_image(config)),
        "own_homes": config.storage.home is not None,
        "tolerations": [],
        "volumes": [],
        "mounts": [],
    }
    return settings
