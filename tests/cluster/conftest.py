"""A cluster that answers, and one deployment on it that the tests share."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Access, Cluster
from tests.cluster import inventory
from tests.cluster.deployment import ClusterDeployment, new_deployment

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    own = [item for item in items if HERE in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.cluster)
    ordered = iter(sorted(own, key=lambda item: item.get_closest_marker("last") is not None))
    items[:] = [next(ordered) if HERE in item.path.parents else item for item in items]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster of the current kube context."""
    if not os.environ.get("KUBECONFIG"):
        # The cluster that somebody happens to be logged in to is not one to try things on.
        pytest.skip("needs a cluster: KUBECONFIG is not set")
    try:
        found = Cluster(Access.find(None))
        found.version()
    except ClusterError as error:
        pytest.skip(f"needs a cluster: {error}")
    return found


@pytest.fixture(scope="session")
def known_before(cluster: Cluster) -> set[str]:
    """Custom resources that the cluster knew before anything was deployed."""
    return inventory.definitions(cluster)


@pytest.fixture(scope="session")
def deployment(
    cluster: Cluster, known_before: set[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterDeployment]:
    """A deployment that stands; a test that changes it brings it back."""
    del known_before
    made = new_deployment(cluster, tmp_path_factory.mktemp("cluster"))
    with pytest.MonkeyPatch.context() as patch, standing(made, patch) as deployment:
        assert deployment.said["changed"]
        yield deployment


@contextmanager
def standing(
    deployment: ClusterDeployment, patch: pytest.MonkeyPatch
) -> Iterator[ClusterDeployment]:
    """A deployment while it stands, whose domain this process finds."""
    resolve(patch, deployment.domain, node_address(deployment.cluster))
    try:
        deployment.deploy()
        yield deployment
    finally:
        deployment.destroy()


def node_address(cluster: Cluster) -> str:
    """Where ports of the nodes are reached."""
    addresses = cluster.nodes()[0].status.addresses
    return next(found.address for found in addresses if found.type == "InternalIP")


def resolve(patch: pytest.MonkeyPatch, name: str, address: str) -> None:
    """Have this process find a name at an address, as its DNS record would."""
    ask = socket.getaddrinfo

    def answer(host: Any, *arguments: Any, **options: Any) -> Any:
        return ask(address if host == name else host, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", answer)
    patch.setenv("NO_PROXY", name)
