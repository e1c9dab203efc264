"""03-kubernetes-initialize: the namespace, and what holds for everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.errors import ClusterError, StageError
from qhub.kubernetes.spaces import SHARED, gpu, storage
from qhub.releases import nfs_server
from qhub.releases.chart import mirrored
from qhub.stages import release
from qhub.stages.base import CHARTS, InCluster, Log, Place, Process, Release, Say, Stage, Volume
from qhub.stages.infrastructure import ExistingInfrastructure
from qhub.stages.logs import PodLog

SERVER = "nfs-server"
"""The NFS server's release, and what it makes."""

GPU = "nvidia.com/gpu"
GPU_PLUGIN = "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"


def deployment_name(config: Config) -> str:
    """What tells the deployment from every other one of its cluster."""
    return f"{config.project_name}-{config.namespace}"


def priority_classes(config: Config) -> dict[str, str]:
    """Names of the PriorityClasses of `services`, `users` and `placeholders`."""
    name = deployment_name(config)
    return {kind: f"{name}-{kind}" for kind in ("services", "users", "placeholders")}


def asks_for_gpus(config: Config) -> bool:
    """Whether a profile of servers or Dask workers has GPUs of NVIDIA's."""
    profiles = config.profiles
    servers = [one.kubespawner_override.extra_resource_limits for one in profiles.jupyterlab]
    workers = [one.extra_resource_limits for one in profiles.dask_worker.values()]
    return any(devices.get(GPU, 0) > 0 for devices in (*servers, *workers))


class SharedVolume(BaseModel):
    """The volume of homes and shared folders."""

    model_config = ConfigDict(extra="forbid")

    size: str = Field(description="As Kubernetes reads it.")
    storage_class: str | None = Field(description="None: the cluster's default one.")
    access_mode: str = Field(description="ReadWriteMany or ReadWriteOnce.")


class NfsServer(BaseModel):
    """A server of our own for that volume."""

    model_config = ConfigDict(extra="forbid")

    values: dict[str, Any] = Field(description="Values of the chart.")


