"""NVIDIA's device plugin; the cluster of the tests has no GPUs, so that it is brought."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.kubernetes.cluster import Cluster
from qhub.stages.kubernetes_initialize import GPU
from tests.cluster import inventory
from tests.cluster.deployment import new_deployment


def test_the_plugin_comes_with_a_profile_that_asks_and_goes_with_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    if any(GPU in (node.status.allocatable or {}) for node in cluster.nodes()):
        pytest.skip("the cluster has GPUs already")
    deployment = new_deployment(cluster, tmp_path)
    [profile] = deployment.config["profiles"]["jupyterlab"]
    limits = {**profile["kubespawner_override"], "extra_resource_limits": {GPU: 1}}
    deployment.config["profiles"] = {"jupyterlab": [{**profile, "kubespawner_override": limits}]}
    path = f"/apis/apps/v1/namespaces/{deployment.namespace}-gpu/daemonsets"
    try:
        for _ in range(2):  # where it is already, it is not taken for somebody else's
            done = deployment.qhub("deploy", "--yes", "--until", "03")
            assert done.returncode == 0, done.stderr
            [found] = cluster.request("GET", path)["items"]
            assert found["metadata"]["name"] == "nvidia-device-plugin"
    finally:
        deployment.destroy()
    assert not inventory.left(cluster, deployment.namespace)
