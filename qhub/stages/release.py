"""What stages have in common that are a Helm release."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from qhub.config import Config
from qhub.errors import ClusterError
from qhub.stages.base import InCluster, InputsT, Release, Stage

ClusterT = TypeVar("ClusterT", bound=InCluster)


class ReleaseStage(Stage[InputsT, ClusterT]):
    """A stage whose module makes a Helm release of the name `release_name`."""

    release_name: ClassVar[str]
    repairs = True
    awaited = False  # pods that need others wait for them; so all start at the same time

    @property
    def address(self) -> str:
        """What Terraform calls it."""
        return f"helm_release.{self.release_name.replace('-', '_')}"

    def has_release(self, outputs: ClusterT) -> bool:
        """Whether its module made the release, where that is for the configuration to say."""
        del outputs
        return True

    def resume(self, config: Config, context: str) -> str | None:
        from qhub.kubernetes import helm
        from qhub.kubernetes.cluster import reach

        found = helm.forget_pending(reach(context), config.namespace, self.release_name)
        return f"the release {self.release_name} was left {found}" if found else None

    def drift(self, outputs: ClusterT) -> dict[str, str]:
        from qhub.kubernetes import helm
        from qhub.kubernetes.cluster import reach

        if not self.has_release(outputs):
            return {}
        cluster = reach(outputs.context)
        found = helm.find(cluster, outputs.namespace, self.release_name)
        if found is None:
            return {self.address: "the release is gone"}
        reasons = [] if found.state == "deployed" else [f"the release is {found.state}"]
        reasons += map(str, helm.drift(cluster, found))
        return {self.address: "; ".join(reasons)} if reasons else {}

    def repair(self, outputs: ClusterT) -> None:
        from qhub.kubernetes import helm
        from qhub.kubernetes.cluster import reach

        cluster = reach(outputs.context)
        found = helm.find(cluster, outputs.namespace, self.release_name)
        if found is None:
            return  # Terraform misses it and makes it again
        try:
            helm.repair(cluster, found)
        except ClusterError:
            if found.state == "deployed":
                raise
            # What failed may be what the cluster refused: the next upgrade brings something else.

    def releases(self, outputs: ClusterT) -> list[Release]:
        from qhub.kubernetes import helm
        from qhub.kubernetes.cluster import reach

        if not self.has_release(outputs):
            return []
        found = helm.find(reach(outputs.context), outputs.namespace, self.release_name)
        if found is None:
            return [Release(self.release_name, "gone", "", "", 0)]
        return [Release(found.name, found.state, found.chart, found.version, found.revision)]
