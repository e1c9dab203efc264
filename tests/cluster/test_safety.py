"""What goes wrong on the way: things that don't go, hands in between, machines that die."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Cluster
from tests.cluster import inventory
from tests.cluster.conftest import node_address, resolve
from tests.cluster.deployment import PROJECT, ClusterDeployment, new_deployment

HELD = "example.org/held"
MERGE = "application/merge-patch+json"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
NO_IMAGE = "registry.invalid/nothing"
PAUSE = "registry.k8s.io/pause:3.10.2"


@pytest.fixture
def own(cluster: Cluster, tmp_path: Path) -> Iterator[ClusterDeployment]:
    """A deployment for one test, which does with it what it likes."""
    deployment = new_deployment(cluster, tmp_path)
    try:
        yield deployment
    finally:
        deployment.qhub("destroy", "--yes")


def until(deployment: ClusterDeployment, stage: str) -> None:
    done = deployment.qhub("deploy", "--yes", "--until", stage)
    assert done.returncode == 0, done.stderr


def failed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def hold(cluster: Cluster, path: str, held: bool = True) -> None:
    """Keep an object from going, or let it go, as a controller of somebody's does."""
    patch = {"metadata": {"finalizers": [HELD] if held else None}}
    cluster.request("PATCH", path, patch, content_type=MERGE)


def resting_pod() -> dict[str, Any]:
    safe = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "rest", "image": PAUSE, "securityContext": safe}
    metadata = {"name": "rest", "finalizers": [HELD]}
    spec = {"containers": [container], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.slow
def test_what_does_not_go_is_told_and_stops_nothing_else(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    until(own, "03")
    namespace = f"/api/v1/namespaces/{own.namespace}"
    claim, pod = f"{namespace}/persistentvolumeclaims/shared", f"{namespace}/pods/rest"
    cluster.request("POST", f"{namespace}/pods", resting_pod())
    hold(cluster, claim)
    hold(cluster, namespace)
    said = failed(own.qhub("destroy", "--yes"))
    assert f"Pod {own.namespace}/rest waits for its finalizers: {HELD}" in said
    assert f"PersistentVolumeClaim {own.namespace}/shared waits for its finalizers" in said
    assert "patch" in said
    assert f"left: Namespace {own.namespace}" in said
    assert "PriorityClass" not in said

    hold(cluster, claim, False)
    hold(cluster, pod, False)
    said = failed(own.qhub("destroy", "--yes"))
    assert f"Namespace {own.namespace} waits for its finalizers: {HELD}" in said
    assert f"left: Namespace {own.namespace}" in said

    hold(cluster, namespace, False)
    own.destroy()
    assert not inventory.left(cluster, own.namespace)


@pytest.mark.slow
def test_a_release_that_failed_is_replaced_once_the_file_is_mended(own: ClusterDeployment) -> None:
    """The API refuses an object; then what it takes never runs; then all is well."""

    def refused(hub: dict[str, Any]) -> str:
        own.config["jupyterhub"] = {"overrides": {"hub": hub}}
        return failed(own.qhub("deploy", "--yes", "--until", "05"))

    assert "not a label" in refused({"labels": {"qhub": "not a label"}})
    assert NO_IMAGE in refused({"image": {"name": NO_IMAGE, "tag": "1"}})
    del own.config["jupyterhub"]
    until(own, "05")


def test_what_charts_were_taken_from_may_be_gone(
    own: ClusterDeployment, cluster: Cluster, tmp_path: Path
) -> None:
    charts = tmp_path / "charts"
    charts.symlink_to(own.config["mirror"]["charts"])
    own.config["mirror"]["charts"] = str(charts)
    until(own, "04")
    charts.unlink()
    own.destroy()
    assert not inventory.left(cluster, own.namespace)


@pytest.mark.slow
def test_a_volume_that_outlives_its_claim_is_listed(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    until(own, "03")
    name = f"kept-{own.namespace}"
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "none",
        "hostPath": {"path": "/nowhere"},
        "claimRef": {"namespace": own.namespace, "name": "gone"},
    }
    volumes = "/api/v1/persistentvolumes"
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}}
    cluster.request("POST", volumes, volume | {"spec": spec})
    try:
        said = failed(own.qhub("destroy", "--yes"))
        assert f"left: PersistentVolume {name}" in said
        assert said.count("left: ") == 1
    finally:
        cluster.request("DELETE", f"{volumes}/{name}")
    own.destroy()
    assert not inventory.left(cluster, own.namespace)


