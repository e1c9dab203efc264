"""What users can start: `profiles` and `environments` of the file."""

import re
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from qhub.config.fields import (
    Cores,
    GroupName,
    GuaranteedCores,
    ImageName,
    Memory,
    Quantity,
    Section,
    Text,
    Title,
    UserName,
    Variable,
    memory,
    wrong,
)

Devices = dict[str, Annotated[int, Field(ge=0)]]


class KubeSpawnerOverride(Section):
    """The size of a server. The name is KubeSpawner's; the local target reads it too."""

    cpu_limit: Cores = Field(description="CPU cores that a server can use at most.")
    cpu_guarantee: GuaranteedCores = Field(
        default_factory=lambda data: data.get("cpu_limit", 0.0),
        description="CPU cores that are kept free for it. Default: the limit.",
    )
    mem_limit: Memory = Field(description="Memory that a server can use at most; G is 1024³ bytes.")
    mem_guarantee: Memory = Field(
        default_factory=lambda data: data["mem_limit"],
        description="Memory that is kept free for it. Default: the limit.",
    )
    image: ImageName | None = Field(
        None, description="Kubernetes: image of the server. Default: `default_images.jupyterlab`."
    )
    environment: dict[Variable, str] = Field(
        default_factory=dict, description="Environment variables of the server."
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="Kubernetes: labels of the nodes that it may run on."
    )
    extra_resource_limits: Devices = Field(
        default_factory=dict, description="Devices, such as `nvidia.com/gpu: 1`."
    )

    @property
    def gpus(self) -> int:
        """How many GPUs a server gets, whoever makes them."""
        return sum(n for name, n in self.extra_resource_limits.items() if name.endswith("/gpu"))


class JupyterLabProfile(Section):
    """A size of server that users choose when they start one."""

    display_name: Title = Field(description="The name that users see; unique.")
    description: str = Field("", description="A sentence below it.")
    default: bool = Field(
        False, description="Chosen beforehand. At most one; without any it is the first."
    )
    users: list[UserName] | None = Field(
        None, description="Only these users see it (and the members of `groups`)."
    )
    groups: list[GroupName] | None = Field(
        None, description="Only members of these groups see it (and `users`)."
    )
    kubespawner_override: KubeSpawnerOverride = Field(description="The size of the server.")


class DaskWorkerProfile(Section):
    """A size of Dask worker that users choose when they start a cluster."""

    worker_cores_limit: Cores = Field(description="CPU cores that a worker can use at most.")
    worker_cores: GuaranteedCores = Field(description="CPU cores that are kept free for it.")
    worker_memory_limit: Memory = Field(description="Memory that a worker can use at most.")
    worker_memory: Memory = Field(description="Memory that is kept free for it.")
    worker_threads: int = Field(1, ge=1, description="Threads of a worker.")
    image: ImageName | None = Field(
        None, description="Kubernetes: image of the worker. Default: `default_images.dask_worker`."
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="Kubernetes: labels of the nodes that it may run on."
    )
    extra_resource_limits: Devices = Field(
        default_factory=dict, description="Kubernetes: devices, such as `nvidia.com/gpu: 1`."
    )
    users: list[UserName] | None = Field(None, description="Only these users can choose it.")
    groups: list[GroupName] | None = Field(None, description="Only these groups can choose it.")


def _size(cpu: float, memory_limit: str) -> KubeSpawnerOverride:
    """Half of it is kept free."""
    limit = memory(memory_limit)
    half = Quantity(f"{limit.bytes // 2**31}G", limit.bytes // 2)
    return KubeSpawnerOverride.model_construct(
        cpu_limit=cpu, cpu_guarantee=cpu / 2, mem_limit=limit, mem_guarantee=half
    )


def _servers() -> list[JupyterLabProfile]:
    return [
        JupyterLabProfile.model_construct(
            display_name="Small",
            description="For everyday work",
            default=True,
            kubespawner_override=_size(1.0, "2G"),
        ),
        JupyterLabProfile.model_construct(
            display_name="High memory",
            description="For large data",
            kubespawner_override=_size(2.0, "8G"),
        ),
    ]


def _workers() -> dict[str, DaskWorkerProfile]:
    small = DaskWorkerProfile.model_construct(
        worker_cores_limit=1.0,
        worker_cores=1.0,
        worker_memory_limit=memory("2G"),
        worker_memory=memory("2G"),
    )
    return {"Small Worker": small}


class Profiles(Section):
    """Sizes of servers and Dask workers."""

    jupyterlab: list[JupyterLabProfile] = Field(
        default_factory=_servers, min_length=1, description="Sizes of JupyterLab servers."
    )
    dask_worker: dict[Title, DaskWorkerProfile] = Field(
        default_factory=_workers, description="Sizes of Dask workers, by the name users see."
    )

    @property
    def default_profile(self) -> JupyterLabProfile:
        """The profile that is chosen beforehand: the one marked `default`, else the first."""
        marked = [profile for profile in self.jupyterlab if profile.default]
        return (marked or self.jupyterlab)[0]


def _environment(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise wrong(
            f"`{text}` can't be the name of an environment",
            "letters, digits, `.`, `_` and `-`, at most 64",
        )
    return text


EnvironmentName = Annotated[str, Text(_environment, r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class PipDependencies(Section):
    """The part of an environment that pip installs."""

    pip: list[Title] = Field(description="Requirements, as pip reads them.")


def _kind_of_dependency(value: Any) -> str:
    return "pip" if isinstance(value, dict | PipDependencies) else "conda"


Dependency = Annotated[
    Annotated[Title, Tag("conda")] | Annotated[PipDependencies, Tag("pip")],
    Discriminator(_kind_of_dependency),
]


class Environment(Section):
    """An environment, which users get as a kernel."""

    name: EnvironmentName = Field(description="Name of the kernel; unique.")
    channels: list[Title] = Field(
        default_factory=lambda: ["conda-forge"], description="Where conda packages come from."
    )
    dependencies: list[Dependency] = Field(
        min_length=1,
        description="conda packages, and `pip:` with a list of pip's. With no conda package but "
        "`python`, the package index is enough.",
    )
    groups: list[GroupName] | None = Field(
        None, min_length=1, description="Only these groups see it. Default: everybody."
    )
