"""`kubeconfig`: how other programs reach the cluster of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qhub.config import Config
from qhub.config.files import write_secret
from qhub.errors import UsageError
from qhub.runner.folder import Folder
from qhub.runner.record import Record

if TYPE_CHECKING:
    from qhub.kubernetes.cluster import Access


@dataclass(frozen=True)
class Kubeconfig:
    """A kubeconfig as text, and whether it is enough to get in."""

    text: str
    is_secret: bool

    def write(self, path: Path) -> None:
        """Write it for its owner alone.

        Raises:
            UsageError: It can't be written.
        """
        write_secret(path, self.text.rstrip("\n"))


def kubeconfig(config: Config, folder: Folder) -> Kubeconfig:
    """What leads to the deployment's cluster and namespace, and nowhere else.

    Raises:
        UsageError: The deployment has no cluster.
        ClusterError: The kubeconfig lacks the context.
    """
    from qhub.kubernetes import kubeconfig as file

    found = file.minimal(_access(config, folder), config.namespace)
    return Kubeconfig(file.text(found), file.holds_secrets(found))


def environment(config: Config, folder: Folder) -> dict[str, str]:
    """What leads Terraform, run by hand in a folder of `stages/`, to the cluster and the mirror.

    Raises:
        UsageError, ClusterError: As in `kubeconfig`.
    """
    return _access(config, folder).environment() | Record.load(folder).environment


def _access(config: Config, folder: Folder) -> Access:
    """As it was deployed; as the config says where nothing is."""
    from qhub.kubernetes.cluster import Access

    if config.provider == "local":
        raise UsageError("a deployment with `provider: local` has no cluster")
    return Access.find(Record.load(folder).context or config.existing.kube_context)
