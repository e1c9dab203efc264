"""Kinds of object that deployments share: who makes them, and who takes them away."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import ABSENT, Cluster
from qhub.kubernetes.definitions import DEFINITIONS, MANAGED, Definitions, Kind

GROUP = f"q{secrets.token_hex(4)}.example.org"
ONE, TWO = Kind(GROUP, "v1alpha1", "Boat"), Kind(GROUP, "v1alpha1", "Ship")
PLACES = ("default", "kube-public")
SAID: list[str] = []


def held_by(cluster: Cluster, name: str, *kinds: Kind) -> Definitions:
    """What a deployment of that name holds; each name has a namespace of its own."""
    return Definitions(cluster, f"test-{name}", PLACES[name == "other"], kinds, SAID.append)


@pytest.fixture(autouse=True)
def _nothing_left(cluster: Cluster) -> Iterator[None]:
    yield
    for kind in (ONE, TWO):
        if kind.name in known(cluster):
            ask(cluster, "delete", kind.name)


def ask(cluster: Cluster, verb: str, *arguments: Any) -> Any:
    return cluster.ask(
        getattr(cluster.custom, f"{verb}_cluster_custom_object"), *DEFINITIONS, *arguments
    )


def known(cluster: Cluster) -> set[str]:
    found = ask(cluster, "list")["items"]
    return {one["metadata"]["name"] for one in found if one["spec"]["group"] == GROUP}


def make(cluster: Cluster, kind: Kind, place: str) -> None:
    body = {"apiVersion": f"{GROUP}/{kind.version}", "kind": kind.kind, "metadata": {"name": "one"}}
    call = cluster.custom.create_namespaced_custom_object
    cluster.ask(call, GROUP, kind.version, place, kind.plural, body)


def test_the_last_deployment_takes_them_away(cluster: Cluster) -> None:
    first, second = (held_by(cluster, name, ONE, TWO) for name in ("first", "other"))
    for _ in range(2):
        first.hold()
        second.hold()
    assert known(cluster) == {ONE.name, TWO.name}
    for _ in range(2):
        first.release()
        assert known(cluster) == {ONE.name, TWO.name}
    second.release()
    assert not known(cluster)
    second.release()


def test_objects_go_with_their_deployment_and_no_other_s(cluster: Cluster) -> None:
    first, second = (held_by(cluster, name, ONE) for name in ("first", "other"))
    first.hold()
    second.hold()
    for place in PLACES:
        make(cluster, ONE, place)
    first.release()
    call = cluster.custom.list_cluster_custom_object
    left = cluster.ask(call, GROUP, ONE.version, ONE.plural)["items"]
    assert [one["metadata"]["namespace"] for one in left] == ["kube-public"]
    second.release()
    assert not known(cluster)


def test_what_others_use_is_left_and_said(cluster: Cluster) -> None:
    first = held_by(cluster, "first", ONE, TWO)
    first.hold()
    make(cluster, ONE, "kube-public")  # by somebody who has never held the kind
    first.release()
    assert known(cluster) == {ONE.name}
    assert "others have objects" in SAID[-1]
    assert ONE.name in SAID[-1]
    assert TWO.name not in SAID[-1]


def test_what_others_brought_is_used_and_left(cluster: Cluster) -> None:
    first = held_by(cluster, "first", ONE)
    first.hold()
    labels = dict.fromkeys(MANAGED)
    ask(cluster, "patch", ONE.name, {"metadata": {"labels": labels, "annotations": None}})
    first.hold()
    first.release()
    assert known(cluster) == {ONE.name}
    assert "annotations" not in ask(cluster, "get", ONE.name)["metadata"]


def test_an_old_one_of_others_is_refused(cluster: Cluster) -> None:
    first = held_by(cluster, "first", ONE)
    first.hold()
    ask(cluster, "patch", ONE.name, {"metadata": {"labels": dict.fromkeys(MANAGED)}})
    with pytest.raises(ClusterError, match=f"{ONE.name} from somebody else, without version v2"):
        held_by(cluster, "first", Kind(GROUP, "v2", "Boat")).hold()


def test_a_namespace_that_is_gone_stops_nothing(cluster: Cluster) -> None:
    first = held_by(cluster, "first", ONE)
    first.hold()
    Definitions(cluster, "test-first", "never-was", [ONE], [].append).release()
    assert not known(cluster)
    with pytest.raises(ClusterError) as caught:
        ask(cluster, "get", ONE.name)
    assert caught.value.status == ABSENT
