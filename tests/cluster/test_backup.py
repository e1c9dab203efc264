"""`backup` and `restore`: what people made goes to a folder here, and into another deployment."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.data import JOB
from qhub.kubernetes.helm import MERGE
from qhub.kubernetes.rollout import wait_ready
from tests.cluster import inventory
from tests.cluster.conftest import standing
from tests.cluster.deployment import ClusterDeployment, new_deployment

MIB = 1 << 20
MAKE = f"""
import os, pathlib
os.chdir(pathlib.Path.home())
pathlib.Path('work').mkdir(0o750)
pathlib.Path('work/big').write_bytes(os.urandom({50 * MIB}))
pathlib.Path('work/tool').write_text('#!/bin/sh')
os.chmod('work/tool', 0o751)
os.utime('work/tool', (1, 1577934245))
os.link('work/tool', 'work/same')
os.symlink('tool', 'work/link')
pathlib.Path(os.fsdecode(b'work/odd\\n\\xff')).write_text('odd')
with open('work/holes', 'wb') as file:
    file.truncate({100 * MIB})
pathlib.Path('/shared/users/all').write_text('for all')
"""
WORKER = {
    "worker_cores_limit": 1,
    "worker_cores": 0.02,
    "worker_memory_limit": "1G",
    "worker_memory": "200M",
}
DASK = """
from dask_gateway import Gateway
cluster = Gateway().new_cluster(shutdown_on_close=False)
cluster.scale(1)
cluster.get_client().wait_for_workers(1)
"""
TELL = """
import hashlib, os, pathlib, pwd, grp
os.chdir(pathlib.Path.home())
for path in sorted(['work', *pathlib.Path('work').iterdir(), pathlib.Path('/shared/users/all')],
                   key=str):
    found = os.lstat(path)
    link = os.readlink(path) if os.path.islink(path) else ''
    total = ''
    if os.path.isfile(path) and not link:
        total = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    whose = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    told = oct(found.st_mode), *whose, found.st_mtime_ns, found.st_nlink, link, total
    print(ascii(str(path)), *told)
print(os.stat('work/holes').st_blocks)
"""


def pods(deployment: ClusterDeployment) -> list[Any]:
    path = f"/api/v1/namespaces/{deployment.namespace}/pods"
    found = deployment.cluster.request("GET", path, labelSelector=f"job-name={JOB}")
    return list(found["items"])


def done(deployment: ClusterDeployment, *arguments: str, code: int = 0) -> str:
    ran = deployment.qhub(*arguments)
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert not pods(deployment)
    return ran.stdout + ran.stderr


def hub_replicas(deployment: ClusterDeployment, wanted: int | None = None) -> int:
    path = f"/apis/apps/v1/namespaces/{deployment.namespace}/deployments/hub"
    if wanted is not None:
        body = {"spec": {"replicas": wanted}}
        deployment.cluster.request("PATCH", path, body, content_type=MERGE)
    return int(deployment.cluster.request("GET", path)["spec"]["replicas"])


def of_people(deployment: ClusterDeployment) -> list[str]:
    """Pods of people's servers and Dask clusters."""
    path = f"/api/v1/namespaces/{deployment.namespace}/pods"
    label = "hub.jupyter.org/username"
    found = deployment.cluster.request("GET", path, labelSelector=label)["items"]
    return [one["metadata"]["name"] for one in found]


def wait_until(met: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def interrupted(
    deployment: ClusterDeployment, number: int, when: Any, *arguments: str
) -> subprocess.Popen[bytes]:
    process = deployment.start(*arguments)
    wait_until(lambda: when() or process.poll() is not None)
    process.send_signal(number)
    process.wait(timeout=300)
    return process


@contextlib.contextmanager
def other(cluster: Cluster, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[ClusterDeployment]:
    """Another deployment, where the same people have other numbers."""
    folder.mkdir()
    deployment = new_deployment(cluster, folder)
    deployment.config["profiles"]["dask_worker"] = {"Small Worker": WORKER}
    for number, person in enumerate(deployment.config["security"]["users"].values()):
        person["uid"] = 23000 + number
    with standing(deployment, patch):
        yield deployment
    assert not inventory.left(cluster, deployment.namespace)


@pytest.mark.timeout(1800)
def test_a_backup_is_put_back_into_another_deployment(
    deployment: ClusterDeployment,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = str(tmp_path / "store")
    ada = deployment.at_work("ada")
    ada.run(MAKE)
    made = ada.run(TELL)
    token = deployment.qhub("user", "token", "ada", "--expires", "1h").stdout.strip()

    ended = interrupted(deployment, signal.SIGINT, lambda: pods(deployment), "backup", store)
    assert ended.returncode == 130
    assert not pods(deployment)
    done(deployment, "backup", store)
    assert "2 new or changed" in done(deployment, "backup", store)  # database and configuration
    assert "undamaged" in done(deployment, "restore", store, "--check")

    with other(cluster, tmp_path / "other", monkeypatch) as there:
        with there.at_work("ben").kernel() as kernel:
            kernel.run(DASK, 240)
        assert len(of_people(there)) == 3
        assert "--force" in done(there, "restore", store, "--yes", code=2)
        command = ("restore", store, "--yes", "--force")
        interrupted(there, signal.SIGKILL, lambda: pods(there), *command)
        assert hub_replicas(there) == 0
        assert not of_people(there)
        done(there, *command)
        assert hub_replicas(there) == 1
        again = there.at_work("ada")
        assert again.run(TELL) == made
        again.request("/hub/api/user", headers={"Authorization": f"token {token}"})
        assert again.status == 200

        again.run("import os; os.remove('work/big'); open('work/tool', 'w').write('changed')")
        done(there, "restore", store, "--force", "--user", "ada", "--missing", "--yes")
        told = again.run("import os; print(os.path.getsize('work/big'), open('work/tool').read())")
        assert told == f"{50 * MIB} changed\n"  # with her server still running

        big = max((tmp_path / "store").rglob("*"), key=lambda path: path.lstat().st_size)
        with big.open("r+b") as file:
            file.write(b"damaged")
        assert "work/big" in done(there, *command, code=1)
        assert hub_replicas(there) == 1


@pytest.mark.timeout(1200)
def test_a_home_that_is_a_volume_of_its_own_is_made_again(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, store = new_deployment(cluster, tmp_path), str(tmp_path / "store")
    deployment.config["storage"]["home"] = "200Mi"
    claims = f"/api/v1/namespaces/{deployment.namespace}/persistentvolumeclaims"
    with standing(deployment, monkeypatch):
        ada = deployment.at_work("ada")
        ada.run(MAKE)
        made = ada.run(TELL)
        ada.stop()
        done(deployment, "backup", store)
        assert "2 new or changed" in done(deployment, "backup", store)
        cluster.request("DELETE", f"{claims}/claim-ada")
        hub_replicas(deployment, 0)  # somebody has stopped it
        done(deployment, "restore", store, "--yes")
        assert hub_replicas(deployment) == 0
        hub_replicas(deployment, 1)
        wait_ready(
            "05-jupyterhub", cluster.access.context, deployment.namespace, deployments=["hub"]
        )
        assert deployment.at_work("ada").run(TELL) == made
        found = cluster.request("GET", claims)["items"]
        assert {one["metadata"]["name"] for one in found} == {"claim-ada", "shared", "hub-db-dir"}
    assert not inventory.left(cluster, deployment.namespace)
