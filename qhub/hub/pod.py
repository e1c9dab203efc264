"""What a person's pods are like: their notebook server's, their Dask clusters', all the same.

The user, groups and folders of the person come from here, whoever makes the pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import names, namespaces, shares

SHARED = "/shared"
PEOPLE = "qhub-people"
"""The ConfigMap of names, with the keys `passwd` and `group`."""

UMASK = ("/bin/sh", "-c", 'umask 0007; exec "$@"', "sh")
"""Before a command: what it makes in shared folders, the group can change."""


@dataclass(frozen=True)
class PersonsPod:
    """A person as Kubernetes is told of them.

    Args:
        name: the person's name at the hub.
        uid: number of their user.
        gid: number of their primary group.
        gids: numbers of every other group whose files they may reach.
        folders: the shared folders that they may read, with whether they may write there.
        claim: the PersistentVolumeClaim of the shared file system.
        own_home: whether the home is a volume of its own, which the caller mounts.
        namespaces: those of conda-store whose environments they use.
    """

    name: str
    uid: int
    gid: int
    gids: tuple[int, ...]
    folders: Mapping[str, bool]
    claim: str
    own_home: bool
    namespaces: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> PersonsPod:
        """That of somebody of the settings.

        Raises:
            KeyError: there is nobody of that name.
        """
        person, groups, cluster = settings["users"][name], settings["groups"], settings["cluster"]
        folders = shares.open_to(person["groups"], groups)
        # A folder may be open to others than members: its mount says what they may do there.
        reached = {groups[group]["gid"] for group in (*person["groups"], *folders)}
        gid = groups[person["primary_group"]]["gid"]
        everybodys = settings.get("conda_store")
        return cls(
            name=name,
            uid=person["uid"],
            gid=gid,
            gids=tuple(sorted(reached - {gid})),
            folders=folders,
            claim=cluster["shared_claim"],
            own_home=cluster["own_homes"],
            namespaces=tuple(namespaces.of_person(name, person["groups"], groups, everybodys))
            if everybodys
            else (),
        )

    @property
    def home(self) -> str:
        return names.home(self.name)

    @property
    def environment(self) -> dict[str, str]:
        """What the person's programs are told of them."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name, "SHELL": "/bin/bash"}

    @property
    def kernels(self) -> list[str]:
        """Folders with kernels of shared environments, as JUPYTER_PATH takes them."""
        return [str(namespaces.jupyter(namespaces.IN_PODS, name)) for name in self.namespaces]

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """The volumes of the pod, as Kubernetes takes them."""
        return [
            {"name": "shared", "persistentVolumeClaim": {"claimName": self.claim}},
            {"name": "people", "configMap": {"name": PEOPLE}},
        ]

    @property
    def mounts(self) -> list[dict[str, Any]]:
        """Where they are: the home, a folder for each group, and the names."""
        found = [] if self.own_home else [_mount(self.home, f"homes/{self.name}", writable=True)]
        for group, writable in self.folders.items():
            found.append(_mount(f"{SHARED}/{group}", f"shared/{group}", writable=writable))
        for name in self.namespaces:
            path = str(namespaces.folder(namespaces.IN_PODS, name))
            found.append(_mount(path, str(namespaces.folder("", name)), writable=False))
        for file in ("passwd", "group"):
            found.append(
                {"name": "people", "mountPath": f"/etc/{file}", "subPath": file, "readOnly": True}
            )
        return found

    @property
    def security(self) -> dict[str, Any]:
        """The pod's security context."""
        return {
            "runAsUser": self.uid,
            "runAsGroup": self.gid,
            "runAsNonRoot": True,
            "supplementalGroups": list(self.gids),
            "seccompProfile": {"type": "RuntimeDefault"},
        }


def tolerations(devices: Iterable[str]) -> list[dict[str, str]]:
    """What a pod with devices needs, as nodes with them are kept free of what asks for none."""
    return [{"key": name, "operator": "Exists", "effect": "NoSchedule"} for name in devices]


def _mount(path: str, below: str, *, writable: bool) -> dict[str, Any]:
    return {"name": "shared", "mountPath": path, "subPath": below, "readOnly": not writable}
