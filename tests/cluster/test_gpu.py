"""NVIDIA's device plugin; the cluster of the tests has no GPUs, so that it is brought."""

from __future__ import annotations

import subprocess
from pathlib import Path
from threading import Event

import pytest

from qhub.kubernetes.cluster import Cluster
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.stages.kubernetes_initialize import GPU
from qhub.terraform import find_engine
from tests.cluster import inventory
from tests.cluster.deployment import ClusterDeployment, new_deployment


def forget_plugin(deployment: ClusterDeployment) -> None:
    """Have Terraform not know of it, as a kill before it could note it does."""
    folder = next(deployment.folder.glob("**/.qhub"))
    stage = "03-kubernetes-initialize"
    deployed = Deployment(find_engine(), Folder(folder.parent), Event())
    module = deployed.module(stage, folder / "applied" / stage, {})
    module.init()
    done = subprocess.run(
        [*module.engine.command, "state", "rm", "kubernetes_daemon_set_v1.gpu[0]"],
        cwd=module.folder,
        env=module._environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


ASKING = {GPU: 1}
WORKER = {
    "worker_cores_limit": 1,
    "worker_cores": 0.02,
    "worker_memory_limit": "1G",
    "worker_memory": "200M",
}


def test_the_plugin_comes_with_a_profile_that_asks_and_goes_with_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    if any(GPU in (node.status.allocatable or {}) for node in cluster.nodes()):
        pytest.skip("the cluster has GPUs already")
    deployment = new_deployment(cluster, tmp_path)
    [profile] = deployment.config["profiles"]["jupyterlab"]
    plain, worker = profile["kubespawner_override"], WORKER | {"extra_resource_limits": ASKING}
    asking = {**profile, "kubespawner_override": plain | {"extra_resource_limits": ASKING}}
    path = f"/apis/apps/v1/namespaces/{deployment.namespace}-gpu/daemonsets"
    try:
        for profiles in (  # where it is already, it is not taken for somebody else's
            {"jupyterlab": [asking]},
            {"jupyterlab": [profile], "dask_worker": {"GPU Worker": worker}},
        ):
            deployment.config["profiles"] = profiles
            done = deployment.qhub("deploy", "--yes", "--until", "03")
            assert done.returncode == 0, done.stderr
            [found] = cluster.request("GET", path)["items"]
            assert found["metadata"]["name"] == "nvidia-device-plugin"
        forget_plugin(deployment)
        done = deployment.qhub("deploy", "--yes", "--until", "03")
        assert done.returncode == 0, done.stderr
        assert "an earlier run had made kubernetes_daemon_set_v1.gpu[0]" in done.stderr
    finally:
        deployment.destroy()
    assert not inventory.left(cluster, deployment.namespace)
