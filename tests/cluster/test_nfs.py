"""Files of all nodes, in a cluster without a shared file system: the NFS server that is brought."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster import inventory
from tests.cluster.conftest import node_address, resolve
from tests.cluster.deployment import ClusterDeployment, new_deployment
from tests.cluster.test_safety import exists, is_locked, kill_when
from tests.local.browser import Person
from tests.local.deployment import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("QHUB_TEST_NFS") != "1",
        reason="QHUB_TEST_NFS=1 is not set: nodes must be able to mount NFS",
    ),
]

STAGE = "03-kubernetes-initialize"
PATIENCE_SECONDS = 180
"""How long the server may take to come or go."""

OWNED = "import os; s = os.stat({path!r}); print(s.st_uid, s.st_gid, oct(s.st_mode & 0o7777))"
TRIES = """\
import os
def tried(what, *arguments):
    try:
        print(what(*arguments))
    except OSError as error:
        print(type(error).__name__)
note, own = '/shared/users/note', '/shared/users/own'
tried(lambda: open(note).read())
tried(lambda: open(own).read())
tried(lambda: open(own, 'a'))
tried(os.chmod, note, 0o777)
tried(os.chown, note, os.getuid(), -1)
tried(os.listdir, '/shared/admin')
"""
REFUSED = ["PermissionError"] * 4 + ["FileNotFoundError"]
"""His own and his group's folders are all that he has; the rest of others' is not for him."""


@pytest.fixture
def lending(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterDeployment]:
    """A deployment that is not told how nodes share files; it's gone afterwards."""
    deployment = new_deployment(cluster, tmp_path, "qnfs")
    resolve(monkeypatch, deployment.domain, node_address(cluster))
    del deployment.config["storage"]["shared_access_mode"]
    try:
        yield deployment
    finally:
        deployment.destroy()
        assert not inventory.left(cluster, deployment.namespace)


def server(deployment: ClusterDeployment, kind: str = "statefulsets") -> str:
    """Where the cluster keeps an object of the server."""
    group = {"statefulsets": "/apis/apps/v1"}.get(kind, "/api/v1")
    name = "nfs-server-0" if kind == "pods" else "nfs-server"
    return f"{group}/namespaces/{deployment.namespace}-storage/{kind}/{name}"


def lent(deployment: ClusterDeployment) -> str:
    """The volume behind the server."""
    claim = deployment.cluster.request("GET", server(deployment, "persistentvolumeclaims"))
    return str(claim["spec"]["volumeName"])


def is_ready(deployment: ClusterDeployment) -> bool:
    found = deployment.cluster.request("GET", server(deployment))
    return bool(found["status"].get("readyReplicas"))


def kill_server(deployment: ClusterDeployment) -> None:
    """End the server's pod at once, as that of its node does, and wait for the next one."""
    path = server(deployment, "pods")
    before = deployment.cluster.request("GET", path)["metadata"]["uid"]
    deployment.cluster.request("DELETE", path, gracePeriodSeconds=0)

    def is_another() -> bool:
        if not exists(deployment.cluster, path):
            return False
        return bool(deployment.cluster.request("GET", path)["metadata"]["uid"] != before)

    wait_until(is_another, PATIENCE_SECONDS)
    wait_until(lambda: is_ready(deployment), PATIENCE_SECONDS)


def write(person: Person, path: str, text: str, mode: str = "w") -> str:
    """Write a file as somebody, and return whose it is then."""
    code = f"open({path!r}, {mode!r}).write({text!r})\n{OWNED.format(path=path)}"
    return person.run(code).strip()


def read(person: Person, path: str) -> str:
    return person.run(f"print(open({path!r}).read(), end='')", seconds=90)


def status(deployment: ClusterDeployment) -> dict[str, Any]:
    shown = deployment.qhub("status", "--output", "json")
    return json.loads(shown.stdout)  # type: ignore[no-any-return]


def test_files_are_peoples_own_and_outlive_server_and_deployment(
    lending: ClusterDeployment, cluster: Cluster
) -> None:
    lending.deploy()
    ada = lending.at_work("ada")
    assert write(ada, "own", "what ada made").startswith("21000 20000 ")
    # Of the group by her second one alone, which the server has to believe her.
    assert write(ada, "/shared/users/note", "for all\n") == "21000 20001 0o660"
    assert write(ada, "/shared/users/own", "for her").startswith("21000 20001 ")
    ada.run("import os; os.chmod('/shared/users/own', 0o600)")

    ben = lending.at_work("ben")
    assert ben.run(TRIES).split("\n")[2:-1] == REFUSED
    assert ben.run(TRIES).startswith("for all\n")
    assert write(ben, "/shared/users/note", "and by ben\n", "a") == "21000 20001 0o660"
    assert read(ada, "/shared/users/note") == "for all\nand by ben\n"

    kill_server(lending)
    assert read(ada, "own") == "what ada made"
    assert write(ben, "/shared/users/later", "after its end").startswith("21001 20001 ")

    assert not lending.deploy()["changed"]
    found = status(lending)
    assert found["is_well"]
    assert {one["name"] for one in found["releases"]} >= {"nfs-server", "jupyterhub"}
    assert {one["name"] for one in found["volumes"]} >= {"shared", "nfs-server"}
    assert "NFS SERVER INITIALIZED" in lending.qhub("logs", "nfs-server").stdout

    behind = lent(lending)
    done = lending.qhub("destroy", "--yes", "--keep-data")
    assert done.returncode == 0, done.stderr
    assert f"keeps nfs-server: PersistentVolume {behind}" in done.stderr
    kept = inventory.left(cluster, lending.namespace, seconds=5)
    assert f"PersistentVolume {behind}" in kept
    assert {name.split()[0] for name in kept} == {"PersistentVolume"}
    assert len(kept) == 2  # and that of the hub's database

    lending.deploy()
    assert lent(lending) == behind
    ada = lending.at_work("ada")
    assert read(ada, "own") == "what ada made"
    assert read(ada, "/shared/users/later") == "after its end"


def test_a_server_that_drifted_is_put_right_and_a_dead_one_is_destroyed(
    lending: ClusterDeployment, cluster: Cluster
) -> None:
    running = lending.start("deploy", "--yes", "--until", "03")
    release = f"/api/v1/namespaces/{lending.namespace}-storage/secrets/sh.helm.release.v1"
    kill_when(
        running,
        lambda: is_locked(cluster, lending, STAGE) and exists(cluster, f"{release}.nfs-server.v1"),
    )
    lending.deploy()
    assert status(lending)["is_well"]

    scaled = {"spec": {"replicas": 0}}
    cluster.request("PATCH", server(lending), scaled, content_type="application/merge-patch+json")
    drift = [text for stage in status(lending)["stages"] for text in stage["drift"]]
    assert any("nfs-server" in text and "spec.replicas is 0, not 1" in text for text in drift)
    lending.deploy()
    wait_until(lambda: is_ready(lending), PATIENCE_SECONDS)

    ada = lending.at_work("ada")
    write(ada, "own", "what ada made")
    cluster.request("DELETE", server(lending))  # with people's pods still at their files
    wait_until(lambda: not exists(cluster, server(lending, "pods")), PATIENCE_SECONDS)
    done = lending.qhub("destroy", "--yes")
    assert done.returncode == 0, done.stderr
    assert "puts the NFS server right first" in done.stderr
