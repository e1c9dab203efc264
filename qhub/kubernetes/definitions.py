"""Kinds of object that a cluster has to know before there can be one: CustomResourceDefinitions.

They belong to no namespace, so that several deployments share them, and others may have brought
them. Ours carry a label, and an annotation for each deployment that needs them; the last one takes
them away. Those of others are used as they are, and left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import ABSENT, CONFLICT, Cluster, absent_is_done

MANAGED = {"app.kubernetes.io/managed-by": "qhub"}
NEEDED_BY = "needed-by.qhub/"
"""Begins the annotations that say which deployments need a definition."""

DEFINITIONS = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
DEADLINE_SECONDS, POLL_SECONDS = 60.0, 0.2


@dataclass(frozen=True)
class Kind:
    """A kind of object."""

    group: str
    version: str
    kind: str

    @property
    def plural(self) -> str:
        return f"{self.kind.lower()}s"

    @property
    def name(self) -> str:
        """That of its definition."""
        return f"{self.plural}.{self.group}"


@dataclass(frozen=True)
class Definitions:
    """The definitions that a deployment needs, in its cluster.

    Args:
        cluster: Where it is.
        deployment: What tells it from others there.
        namespace: Where its objects are.
        kinds: What it needs.
        say: Takes a line about what is done.
    """

    cluster: Cluster
    deployment: str
    namespace: str
    kinds: Sequence[Kind]
    say: Callable[[str], None]

    def hold(self) -> None:
        """Make those that aren't there, and keep others from taking ours away.

        Raises:
            ClusterError: One that others brought has not the version needed.
        """
        for kind in self.kinds:
            _until(partial(self._held, kind), f"{kind.name} is still being removed")
        for kind in self.kinds:
            _until(partial(self._served, kind), f"{kind.name} is not served")

    def release(self) -> None:
        """Remove the deployment's objects, and the definitions that nobody else needs."""
        kept: list[str] = []
        for kind in self.kinds:
            found = self._read(kind)
            if found is not None:
                self._remove_objects(kind)
                _until(partial(self._released, kind, kept), f"{kind.name} stays")
        if kept:
            self.say(f"left, since others have objects of that kind: {', '.join(kept)}")

    def _held(self, kind: Kind) -> bool:
        found = self._read(kind)
        try:
            if found is None:
                self._ask("create", body=self._body(kind))
                self.say(f"defined {kind.name}")
                return True
            if _is_going(found):
                return False
            if not _is_ours(found):
                _check(kind, found)
            elif self._mark not in _marks(found):
                self._mark_it(kind, found, self.namespace)
        except ClusterError as error:
            if error.status not in (CONFLICT, ABSENT):
                raise
            return False  # another deployment was faster; look again
        return True

    def _released(self, kind: Kind, kept: list[str]) -> bool:
        found = self._read(kind)
        if found is None or not _is_ours(found):
            return True
        if _is_going(found):
            return False
        others = _marks(found) - {self._mark}
        used = not others and self._used_by_others(kind)
        try:
            if others or used:
                self._mark_it(kind, found, None)
                kept += [kind.name] if used else []
                return True
            self._ask("delete", kind.name, body={"preconditions": _version(found)})
            self.say(f"removed {kind.name}")
        except ClusterError as error:
            if error.status not in (CONFLICT, ABSENT):
                raise
        return False  # until it is gone, or what changed in between is looked at

    def _served(self, kind: Kind) -> bool:
        conditions = (self._read(kind) or {}).get("status", {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    def _remove_objects(self, kind: Kind) -> None:
        with absent_is_done():
            self.cluster.ask(
                self.cluster.custom.delete_collection_namespaced_custom_object,
                *(kind.group, kind.version, self.namespace, kind.plural),
            )

    def _used_by_others(self, kind: Kind) -> bool:
        said = self.cluster.ask(
            self.cluster.custom.list_cluster_custom_object, kind.group, kind.version, kind.plural
        )
        places = {item["metadata"].get("namespace") for item in said["items"]}
        return bool(places - {self.namespace})

    @property
    def _mark(self) -> str:
        return NEEDED_BY + self.deployment

    def _ask(self, verb: str, *arguments: Any, **options: Any) -> Any:
        call = getattr(self.cluster.custom, f"{verb}_cluster_custom_object")
        return self.cluster.ask(call, *DEFINITIONS, *arguments, **options)

    def _read(self, kind: Kind) -> Any:
        try:
            return self._ask("get", kind.name)
        except ClusterError as error:
            if error.status == ABSENT:
                return None
            raise

    def _mark_it(self, kind: Kind, found: Any, value: str | None) -> None:
        """Refused if another was faster."""
        metadata = {"annotations": {self._mark: value}, **_version(found)}
        self._ask("patch", kind.name, {"metadata": metadata})

    def _body(self, kind: Kind) -> dict[str, Any]:
        """As loose as can be: who uses such objects checks them, the cluster need not."""
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": kind.name,
                "labels": MANAGED,
                "annotations": {self._mark: self.namespace},
            },
            "spec": {
                "group": kind.group,
                "scope": "Namespaced",
                "names": {
                    "kind": kind.kind,
                    "listKind": f"{kind.kind}List",
                    "plural": kind.plural,
                    "singular": kind.kind.lower(),
                },
                "versions": [
                    {
                        "name": kind.version,
                        "served": True,
                        "storage": True,
                        "subresources": {"status": {}},
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                ],
            },
        }


def _is_ours(found: Any) -> bool:
    return bool(found["metadata"].get("labels", {}).items() >= MANAGED.items())


def _is_going(found: Any) -> bool:
    return "deletionTimestamp" in found["metadata"]


def _marks(found: Any) -> set[str]:
    return {key for key in found["metadata"].get("annotations", {}) if key.startswith(NEEDED_BY)}


def _version(found: Any) -> dict[str, str]:
    return {"resourceVersion": found["metadata"]["resourceVersion"]}


def _check(kind: Kind, found: Any) -> None:
    if not any(one["name"] == kind.version and one["served"] for one in found["spec"]["versions"]):
        raise ClusterError(
            f"the cluster has {kind.name} from somebody else, without version {kind.version}",
            hint="renew what brought it, or remove it",
        )


def _until(done: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise ClusterError(f"{trouble} after {DEADLINE_SECONDS:g} s", hint="run it again")
        time.sleep(POLL_SECONDS)