class InitializeInputs(BaseModel):
    """What the namespace is to be like."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Begins the names of what has no namespace.")
    namespace: str = Field(description="Where everything of the deployment lives.")
    pod_security: str = Field(description="Pod Security level that is enforced.")
    quota: dict[str, str] = Field(description="ResourceQuota; empty: none.")
    container_limits: dict[str, dict[str, str]] = Field(description="LimitRange; empty: none.")
    shared: SharedVolume
    nfs: NfsServer | None = Field(description="The server that it is of; None: of a StorageClass.")
    gpu_plugin_image: str | None = Field(
        description="Image of NVIDIA's device plugin; None: nobody asks for GPUs."
    )


class InitializeOutputs(InCluster):
    """What later stages use of it."""

    shared_claim: str = Field(description="PersistentVolumeClaim of homes and shared folders.")
    priority_classes: dict[str, str] = Field(
        description="PriorityClasses: `services`, `users`, `placeholders`."
    )
    storage_namespace: str | None = Field(
        None, description="Where the NFS server runs; None: there is none."
    )


class KubernetesInitialize(Stage[InitializeInputs, InitializeOutputs]):
    """A namespace with its limits, priorities and shared file system."""

    name = "03-kubernetes-initialize"
    variant = "kubernetes"
    providers = ("existing",)
    repairs = True  # Terraform itself makes again what is gone
    Inputs = InitializeInputs
    Outputs = InitializeOutputs
    depends_on = (ExistingInfrastructure,)
    sources: ClassVar[Mapping[str, Path]] = {"nfs-server": CHARTS / "nfs-server"}
    made: ClassVar[Mapping[str, str]] = {SERVER: "helm_release.nfs_server[0]"}

    def inputs(self, config: Config) -> InitializeInputs:
        storage, cluster = config.storage, config.cluster
        return InitializeInputs(
            name=deployment_name(config),
            namespace=config.namespace,
            pod_security=cluster.pod_security,
            quota=cluster.quota,
            container_limits=cluster.container_limits.named,
            shared=SharedVolume(
                size=str(storage.shared_filesystem + storage.conda_store),
                storage_class=storage.shared_storage_class,
                access_mode=storage.shared_access_mode,
            ),
            nfs=NfsServer(values=nfs_server.values(config)) if nfs_server.wanted(config) else None,
            gpu_plugin_image=str(mirrored(config, GPU_PLUGIN)) if asks_for_gpus(config) else None,
        )

    def prepare(self, place: Place, say: Say) -> None:
        from qhub.kubernetes import keep
        from qhub.kubernetes.cluster import reach

        keep.take_up(reach(place.context), place.namespace, place.name, say)

    def vacate(self, place: Place, say: Say) -> None:
        """Take the namespace with people's servers and all else that no release made.

        Terraform would wait for each thing in turn, the longest for twenty minutes, and not say
        for what.
        """
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.sweep import remove_namespace, remove_priorities, remove_volumes

        cluster = reach(place.context)
        try:
            self._revive(place, say)
            for namespace in (place.namespace, gpu(place.namespace)):
                remove_namespace(cluster, namespace, place.name, say)
            remove_volumes(cluster, place.name)
            remove_namespace(cluster, storage(place.namespace), place.name, say)
        finally:
            remove_priorities(cluster, place.name)

    def _revive(self, place: Place, say: Say) -> None:
        """Have the NFS server answer while people's pods end; a node would wait for it for ever."""
        from qhub.kubernetes import helm
        from qhub.kubernetes.cluster import absent_is_done, reach
        from qhub.kubernetes.owned import is_own
        from qhub.kubernetes.rollout import wait_ready

        cluster, space = reach(place.context), storage(place.namespace)
        found = None
        with absent_is_done():
            namespace = cluster.request("GET", f"/api/v1/namespaces/{space}")
            if is_own(namespace["metadata"], place.name):
                found = helm.find(cluster, space, SERVER)
        if found is None or not helm.drift(cluster, found):
            return
        say("puts the NFS server right first: nodes wait for it while pods end")
        try:
            helm.repair(cluster, found)
            sets = [SERVER]
            wait_ready(self.name, place.context, space, stateful_sets=sets, deadline=60, say=say)
        except (ClusterError, StageError) as error:
            reason = error.message.partition("\n")[0]
            say(f"goes on without it, so that nodes may wait for their mounts: {reason}")

    def example(self, config: Config) -> InitializeOutputs:
        return InitializeOutputs(
            namespace=config.namespace,
            shared_claim=SHARED,
            priority_classes=priority_classes(config),
            storage_namespace=storage(config.namespace) if nfs_server.wanted(config) else None,
        )

    def check(self, outputs: InitializeOutputs, say: Say) -> None:
        from qhub.kubernetes.rollout import wait_ready

        if space := outputs.storage_namespace:
            wait_ready(self.name, outputs.context, space, stateful_sets=[SERVER], say=say)

    def resume(self, config: Config, context: str) -> str | None:
        if not nfs_server.wanted(config):
            return None
        return release.resume(context, storage(config.namespace), SERVER)

    def drift(self, outputs: InitializeOutputs) -> dict[str, str]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.volumes import volumes

        found = {}
        space = outputs.storage_namespace
        claims = volumes(reach(outputs.context), outputs.namespace)
        if space and (reason := release.drift(outputs.context, space, SERVER)):
            found[self.made[SERVER]] = reason
        if outputs.shared_claim not in {one.name for one in claims}:
            name = f"{outputs.namespace}/{outputs.shared_claim}"
            address = "kubernetes_persistent_volume_claim_v1.shared"
            found[address] = f"the volume {name} of homes and shared folders is gone"
        return found

    def repair(self, outputs: InitializeOutputs) -> None:
        if outputs.storage_namespace:
            release.repair(outputs.context, outputs.storage_namespace, SERVER)

    def releases(self, outputs: InitializeOutputs) -> list[Release]:
        space = outputs.storage_namespace
        return [release.shown(outputs.context, space, SERVER)] if space else []

    def processes(self, outputs: InitializeOutputs) -> list[Process]:
        """All pods of the namespace, whichever stage they are of, and the NFS server."""
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.pods import pods

        return [
            Process(
                name=pod.name,
                state=pod.state,
                uptime_seconds=pod.age_seconds,
                memory_bytes=pod.memory_bytes,
                restarts=pod.restarts,
                pod=pod.pod,
            )
            for space in _spaces(outputs)
            for pod in pods(reach(outputs.context), space)
        ]

    def notices(self, outputs: InitializeOutputs) -> list[str]:
        """Why pods are not well, of those that aren't; kept volumes that no claim took up."""
        from qhub.kubernetes import keep
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.rollout import pod_troubles

        cluster = reach(outputs.context)
        name = outputs.priority_classes["services"].removesuffix("-services")
        unused = keep.unused(cluster, outputs.namespace, name)
        troubles = [one for space in _spaces(outputs) for one in pod_troubles(cluster, space)]
        return [text for _, _, text in troubles] + [
            f"PersistentVolume {volume}, kept for {claim}, is not in use: the claim asks for"
            " another class or size, or had a volume already"
            for claim, volume in unused.items()
        ]

    def volumes(self, outputs: InitializeOutputs) -> list[Volume]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.volumes import volumes

        cluster = reach(outputs.context)
        found = [one for space in _spaces(outputs) for one in volumes(cluster, space)]
        return [Volume(**asdict(volume)) for volume in found]

    def logs(self, outputs: InitializeOutputs) -> Mapping[str, Log]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.logs import names

        return {
            name: PodLog(outputs.context, space, name, tuple(pods))
            for space in reversed(_spaces(outputs))  # of the same name, the deployment's own
            for name, pods in names(reach(outputs.context), space).items()
        }


def _spaces(outputs: InitializeOutputs) -> tuple[str, ...]:
    """The namespaces that a person is shown."""
    return (outputs.namespace, *filter(None, [outputs.storage_namespace]))
