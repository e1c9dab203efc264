"""`destroy --keep-data`: files and what the hub knows outlive a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster import inventory
from tests.cluster.conftest import node_address, resolve
from tests.cluster.deployment import ClusterDeployment, new_deployment
from tests.local.browser import Person

DATABASE = "data-conda-store-database-0"
WORKER = {"cpu_guarantee": 0.02, "cpu_limit": 1, "mem_guarantee": "256Mi", "mem_limit": "1Gi"}


def volume_of(deployment: ClusterDeployment, claim: str) -> str:
    core = deployment.cluster.core
    found = deployment.cluster.ask(
        core.read_namespaced_persistent_volume_claim, claim, deployment.namespace
    )
    return str(found.spec.volume_name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_files_and_the_hubs_database_are_taken_up_again(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = new_deployment(cluster, tmp_path)
    resolve(monkeypatch, deployment.domain, node_address(cluster))
    deployment.config["conda_store"] = {"worker": {"max_workers": 1, "resources": WORKER}}
    try:
        deployment.deploy()
        ada = deployment.at_work("ada")
        ada.run("open('kept', 'w').write('what ada made')")
        token = deployment.qhub("user", "token", "ada", "--expires", "1h").stdout.strip()

        done = deployment.qhub("destroy", "--yes", "--keep-data")
        assert done.returncode == 0, done.stderr
        assert "keeps shared: PersistentVolume " in done.stderr
        assert "keeps hub-db-dir: PersistentVolume " in done.stderr
        kept = inventory.left(cluster, deployment.namespace, seconds=5)
        assert {name.split()[0] for name in kept} == {"PersistentVolume"}
        assert len(kept) == 3

        deployment.deploy()
        assert volume_of(deployment, DATABASE) in {name.split()[1] for name in kept}
        again = deployment.at_work("ada")
        assert again.run("print(open('kept').read())") == "what ada made\n"
        script = Person(deployment.url)
        script.request("/hub/api/user", headers={"Authorization": f"token {token}"})
        assert script.status == 200
    finally:
        deployment.destroy()
    assert not inventory.left(cluster, deployment.namespace)
