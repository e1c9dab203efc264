"""Helm releases as the cluster has them, and where what they made is no longer what they say.

A release is a Secret that holds the chart, the values and every object as it was applied. Whether
an object drifted, the API server says itself: it is asked what would change if the release's own
text were applied again, and with `repair` it is.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import ABSENT, AT_ONCE, METADATA, Cluster

REFUSED = 400
STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True)
class Release:
    """One release: `state` is Helm's word, `deployed` when all is well."""

    name: str
    namespace: str
    revision: int
    state: str
    chart: str
    version: str
    updated: str
    manifest: str = field(repr=False)

    def objects(self) -> Iterator[dict[str, Any]]:
        """What it made, as it was applied."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for found in filter(None, yaml.load_all(self.manifest, Loader=loader)):
            for one in found["items"] if found["kind"].endswith("List") else [found]:
                yield _said(one)


@dataclass(frozen=True)
class Drift:
    """An object that is gone, or that applying the release again would change."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what} {self.reason}"


def _said(value: Any) -> Any:
    """A value without what says nothing: an empty `annotations:` of a chart takes none away."""
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value


def find(cluster: Cluster, namespace: str, name: str) -> Release | None:
    """The newest revision of a release; None where there is none."""
    newest = _newest(cluster, namespace, name)
    if newest is None:
        return None
    path = f"/api/v1/namespaces/{namespace}/secrets/{newest['metadata']['name']}"
    secret = cluster.request("GET", path)
    said = unpacked(secret)
    chart = said["chart"]["metadata"]
    return Release(
        name=said["name"],
        namespace=said["namespace"],
        revision=said["version"],
        state=said["info"]["status"],
        chart=chart["name"],
        version=chart["version"],
        updated=said["info"]["last_deployed"],
        manifest=said["manifest"],
    )


def unpacked(secret: dict[str, Any]) -> dict[str, Any]:
    """What Helm wrote into the Secret of a revision: encoded by it, and by Kubernetes once more."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    return dict(json.loads(gzip.decompress(packed)))


def _newest(cluster: Cluster, namespace: str, name: str) -> dict[str, Any] | None:
    """The Secret of a release's newest revision, without what it holds."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    selector = f"owner=helm,name={name}"
    listed = cluster.request("GET", path, accept=METADATA, labelSelector=selector)["items"]
    listed = listed or []  # null where there is none
    return max(listed, key=lambda one: int(one["metadata"]["labels"]["version"]), default=None)


def forget_pending(cluster: Cluster, namespace: str, name: str) -> str | None:
    """Drop the newest revision of a release if it was begun and never ended; returns its state.

    Helm takes such a revision for somebody at work, and refuses all others for ever. What it made
    already is marked as the release's, so that the next revision takes it over.
    """
    newest = _newest(cluster, namespace, name)
    state = newest["metadata"]["labels"]["status"] if newest else ""
    if newest is None or not state.startswith(("pending", "uninstalling")):
        return None
    path = f"/api/v1/namespaces/{namespace}/secrets/{newest['metadata']['name']}"
    cluster.request("DELETE", path)
    return str(state)


def drift(cluster: Cluster, release: Release) -> list[Drift]:
    """What is no longer as the release says; changes nothing."""
    return _each(cluster, release, _look)


def repair(cluster: Cluster, release: Release) -> list[Drift]:
    """Apply again what drifted, in place; returns what that was."""
    return _each(cluster, release, _put_right)


def _each(cluster: Cluster, release: Release, work: Any) -> list[Drift]:
    kinds = _Kinds(cluster)
    objects = list(release.objects())
    for version in {one["apiVersion"] for one in objects}:
        kinds.learn(version)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda one: work(cluster, kinds, release, one), objects)
        return [one for one in found if one is not None]


def _look(
    cluster: Cluster, kinds: _Kinds, release: Release, wanted: dict[str, Any]
) -> Drift | None:
    """How one object differs from what the release says."""
    what = f"{wanted['kind']} {wanted['metadata']['name']}"
    path = kinds.path(wanted, release.namespace)
    if path is None:
        return Drift(what, f"is gone, with all of {wanted['apiVersion']}")
    try:
        live = cluster.request("GET", f"{path}/{wanted['metadata']['name']}")
    except ClusterError as error:
        if error.status != ABSENT:
            raise
        return Drift(what, "is gone")
    try:
        would = _patch(cluster, path, wanted, dryRun="All")
    except ClusterError as error:
        # An admission webhook may take no trial.
        return None if error.status == REFUSED else Drift(what, f"was changed: {error.message}")
    changes = list(_differences(live, would, wanted["kind"] == "Secret"))
    if changes:
        return Drift(what, "was changed: " + ", ".join(changes))
    idle = _idle(live)
    return Drift(what, idle) if idle else None


