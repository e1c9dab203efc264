"""What is said of workloads that don't get ready: the reason, as a person would find it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from qhub.errors import StageError
from qhub.kubernetes import rollout
from qhub.kubernetes.cluster import Cluster
from qhub.releases.jupyterhub import HUB_IMAGE
from tests.local.deployment import wait_until

NO_IMAGE = "registry.invalid/nothing:1"


@pytest.fixture
def namespace(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One of the test's own, in which nobody waits long for what is hopeless."""
    monkeypatch.setattr(rollout, "HOPELESS_SECONDS", 2)
    name = f"q{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    cluster.request("POST", "/api/v1/namespaces", body)
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


def make(cluster: Cluster, namespace: str, kind: str, name: str, **requests: str) -> None:
    """A workload of one pod whose image nobody has."""
    container = {"name": "main", "image": NO_IMAGE, "resources": {"requests": requests}}
    metadata = {"labels": {"app": name}}
    spec: dict[str, Any] = {"template": {"metadata": metadata, "spec": {"containers": [container]}}}
    group, version = "apps", "v1"
    if kind == "Job":
        group = "batch"
        spec["template"]["spec"]["restartPolicy"] = "Never"
    else:
        spec |= {"selector": {"matchLabels": {"app": name}}, "replicas": 1}
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name}}
    path = f"/apis/{group}/{version}/namespaces/{namespace}/{kind.lower()}s"
    cluster.request("POST", path, body | {"spec": spec})


def make_job(cluster: Cluster, namespace: str, command: str) -> str:
    """A Job that is tried once; returns where Jobs are listed."""
    container = {"name": "main", "image": HUB_IMAGE, "command": ["sh", "-c", command]}
    pod = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "one"}}
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    cluster.request("POST", jobs, body | {"spec": spec})
    return jobs


def waited_for(cluster: Cluster, namespace: str, **workloads: list[str]) -> str:
    """What is said in the end of workloads that never get ready."""
    with pytest.raises(StageError) as caught:
        rollout.wait_ready("05-some", cluster.access.context, namespace, deadline=120, **workloads)
    return caught.value.message


def test_an_image_that_is_nowhere_and_no_other_workloads_troubles(
    cluster: Cluster, namespace: str
) -> None:
    make(cluster, namespace, "Deployment", "one")
    make(cluster, namespace, "Deployment", "other")
    told = waited_for(cluster, namespace, deployments=["one"])
    assert "one: 0 of 1 pods are ready" in told
    assert "Pull" in told
    assert NO_IMAGE in told
    assert "other" not in told


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job"])
def test_pods_that_a_quota_refuses(cluster: Cluster, namespace: str, kind: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "nothing"}}
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.request("POST", path, quota | {"spec": {"hard": {"pods": "0"}}})
    make(cluster, namespace, kind, "one")
    plural = {"Deployment": "deployments", "StatefulSet": "stateful_sets", "Job": "jobs"}[kind]
    told = waited_for(cluster, namespace, **{plural: ["one"]})
    assert "exceeded quota: nothing" in told


def test_a_job_that_failed_is_told_at_once_and_taken_away(cluster: Cluster, namespace: str) -> None:
    jobs = make_job(cluster, namespace, "echo no such luck; exit 3")
    started = time.monotonic()
    told = waited_for(cluster, namespace, jobs=["one"])
    assert time.monotonic() - started < 60
    assert "one: failed 1 times" in told
    assert "ended with exit code 3" in told
    assert "no such luck" in told
    wait_until(lambda: not cluster.request("GET", jobs)["items"])


def test_a_job_that_takes_long_is_told_of_by_its_last_line(
    cluster: Cluster, namespace: str
) -> None:
    make_job(cluster, namespace, "echo one; echo half way; sleep 60")
    place, news = ("05-some", cluster.access.context, namespace), list[str]()
    with pytest.raises(StageError, match="is not done"):
        rollout.wait_ready(*place, jobs=["one"], deadline=20, say=news.append)
    assert news[-1] == "waiting: half way"


def test_no_node_with_room_is_told_while_a_node_may_still_come(
    cluster: Cluster, namespace: str
) -> None:
    make(cluster, namespace, "Deployment", "one", cpu="5000")
    place, news = ("05-some", cluster.access.context, namespace), list[str]()
    with pytest.raises(StageError, match="Insufficient cpu"):
        rollout.wait_ready(*place, deployments=["one"], deadline=15, say=news.append)
    (told,) = news
    assert told.startswith("waiting: pod one-")
    assert "Insufficient cpu" in told
