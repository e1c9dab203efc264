"""Files of all nodes, in a cluster without a shared file system: the NFS server that is brought."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster import inventory
from tests.cluster.conftest import node_address, resolve
from tests.cluster.deployment import ClusterDeployment, new_deployment
from tests.local.browser import Person

pytestmark = pytest.mark.skipif(
    os.environ.get("QHUB_TEST_NFS") != "1",
    reason="QHUB_TEST_NFS=1 is not set: nodes must be able to mount NFS",
)

WRITE = "open({path!r}, 'w').write({text!r}); import os; print(os.stat({path!r}).st_uid)"
TRY = """\
import os
for path in ('/shared/users/note', '/home/ada/own', '/home/ada'):
    try:
        print(open(path).read() if os.path.isfile(path) else os.listdir(path))
    except OSError as error:
        print(type(error).__name__)
"""


def lent(deployment: ClusterDeployment) -> str:
    """The volume behind the server."""
    core = deployment.cluster.core
    found = deployment.cluster.ask(
        core.read_namespaced_persistent_volume_claim,
        "nfs-server",
        f"{deployment.namespace}-storage",
    )
    return str(found.spec.volume_name)


def restart_server(deployment: ClusterDeployment) -> None:
    """End the server's pod, and wait for the next one."""
    core, space = deployment.cluster.core, f"{deployment.namespace}-storage"
    ask = deployment.cluster.ask
    before = ask(core.read_namespaced_pod, "nfs-server-0", space).metadata.uid
    ask(core.delete_namespaced_pod, "nfs-server-0", space)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        pods = ask(core.list_namespaced_pod, space).items
        if any(
            pod.metadata.uid != before
            and any(one.ready for one in pod.status.container_statuses or ())
            for pod in pods
        ):
            return
        time.sleep(1)
    raise AssertionError("the server did not come back")


def written(person: Person, path: str, text: str) -> str:
    return person.run(WRITE.format(path=path, text=text))


@pytest.mark.timeout(2400)
def test_files_are_everybodys_own_by_a_server_of_ours(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = new_deployment(cluster, tmp_path, "qnfs")
    resolve(monkeypatch, deployment.domain, node_address(cluster))
    del deployment.config["storage"]["shared_access_mode"]
    try:
        deployment.deploy()
        ada = deployment.at_work("ada")
        assert written(ada, "own", "what ada made") == "21000\n"
        assert written(ada, "/shared/users/note", "for all") == "21000\n"
        ben = deployment.at_work("ben")
        assert ben.run(TRY).splitlines()[0] == "for all"
        assert "what ada made" not in ben.run(TRY)

        restart_server(deployment)
        assert ada.run("print(open('own').read())") == "what ada made\n"
        assert written(ben, "/shared/users/later", "after a restart") == "21001\n"

        again = deployment.qhub("deploy", "--yes")
        assert again.returncode == 0, again.stderr
        status = deployment.qhub("status")
        assert "nfs-server" in status.stdout
        assert deployment.qhub("logs", "nfs-server", "--lines", "5").stdout

        behind = lent(deployment)
        done = deployment.qhub("destroy", "--yes", "--keep-data")
        assert done.returncode == 0, done.stderr
        assert f"keeps nfs-server: PersistentVolume {behind}" in done.stderr
        kept = inventory.left(cluster, deployment.namespace, seconds=5)
        assert f"PersistentVolume {behind}" in kept
        assert {name.split()[0] for name in kept} == {"PersistentVolume"}
        assert len(kept) == 2  # and that of the hub's database

        deployment.deploy()
        assert lent(deployment) == behind
        ada = deployment.at_work("ada")
        assert ada.run("print(open('own').read())") == "what ada made\n"
        assert ada.run("print(open('/shared/users/later').read())") == "after a restart\n"
    finally:
        deployment.destroy()
    assert not inventory.left(cluster, deployment.namespace)
