"""03-kubernetes-initialize: the namespace, and what holds for everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.stages.base import InCluster, Log, Process, Stage, Volume
from qhub.stages.infrastructure import ExistingInfrastructure
from qhub.stages.logs import PodLog


def deployment_name(config: Config) -> str:
    """What tells the deployment from every other one of its cluster."""
    return f"{config.project_name}-{config.namespace}"


def priority_classes(config: Config) -> dict[str, str]:
    """Names of the PriorityClasses of `services`, `users` and `placeholders`."""
    name = deployment_name(config)
    return {kind: f"{name}-{kind}" for kind in ("services", "users", "placeholders")}


class SharedVolume(BaseModel):
    """The volume of homes and shared folders."""

    model_config = ConfigDict(extra="forbid")

    size: str = Field(description="As Kubernetes reads it.")
    storage_class: str | None = Field(description="None: the cluster's default one.")
    access_mode: str = Field(description="ReadWriteMany or ReadWriteOnce.")


class InitializeInputs(BaseModel):
    """What the namespace is to be like."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Begins the names of what has no namespace.")
    namespace: str = Field(description="Where everything of the deployment lives.")
    pod_security: str = Field(description="Pod Security level that is enforced.")
    quota: dict[str, str] = Field(description="ResourceQuota; empty: none.")
    container_limits: dict[str, dict[str, str]] = Field(description="LimitRange; empty: none.")
    shared: SharedVolume


class InitializeOutputs(InCluster):
    """What later stages use of it."""

    shared_claim: str = Field(description="PersistentVolumeClaim of homes and shared folders.")
    priority_classes: dict[str, str] = Field(
        description="PriorityClasses: `services`, `users`, `placeholders`."
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

    def inputs(self, config: Config) -> InitializeInputs:
        storage, cluster = config.storage, config.cluster
        return InitializeInputs(
            name=deployment_name(config),
            namespace=config.namespace,
            pod_security=cluster.pod_security,
            quota=cluster.quota,
            container_limits=cluster.container_limits.named,
            shared=SharedVolume(
                size=str(storage.shared_filesystem),
                storage_class=storage.shared_storage_class,
                access_mode=storage.shared_access_mode,
            ),
        )

    def clear(self, outputs: InitializeOutputs) -> None:
        """End people's servers and clusters: pods that the hub made, not a release."""
        from qhub.kubernetes.cluster import Access, Cluster
        from qhub.kubernetes.sweep import end_pods

        end_pods(Cluster(Access.find(outputs.context)), outputs.namespace)

    def example(self, config: Config) -> InitializeOutputs:
        return InitializeOutputs(
            namespace=config.namespace,
            shared_claim="shared",
            priority_classes=priority_classes(config),
        )

    def drift(self, outputs: InitializeOutputs) -> dict[str, str]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.volumes import volumes

        found = {one.name for one in volumes(reach(outputs.context), outputs.namespace)}
        if outputs.shared_claim in found:
            return {}
        name = f"{outputs.namespace}/{outputs.shared_claim}"
        address = "kubernetes_persistent_volume_claim_v1.shared"
        return {address: f"the volume {name} of homes and shared folders is gone"}

    def processes(self, outputs: InitializeOutputs) -> list[Process]:
        """All pods of the namespace, whichever stage they are of."""
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
            for pod in pods(reach(outputs.context), outputs.namespace)
        ]

    def notices(self, outputs: InitializeOutputs) -> list[str]:
        """Why pods are not well, of those that aren't."""
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.rollout import pod_troubles

        return [text for _, _, text in pod_troubles(reach(outputs.context), outputs.namespace)]

    def volumes(self, outputs: InitializeOutputs) -> list[Volume]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.volumes import volumes

        found = volumes(reach(outputs.context), outputs.namespace)
        return [Volume(**asdict(volume)) for volume in found]

    def logs(self, outputs: InitializeOutputs) -> Mapping[str, Log]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.logs import names

        found = names(reach(outputs.context), outputs.namespace)
        return {
            name: PodLog(outputs.context, outputs.namespace, name, tuple(pods))
            for name, pods in found.items()
        }
