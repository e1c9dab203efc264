"""What stages have in common that are a Helm release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from qhub.config import Config
from qhub.errors import ClusterError
from qhub.stages.base import InCluster, InputsT, Release, Stage

ClusterT = TypeVar("ClusterT", bound=InCluster)


class ReleaseStage(Stage[InputsT, ClusterT]):
    """A stage whose module makes Helm releases.

    `made` has what Terraform calls each, by its name, in the order in which they are made.
    """

    made: ClassVar[Mapping[str, str]]
    repairs = True
    awaited = False  # pods that need others wait for them; so all start at the same time

    def has_made(self, outputs: ClusterT) -> bool:
        """Whether there are any, where that is for the configuration to say."""
        del outputs
        return True

    def resume(self, config: Config, context: str) -> str | None:
        left = (resume(context, config.namespace, name) for name in self.made)
        return next(filter(None, left), None)

    def drift(self, outputs: ClusterT) -> dict[str, str]:
        if not self.has_made(outputs):
            return {}
        reasons = {
            address: drift(outputs.context, outputs.namespace, name)
            for name, address in self.made.items()
        }
        return {address: reason for address, reason in reasons.items() if reason}

    def repair(self, outputs: ClusterT) -> None:
        for name in self.made:
            repair(outputs.context, outputs.namespace, name)

    def releases(self, outputs: ClusterT) -> list[Release]:
        if not self.has_made(outputs):
            return []
        return [shown(outputs.context, outputs.namespace, name) for name in self.made]


def resume(context: str, namespace: str, name: str) -> str | None:
    """Have the next apply take up a release that was left half done; returns what was found."""
    from qhub.kubernetes import helm
    from qhub.kubernetes.cluster import reach

    found = helm.forget_pending(reach(context), namespace, name)
    return f"the release {name} was left {found}" if found else None


def drift(context: str, namespace: str, name: str) -> str:
    """Where a release is not as it was made; empty where it is."""
    from qhub.kubernetes import helm
    from qhub.kubernetes.cluster import reach

    cluster = reach(context)
    found = helm.find(cluster, namespace, name)
    if found is None:
        return "the release is gone"
    reasons = [] if found.state == "deployed" else [f"the release is {found.state}"]
    return "; ".join([*reasons, *map(str, helm.drift(cluster, found))])


def repair(context: str, namespace: str, name: str) -> None:
    """Put right in place what drifted of a release."""
    from qhub.kubernetes import helm
    from qhub.kubernetes.cluster import reach

    cluster = reach(context)
    found = helm.find(cluster, namespace, name)
    if found is None:
        return  # Terraform misses it and makes it again
    try:
        helm.repair(cluster, found)
    except ClusterError:
        if found.state == "deployed":
            raise
        # What failed may be what the cluster refused: the next upgrade brings something else.


def shown(context: str, namespace: str, name: str) -> Release:
    """A release as people are told of it."""
    from qhub.kubernetes import helm
    from qhub.kubernetes.cluster import reach

    found = helm.find(reach(context), namespace, name)
    if found is None:
        return Release(name, "gone", "", "", 0)
    return Release(found.name, found.state, found.chart, found.version, found.revision)
