"""Pods as people know them: names, states, memory, logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.kubernetes import logs
from qhub.kubernetes.pods import pods, title
from qhub.kubernetes.quantity import quantity
from qhub.kubernetes.room import Node, room
from qhub.kubernetes.volumes import volumes

from .api import Api, api

RUNNING = {"running": {"startedAt": "2026-11-25T10:00:00Z"}}


def pod(name: str, owner: str = "", kind: str = "ReplicaSet", **more: Any) -> dict[str, Any]:
    state = more.get("state", RUNNING)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": "2026-11-25T10:00:00Z",
            "labels": {"pod-template-hash": "5d8"},
            "annotations": more.get("annotations", {}),
            "ownerReferences": [{"kind": kind, "name": owner}] if owner else [],
            **({"deletionTimestamp": "2026-11-25T10:00:00Z"} if more.get("ending") else {}),
        },
        "spec": {"containers": [{"name": "main"}], "nodeName": "one"},
        "status": {
            "phase": more.get("phase", "Running"),
            "containerStatuses": [
                {
                    "name": "main",
                    "ready": state is RUNNING and more.get("ready", True),
                    "restartCount": more.get("restarts", 0),
                    "containerID": f"containerd://{name}-{more.get('restarts', 0)}",
                    "state": state,
                }
            ],
        },
    }


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Api]:
    with api(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (pod("hub-5d8-x7f2p", "hub-5d8"), "hub"),
        (pod("my-hub-5d8-x7f2p", "my-hub-5d8"), "my-hub"),
        (pod("postgres-0", "postgres", "StatefulSet"), "postgres"),
        (pod("folders-12-abc", "folders-12", "Job"), "folders-12"),
        (pod("dask-worker-1", "x", "DaskCluster"), "dask-worker-1"),
        (pod("jupyter-ada", annotations={"hub.jupyter.org/username": "ada.l"}), "server-ada.l"),
    ],
)
def test_a_pod_is_called_by_what_it_is_for(one: dict[str, Any], name: str) -> None:
    assert title(one) == name


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (pod("a"), "Running"),
        (pod("a", ready=False), "NotReady"),
        (pod("a", ending=True), "Terminating"),
        (pod("a", state={"waiting": {"reason": "CrashLoopBackOff"}}), "CrashLoopBackOff"),
        (pod("a", state={"terminated": {"reason": "OOMKilled"}}), "OOMKilled"),
        (pod("a", phase="Pending", state={"waiting": {}}), "Pending"),
    ],
)
def test_its_state_is_what_a_person_would_look_for(
    served: Api, one: dict[str, Any], state: str
) -> None:
    served.add(one)
    assert [found.state for found in pods(served.cluster, "demo")] == [state]


def test_people_s_pods_come_last_and_done_ones_not(served: Api) -> None:
    served.add(
        pod("jupyter-ada", annotations={"hub.jupyter.org/username": "ada"}),
        pod("traefik-5d8-a", "traefik-5d8", restarts=3),
        pod("folders", phase="Succeeded"),
    )
    found = pods(served.cluster, "demo")
    assert [(one.name, one.restarts, one.user) for one in found] == [
        ("traefik", 3, None),
        ("server-ada", 0, "ada"),
    ]
    assert found[0].memory_bytes is None


def test_memory_is_told_where_the_cluster_measures_it(served: Api) -> None:
    served.add(pod("hub-5d8-a", "hub-5d8"))
    usage = {"containers": [{"usage": {"memory": "100Mi"}}, {"usage": {"memory": "1024Ki"}}]}
    measured = {"metadata": {"name": "hub-5d8-a"}, **usage}
    served.objects["/apis/metrics.k8s.io/v1beta1/namespaces/demo/pods/hub-5d8-a"] = measured
    assert pods(served.cluster, "demo")[0].memory_bytes == 101 * 1024**2


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2), ("1Ki", 1024), ("1.5Gi", 1.5 * 1024**3), ("2e3", 2000), ("5n", 5e-9)],
)
def test_amounts_are_read(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1Mib", "x"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        quantity(text)


def log_of(served: Api, name: str, *lines: str) -> None:
    served.logs[f"/api/v1/namespaces/demo/pods/{name}/log"] = list(lines)


def test_a_log_is_found_by_name(served: Api) -> None:
    served.add(pod("hub-5d8-a", "hub-5d8"))
    log_of(served, "hub-5d8-a", "one", "two")
    assert logs.names(served.cluster, "demo") == {"hub": ["hub-5d8-a"]}
    assert list(logs.tail(served.cluster, "demo", "hub", 5, follow=False)) == ["one", "two"]
    assert "tailLines=5" in served.asked[-1]


def test_lines_of_several_pods_say_whose_they_are(served: Api) -> None:
    for name in ("hub-5d8-a", "hub-5d8-b"):
        served.add(pod(name, "hub-5d8"))
        log_of(served, name, "hello")
    found = list(logs.tail(served.cluster, "demo", "hub", 5, follow=False))
    assert found == ["hub-5d8-a main: hello", "hub-5d8-b main: hello"]


def test_a_log_is_followed_into_the_next_pod(served: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOOK_SECONDS", 0.05)
    served.add(pod("hub-5d8-a", "hub-5d8"))
    log_of(served, "hub-5d8-a", "last words")
    followed = logs.tail(served.cluster, "demo", "hub", 5, follow=True)
    assert next(followed) == "last words"
    served.objects.clear()
    served.add(pod("hub-5d8-b", "hub-5d8"))
    log_of(served, "hub-5d8-b", "first words")
    assert next(followed).endswith("first words")


def test_volumes_tell_whether_they_are_there(served: Api) -> None:
    served.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "shared"},
            "spec": {"resources": {"requests": {"storage": "100Gi"}}},
            "status": {"phase": "Pending"},
        }
    )
    [found] = volumes(served.cluster, "demo")
    assert (found.name, found.state, found.size) == ("shared", "Pending", "100Gi")


def test_room_is_what_no_pod_asked_for(served: Api) -> None:
    has = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    for name, taints in (("one", []), ("gpu", [{"key": "gpu", "effect": "NoSchedule"}])):
        node = {"metadata": {"name": name}, "spec": {"taints": taints}}
        served.objects[f"/api/v1/nodes/{name}"] = {**node, "status": {"allocatable": has}}
    taken = pod("hub-5d8-a", "hub-5d8")
    requests = {"requests": {"cpu": "1500m", "memory": "2Gi"}}
    taken["spec"]["containers"][0]["resources"] = requests
    served.objects["/api/v1/pods/hub-5d8-a"] = taken
    assert room(served.cluster, {}) == [Node("one", 2.5, 6 * 1024.0**3, 109)]


def test_a_pod_needs_room_of_each_kind_on_one_node() -> None:
    node = Node("one", 2.5, 6e9, 109)
    assert node.places(1, 1e9) == 2
    assert node.places(0.1, 2e9) == 3
    assert node.places(0, 0) == 109
    assert node.places(3, 1e9) == 0
