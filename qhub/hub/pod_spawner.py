"""A server a person as a pod: as their user, with their folders, of the profile they chose."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

from kubespawner import KubeSpawner
from traitlets import Dict

from . import dask_pods, dask_service, pod_jupyter
from .choice import ProfileChoice
from .membership import Membership
from .pod import PersonsPod, tolerations
from .profiles import Profile


class PodSpawner(ProfileChoice, KubeSpawner):
    """Starts a person's pod. What the chart says of pods in general holds for it, too."""

    membership: Membership
    settings = Dict(help="users, groups, cluster and dask of the settings").tag(config=True)

    async def load_user_options(self) -> None:
        """Nothing is left to do: `apply_profile` has taken the profile."""

    def take_profile(self, profile: Profile) -> None:
        """Take over limits, image and nodes of a profile, and who the person is."""
        super().take_profile(profile)
        self._place(profile)
        name = self.user.name
        pod = PersonsPod.of(name, self.membership.applied(name, self.settings))
        self._become(pod)
        self.environment = {
            **pod.environment,
            **pod_jupyter.environment(profile, pod.kernels),
            **self._dask(),
            **{name: _literal(value) for name, value in profile.get("environment", {}).items()},
        }

    def _dask(self) -> dict[str, str]:
        """How a notebook finds the gateway; its clusters are of its own image, if of no other."""
        dask = self.settings["dask"]
        return {
            **dask_service.client_environment(dask["url"], dask["public"]),
            **dask_pods.variable(dask["image"] or self.image),
        }

    def _place(self, profile: Profile) -> None:
        cluster = self.settings["cluster"]
        devices = profile.get("devices", {})
        self.image = profile.get("image") or cluster["image"]
        self.node_selector = {**cluster["node_selector"], **profile.get("node_selector", {})}
        self.extra_resource_limits = devices
        self.extra_resource_guarantees = devices
        self.tolerations = [*cluster["tolerations"], *tolerations(devices)]

    def _become(self, pod: PersonsPod) -> None:
        self.uid, self.gid, self.supplemental_gids = pod.uid, pod.gid, list(pod.gids)
        self.working_dir = pod.home
        cluster = self.settings["cluster"]
        files = pod_jupyter.volumes(pod.name, cluster["panel"])
        volumes = [*pod.volumes, *files, *cluster["volumes"]]
        self.volumes = {volume["name"]: volume for volume in volumes}
        self.volume_mounts = [*pod.mounts, *pod_jupyter.mounts(), *cluster["mounts"]]
        if pod.own_home:
            self.storage_pvc_ensure = True
            self.storage_capacity = cluster["home_size"]
            self.fs_gid = pod.gid
            self.volumes["home"] = {
                "name": "home",
                "persistentVolumeClaim": {"claimName": self.pvc_name},
            }
            self.volume_mounts.append({"name": "home", "mountPath": pod.home})


def _literal(text: str) -> str:
    """A text that KubeSpawner leaves as it is: it fills in what stands in braces."""
    return text.replace("{", "{{").replace("}", "}}")