def _put_right(
    cluster: Cluster, kinds: _Kinds, release: Release, wanted: dict[str, Any]
) -> Drift | None:
    found = _look(cluster, kinds, release, wanted)
    path = kinds.path(wanted, release.namespace)
    if found is None or path is None:
        return found
    if found.reason == "is gone":
        marks = {
            "meta.helm.sh/release-name": release.name,
            "meta.helm.sh/release-namespace": release.namespace,
        }
        metadata = wanted["metadata"]
        owned = {
            **metadata,
            "annotations": {**(metadata.get("annotations") or {}), **marks},
            "labels": {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"},
        }
        cluster.request("POST", path, {**wanted, "metadata": owned})
    else:
        _patch(cluster, path, wanted)
    return found


def _patch(cluster: Cluster, path: str, wanted: dict[str, Any], **query: str) -> dict[str, Any]:
    group = wanted["apiVersion"].rpartition("/")[0]
    # What Kubernetes brings along merges lists by their entries' names, as Helm does.
    own = "." in group and not group.endswith(".k8s.io")
    patched: dict[str, Any] = cluster.request(
        "PATCH",
        f"{path}/{wanted['metadata']['name']}",
        wanted,
        content_type=MERGE if own else STRATEGIC,
        **query,
    )
    return patched


def _differences(live: dict[str, Any], would: dict[str, Any], hidden: bool) -> Iterator[str]:
    """What applying would change, `spec.replicas is 3, not 1`; no values where these are secret."""
    for key in sorted(live.keys() | would.keys()):
        if key == "metadata":
            for part in ("labels", "annotations"):
                before, after = (one[key].get(part) or {} for one in (live, would))
                yield from _changed(before, after, f"metadata.{part}", hidden)
        elif key != "status":
            yield from _changed(live.get(key), would.get(key), key, hidden)


def _changed(live: Any, would: Any, path: str, hidden: bool) -> Iterator[str]:
    if live == would:
        return
    if isinstance(live, dict) and isinstance(would, dict):
        for key in sorted(live.keys() | would.keys()):
            yield from _changed(live.get(key), would.get(key), f"{path}.{key}", hidden)
    elif isinstance(live, list) and isinstance(would, list) and len(live) == len(would):
        for number, (before, after) in enumerate(zip(live, would, strict=True)):
            yield from _changed(before, after, f"{path}[{number}]", hidden)
    elif hidden or not all(isinstance(one, bool | int | str) for one in (live, would)):
        yield path
    else:
        yield f"{path} is {str(live)[:60]}, not {str(would)[:60]}"


def _idle(live: dict[str, Any]) -> str | None:
    """Why a Deployment or the like, though told the right thing, doesn't do its work."""
    if live["kind"] not in _WORKLOADS:
        return None
    if live["spec"]["template"]["spec"].get("priorityClassName", "").endswith("-placeholders"):
        return None  # a place kept free for people is to give way
    status = live.get("status") or {}
    wanted = status.get("desiredNumberScheduled", live["spec"].get("replicas", 0))
    ready = status.get("numberReady", status.get("readyReplicas", 0))
    return f"has {ready} of {wanted} pods ready" if ready < wanted else None


class _Kinds:
    """Where objects of a kind are found in the API of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._found: dict[tuple[str, str], tuple[str, bool]] = {}

    def learn(self, version: str) -> None:
        """Ask for the kinds of a group's version, `apps/v1`."""
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            said = self._cluster.request("GET", base)["resources"]
        except ClusterError as error:
            if error.status != ABSENT:
                raise
            return
        for one in said:
            if "/" not in one["name"]:
                self._found[version, one["kind"]] = one["name"], one["namespaced"]

    def path(self, wanted: dict[str, Any], namespace: str) -> str | None:
        """The folder of an object; None where the cluster knows no such kind."""
        version = wanted["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        name, namespaced = self._found.get((version, wanted["kind"]), (None, False))
        if name is None:
            return None
        place = wanted["metadata"].get("namespace") or namespace
        return f"{base}/namespaces/{place}/{name}" if namespaced else f"{base}/{name}"