def test_a_namespace_that_somebody_removed_is_nothing_to_do(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    until(own, "04")
    cluster.request("DELETE", f"/api/v1/namespaces/{own.namespace}")
    own.destroy()
    assert not inventory.left(cluster, own.namespace)
    assert not inventory.left(cluster, f"{PROJECT}-{own.namespace}", seconds=0)


@pytest.fixture(scope="module")
def cut(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterDeployment]:
    """A deployment that is made in spite of one death in each of its stages."""
    deployment = new_deployment(cluster, tmp_path_factory.mktemp("cut"))
    try:
        yield deployment
    finally:
        deployment.qhub("destroy", "--yes")


@pytest.mark.parametrize(
    ("stage", "seen"),
    [
        ("02-infrastructure", None),
        ("03-kubernetes-initialize", ""),
        ("04-kubernetes-ingress", "/secrets/sh.helm.release.v1.traefik.v1"),
        ("05-jupyterhub", "/configmaps/qhub-people"),
        ("05-jupyterhub", "/secrets/sh.helm.release.v1.jupyterhub.v1"),
        ("06-dask-gateway", "/secrets/sh.helm.release.v1.dask-gateway.v1"),
    ],
)
def test_a_deploy_goes_on_where_another_was_killed(
    cut: ClusterDeployment, cluster: Cluster, stage: str, seen: str | None
) -> None:
    """As a power cut does it, when `seen` is there and Terraform has not noted it yet."""
    path = None if seen is None else f"/api/v1/namespaces/{cut.namespace}{seen}"
    running = cut.start("deploy", "--yes", "--until", stage)

    def is_time() -> bool:
        return is_locked(cluster, cut, stage) and (path is None or exists(cluster, path))

    kill_when(running, is_time)
    assert is_locked(cluster, cut, stage)
    if seen == "":
        planned = cut.qhub("deploy", "--plan", "--until", stage)  # as a person is shown it first
        assert planned.returncode == 0, planned.stderr
    done = cut.qhub("deploy", "--yes", "--until", stage)
    assert done.returncode == 0, done.stderr
    assert f"{stage}: released the lock that {getpass.getuser()}@" in done.stderr
    assert not is_locked(cluster, cut, stage)
    if seen == "":
        assert "an earlier run had made kubernetes_namespace_v1.this" in done.stderr


@pytest.mark.timeout(1800)
def test_what_was_cut_so_often_works_and_goes_whole(
    cut: ClusterDeployment, cluster: Cluster
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        resolve(patch, cut.domain, node_address(cluster))
        cut.deploy()
        assert cut.person("ada").hub_api("GET", "/user")["admin"]
    assert not cut.deploy()["changed"]
    running = cut.start("destroy", "--yes")
    kill_when(running, lambda: is_locked(cluster, cut, "05-jupyterhub"))
    cut.destroy()
    assert not inventory.left(cluster, cut.namespace)


def test_what_was_cut_before_it_was_noted_goes_all_the_same(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    running = own.start("deploy", "--yes")
    path = f"/api/v1/namespaces/{own.namespace}"
    kill_when(running, lambda: exists(cluster, path))
    own.destroy()
    assert not inventory.left(cluster, own.namespace)


def test_what_a_first_init_left_is_taken_up_and_goes(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    def begins() -> bool:
        name = f"lock-tfstate-default-{PROJECT}-{own.namespace}-02-infrastructure"
        applied = own.folder.glob("**/.qhub/applied/02-infrastructure")
        return exists(cluster, f"{LEASES}/{name}") and not any(applied)

    kill_when(own.start("deploy", "--yes", "--until", "02"), begins)
    own.destroy()
    assert not inventory.left(cluster, own.namespace)
    kill_when(own.start("deploy", "--yes", "--until", "02"), begins)
    until(own, "02")


def test_of_two_who_deploy_at_once_one_is_told_who_the_other_is(
    own: ClusterDeployment, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = ClusterDeployment(cluster, tmp_path_factory.mktemp("other"), own.config)
    running = own.start("deploy", "--yes", "--until", "04")
    path = f"{LEASES}/qhub-{PROJECT}-{own.namespace}"
    wait_until(lambda: exists(cluster, path) or running.poll() is not None)
    said = failed(other.qhub("deploy", "--yes", "--until", "04"))
    assert f"deploy by {getpass.getuser()}@{socket.gethostname()} in {own.folder}" in said
    assert f"process {running.pid}, since 20" in said
    assert running.wait() == 0
    done = other.qhub("deploy", "--yes", "--until", "04")  # now it is their turn
    assert done.returncode == 0, done.stderr
    assert "nothing to change" in done.stderr


def test_states_that_are_kept_elsewhere_go_from_there(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    place = f"{own.namespace}-states"
    namespaces = "/api/v1/namespaces"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
    settings = {"namespace": place, "secret_suffix": "mine"}
    own.config["terraform_state"] = {
        "type": "existing",
        "backend": "kubernetes",
        "config": settings,
    }
    cluster.request("POST", namespaces, body)
    secrets = f"{namespaces}/{place}/secrets"
    try:
        until(own, "03")
        found = cluster.request("GET", secrets, labelSelector="tfstate=true")["items"]
        assert {one["metadata"]["labels"]["tfstateSecretSuffix"] for one in found} == {
            "mine-02-infrastructure",
            "mine-03-kubernetes-initialize",
        }
        own.destroy()
        assert not cluster.request("GET", secrets, labelSelector="tfstate=true")["items"]
        leases = LEASES.replace("default", place)
        assert not cluster.request("GET", leases)["items"]
    finally:
        cluster.request("DELETE", f"{namespaces}/{place}")


def is_locked(cluster: Cluster, deployment: ClusterDeployment, stage: str) -> bool:
    """Whether a Terraform has the state of a stage, or died with it."""
    name = f"lock-tfstate-default-{PROJECT}-{deployment.namespace}-{stage}"
    try:
        return bool(cluster.request("GET", f"{LEASES}/{name}")["spec"].get("holderIdentity"))
    except ClusterError:
        return False


def exists(cluster: Cluster, path: str) -> bool:
    try:
        cluster.request("GET", path)
    except ClusterError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
    """End a process and all that it started, in whichever session, while a condition holds."""
    while True:
        wait_until(lambda: is_time() or process.poll() is not None)
        assert process.poll() is None
        signal_tree(process.pid, signal.SIGSTOP)
        still = is_time()
        signal_tree(process.pid, signal.SIGKILL if still else signal.SIGCONT)
        if still:
            process.wait()
            return


def signal_tree(process: int, number: int) -> None:
    parents = {
        int(path.name): int(found[1])
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and (found := _stat(path))
    }
    family = {process}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(path: Path) -> list[str]:
    try:
        return (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
