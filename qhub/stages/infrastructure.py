"""02-infrastructure: what services run on.

`local`: a folder, the services' Python environments and a supervisor on this machine.
`existing`: a cluster that is there already; nothing is made of it, it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.errors import ClusterError, PreflightError, StageError
from qhub.local.doctor import Finding
from qhub.local.facts import Machine
from qhub.local.settings import MachineSettings
from qhub.releases import nfs_server
from qhub.stages.base import Say, Stage

if TYPE_CHECKING:
    from qhub.kubernetes.cluster import Cluster

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

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        del say
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="see `qhub logs supervisor`")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.status import drift_machine

        machine = Machine.load(Path(outputs.facts))
        return drift_machine(machine) if machine else dict.fromkeys(ADDRESSES, GONE)

    def notices(self, outputs: LocalOutputs) -> list[str]:
        machine = Machine.load(Path(outputs.facts))
        return machine.notices if machine else []


_MOVE = (
    "leave `storage` as it was, or move the files: qhub backup, qhub destroy, deploy, qhub restore"
)
OLDEST_KUBERNETES = (1, 32)
"""What the JupyterHub chart 4.4.0 needs at least."""


class ExistingInputs(BaseModel):
    """Which nodes are for what."""

    model_config = ConfigDict(extra="forbid")

    node_selectors: dict[str, dict[str, str]] = Field(
        description="Labels of the nodes, by purpose."
    )


class ClusterOutputs(BaseModel):
    """A cluster, whoever made it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cluster: str = Field(description="The cluster's own identity.")
    node_selectors: dict[str, dict[str, str]] = Field(
        description="Labels of the nodes for services (general), servers (user) and Dask (worker)."
    )


class ExistingInfrastructure(Stage[ExistingInputs, ClusterOutputs]):
    """The cluster that the kube context names."""

    name = "02-infrastructure"
    variant = "existing"
    providers = ("existing",)
    Inputs = ExistingInputs
    Outputs = ClusterOutputs

    def inputs(self, config: Config) -> ExistingInputs:
        chosen = config.existing.node_selectors
        selectors = {name: {one.key: one.value} for name, one in chosen.items()}
        anywhere: dict[str, dict[str, str]] = {"general": {}, "user": {}, "worker": {}}
        return ExistingInputs(node_selectors={**anywhere, **selectors})

    def example(self, config: Config) -> ClusterOutputs:
        return ClusterOutputs(cluster="example", node_selectors=self.inputs(config).node_selectors)

    def preflight(self, config: Config, folder: Path) -> None:
        from qhub.kubernetes.cluster import Access, Cluster

        try:
            cluster = Cluster(Access.find(config.existing.kube_context))
            found = list(_obstacles(config, cluster, self.inputs(config)))
        except ClusterError as error:
            raise PreflightError(error.message, error.hint) from error
        if found:
            where = f"context {cluster.access.context}"
            raise PreflightError(
                "\n".join(f"the cluster of {where}: {obstacle}" for obstacle in found),
                "Nothing was changed.",
            )

    def examine(self, config: Config) -> Iterator[Finding]:
        """What a deployment needs of the cluster, and how much room people would find there."""
        from qhub.kubernetes.cluster import Access, Cluster

        try:
            cluster = Cluster(Access.find(config.existing.kube_context))
            major, minor = cluster.version()
            where = f"context {cluster.access.context}"
            yield Finding("cluster", "ok", f"{where} answers: Kubernetes {major}.{minor}")
            obstacles = list(_obstacles(config, cluster, self.inputs(config)))
            yield from (Finding("cluster", "fail", obstacle) for obstacle in obstacles)
            if not obstacles:
                yield Finding("rights", "ok", "all that a deployment needs")
                [default] = [name for name, is_it in cluster.storage_classes().items() if is_it][:1]
                yield Finding("storage", "ok", _files(config, default))
                yield _room(config, cluster, self.inputs(config).node_selectors["user"])
        except ClusterError as error:
            yield Finding("cluster", "fail", error.message, error.hint)


