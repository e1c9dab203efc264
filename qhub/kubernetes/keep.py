"""Volumes that outlive their deployment: kept by a destroy, taken up by the next deploy.

A volume is held back from being reclaimed while its claim is still there. Later its note of the
claim that it had is loosened, so that the next claim of that name gets it and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qhub.kubernetes.cluster import Cluster, absent_is_done
from qhub.kubernetes.helm import MERGE
from qhub.kubernetes.owned import is_own
from qhub.kubernetes.spaces import LENT, SHARED, storage
from qhub.kubernetes.waiting import Say

KEPT_FOR, RECLAIM = "qhub/kept-for", "qhub/reclaim-policy"
"""Annotations: the deployment that a volume is kept for, and what was to become of it before."""

NAMED = (SHARED, LENT, "hub-db-dir", "data-conda-store-database-0")
"""Claims of homes, shared folders and environments, and of the databases that know of them."""

_HOME = ("component", "singleuser-storage")
"""Label of a claim that is somebody's home."""

_POLICY = "persistentVolumeReclaimPolicy"


def hold(cluster: Cluster, namespace: str, deployment: str, say: Say) -> None:
    """Have the volumes of people's data stay when their claims go."""
    for claim in (*_claims(cluster, namespace), *_claims(cluster, storage(namespace))):
        name, volume = claim["metadata"]["name"], claim["spec"].get("volumeName")
        labels = claim["metadata"].get("labels") or {}
        if volume and (name in NAMED or labels.get(_HOME[0]) == _HOME[1]):
            found = cluster.request("GET", f"/api/v1/persistentvolumes/{volume}")
            if is_own(found["metadata"], deployment):
                continue  # the way to the NFS server, which ends here: the files are behind that
            policy = _notes(found).get(RECLAIM) or found["spec"][_POLICY]
            _patch(cluster, volume, {KEPT_FOR: deployment, RECLAIM: policy}, {_POLICY: "Retain"})
            say(f"keeps {name}: PersistentVolume {volume}")


def let_go(cluster: Cluster, namespace: str, deployment: str) -> None:
    """Have volumes that were kept once, and were taken up since, go with their claims again."""
    for volume in _kept(cluster, namespace, deployment):
        if volume["status"].get("phase") == "Bound":
            before = {_POLICY: _notes(volume)[RECLAIM]}
            _patch(cluster, volume["metadata"]["name"], {KEPT_FOR: None, RECLAIM: None}, before)


def take_up(cluster: Cluster, namespace: str, deployment: str, say: Say) -> None:
    """Offer kept volumes to the claims that are made next, each to one of the name it had."""
    for volume in _kept(cluster, namespace, deployment):
        if volume["status"].get("phase") == "Released":
            loose = {"claimRef": {"uid": None, "resourceVersion": None}}
            _patch(cluster, volume["metadata"]["name"], {}, loose)
            say(f"takes up {_claim(volume)} of an earlier deployment")


def unused(cluster: Cluster, namespace: str, deployment: str) -> dict[str, str]:
    """Kept volumes that no claim has, by the name of the claim they had; homes may come later."""
    return {
        _claim(volume): volume["metadata"]["name"]
        for volume in _kept(cluster, namespace, deployment)
        if volume["status"].get("phase") != "Bound" and _claim(volume) in NAMED
    }


def _claims(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """The claims of a namespace, which may be none or gone."""
    with absent_is_done():
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
        return list(cluster.request("GET", path)["items"])
    return []


def _kept(cluster: Cluster, namespace: str, deployment: str) -> Iterator[dict[str, Any]]:
    places = (namespace, storage(namespace))
    for volume in cluster.request("GET", "/api/v1/persistentvolumes")["items"]:
        claim = volume["spec"].get("claimRef") or {}
        if _notes(volume).get(KEPT_FOR) == deployment and claim.get("namespace") in places:
            yield volume


def _claim(volume: dict[str, Any]) -> str:
    return str(volume["spec"]["claimRef"]["name"])


def _notes(volume: dict[str, Any]) -> dict[str, str]:
    return volume["metadata"].get("annotations") or {}


def _patch(cluster: Cluster, name: str, notes: dict[str, Any], spec: dict[str, Any]) -> None:
    body = {"metadata": {"annotations": notes}, "spec": spec}
    cluster.request("PATCH", f"/api/v1/persistentvolumes/{name}", body, content_type=MERGE)
