"""What a deployment is: kept beside it, so that it never silently becomes another one.

A later run compares it with the configuration, and `destroy`, which reads no configuration, finds
by it which stages were deployed and how the cluster is reached.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from qhub.config import Config
from qhub.errors import UsageError
from qhub.runner.folder import Folder, write
from qhub.runner.mirror import tell_terraform
from qhub.stages.base import Place

FIXED = {
    "project_name": "project_name",
    "namespace": "namespace",
    "provider": "provider",
    "cluster": "the cluster",
}
"""What can't change under a deployment, and what it is called: its resources would be orphaned."""


@dataclass(frozen=True)
class Record:
    """Names a deployment.

    Args:
        project_name: As in the configuration.
        namespace: As in the configuration.
        provider: As in the configuration.
        context: The kube context that the cluster is reached by; None without a cluster.
        cluster: The cluster's own identity, whatever the context is called.
        mirror: Terraform's configuration file, where providers come from a mirror.
    """

    project_name: str = ""
    namespace: str = ""
    provider: str = "local"
    context: str | None = None
    cluster: str | None = None
    mirror: str | None = None

    @classmethod
    def of(cls, config: Config, folder: Folder) -> Record:
        """That of a configuration; asks the cluster who it is, and tells Terraform of the mirror.

        Raises:
            ClusterError: It can't be reached.
        """
        context = cluster = None
        if config.provider == "existing":
            from qhub.kubernetes.cluster import Access, Cluster

            access = Access.find(config.existing.kube_context)
            context, cluster = access.context, Cluster(access).identity()
        return cls(
            config.project_name,
            config.namespace,
            config.provider,
            context,
            cluster,
            mirror=tell_terraform(config.mirror, folder),
        )

    @classmethod
    def load(cls, folder: Folder) -> Record:
        """The one that is kept of the folder's deployment; an empty one where there is none."""
        try:
            kept: dict[str, Any] = json.loads((folder.private / "deployment.json").read_text())
        except (OSError, ValueError):
            return cls()
        return cls(**{name: kept.get(name, default) for name, default in asdict(cls()).items()})

    def keep(self, folder: Folder) -> None:
        """Keep it as that of the folder's deployment.

        Raises:
            UsageError: The folder's deployment is another one.
        """
        before = Record.load(folder)
        if folder.applied_stages():
            for key, name in FIXED.items():
                was, now = getattr(before, key), getattr(self, key)
                if was != now:
                    raise UsageError(
                        f"{name} was {was!r} when this was deployed and is {now!r} now;"
                        " it can't be changed in place",
                        hint="destroy it first, or deploy to another folder with -o DIR",
                    )
        write(folder.private / "deployment.json", json.dumps(asdict(self)).encode())

    @property
    def place(self) -> Place | None:
        """Where it is; None without a cluster."""
        if not self.context:
            return None
        return Place(self.context, self.namespace, f"{self.project_name}-{self.namespace}")

    @property
    def environment(self) -> dict[str, str]:
        """What Terraform has to be told to reach the cluster and the mirror.

        Raises:
            ClusterError: The kubeconfig no longer has the context.
        """
        found = {"TF_CLI_CONFIG_FILE": self.mirror} if self.mirror else {}
        if self.context:
            from qhub.kubernetes.cluster import Access

            found |= Access.find(self.context).environment()
        return found

    @contextlib.contextmanager
    def alone(self, command: str, folder: Folder) -> Iterator[None]:
        """Keep runs of other machines out, where the deployment can be reached from several.

        Whoever holds the folder's lock knows that its earlier runs are over, however they ended.

        Raises:
            LockedError: One is at work.
        """
        if not self.context:
            yield
            return
        from qhub.kubernetes.cluster import Access, Cluster
        from qhub.kubernetes.lease import Lease

        whose, process = f"{getpass.getuser()}@{socket.gethostname()}", os.getpid()
        who = f"{command} by {whose} in {folder.root}, process {process}"
        note = folder.private / "run"
        before = note.read_text() if note.is_file() else ""
        write(note, who.encode())
        name = f"qhub-{self.project_name}-{self.namespace}"
        with Lease(Cluster(Access.find(self.context)), name, who, (before,)).held():
            yield