def _files(config: Config, default: str) -> str:
    """What homes and shared folders will be on."""
    if nfs_server.wanted(config):
        return (
            f"an NFS server is brought for shared files, on a volume of StorageClass {default};"
            " nodes mount it with nfs-common (Debian) or nfs-utils (RPM)"
        )
    return f"StorageClass {config.storage.shared_storage_class or default} for shared files"


def _room(config: Config, cluster: Cluster, labels: dict[str, str]) -> Finding:
    """How many servers of the usual profile find a place now."""
    from qhub.kubernetes.room import room

    profile = config.profiles.default_profile
    needs = profile.kubespawner_override
    nodes = room(cluster, labels)
    places = sum(node.places(needs.cpu_guarantee, needs.mem_guarantee.bytes) for node in nodes)
    cpu, memory = sum(node.cpu for node in nodes), sum(node.memory for node in nodes)
    size = f"{len(nodes)} nodes for users with {cpu:.1f} processors and {memory / 1e9:.1f} GB free"
    return Finding(
        "room",
        "ok" if places else "warn",
        f"{size}: {places} servers of {profile.display_name}",
        None if places else "add nodes, or lower cpu_guarantee and mem_guarantee of the profile",
    )


def _fixed(config: Config, cluster: Cluster) -> Iterator[str]:
    """What the volumes of people's files, where they are there, can't become."""
    from qhub.kubernetes.spaces import LENT, SHARED, storage
    from qhub.kubernetes.volumes import obstacles

    asked, space = config.storage, config.namespace
    places = [(space, SHARED, asked.shared_storage_class, asked.shared_access_mode)]
    if nfs_server.wanted(config):
        lent = nfs_server.storage_class(config)
        places = [(space, SHARED, lent, "ReadWriteMany")]
        places += [(storage(space), LENT, None, "ReadWriteOnce")]
    for namespace, claim, storage_class, mode in places:
        for obstacle in obstacles(
            cluster,
            namespace,
            claim,
            size=str(asked.shared_filesystem + asked.conda_store),
            storage_class=storage_class,
            access_mode=mode,
        ):
            yield f"the volume of people's files stays as it is: {obstacle}; {_MOVE}"


def _obstacles(config: Config, cluster: Cluster, inputs: ExistingInputs) -> Iterator[str]:
    """What the cluster lacks, each with what to do."""
    from qhub.kubernetes.rights import needed

    version = cluster.version()
    if version < OLDEST_KUBERNETES:
        yield (
            f"it is Kubernetes {version[0]}.{version[1]}, too old; upgrade it to"
            f" {OLDEST_KUBERNETES[0]}.{OLDEST_KUBERNETES[1]} or newer"
        )
    lacking = cluster.lacking(needed(config.namespace, nfs=nfs_server.wanted(config)))
    if lacking:
        yield (
            f"you may not {', '.join(map(str, lacking))}; let its administrator bind you to"
            " the ClusterRole cluster-admin"
        )
        return  # what it has could not be asked for
    classes = cluster.storage_classes()
    wanted = config.storage.shared_storage_class
    if wanted and wanted not in classes:
        known = ", ".join(sorted(classes)) or "none"
        yield f"it has no StorageClass {wanted} (storage.shared_storage_class); it has: {known}"
    if not any(classes.values()):
        known = ", ".join(sorted(classes)) or "none"
        yield (
            f"none of its StorageClasses is the default one (it has: {known}); mark one: kubectl"
            " annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true"
        )
    yield from _fixed(config, cluster)
    for purpose, labels in inputs.node_selectors.items():
        if not cluster.has_node(labels):
            shown = ", ".join(f"{key}={value}" for key, value in labels.items())
            yield f"no node has the labels {shown} (existing.node_selectors.{purpose})"
