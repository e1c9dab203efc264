"""What programs of people reach, by the policies that hold for them.

Whether a cluster's network keeps to policies is its own affair, and not tried here: what is held
against what we want are the policies themselves, all that select a person's pod.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster.deployment import ClusterDeployment


@pytest.fixture(scope="module")
def rules(deployment: ClusterDeployment, cluster: Cluster) -> Iterator[list[dict[str, Any]]]:
    """What leads out of the pod of somebody who works."""
    ben = deployment.at_work("ben")
    base = f"namespaces/{deployment.namespace}"
    selector = "component=singleuser-server"
    [pod] = cluster.request("GET", f"/api/v1/{base}/pods", labelSelector=selector)["items"]
    found = cluster.request("GET", f"/apis/networking.k8s.io/v1/{base}/networkpolicies")["items"]
    specs = [one["spec"] for one in found if selects(one["spec"]["podSelector"], pod)]
    out = [spec for spec in specs if "Egress" in spec["policyTypes"]]
    assert out  # else everything would be open
    yield [rule for spec in out for rule in spec.get("egress", ())]
    ben.stop()


def selects(selector: dict[str, Any], pod: dict[str, Any]) -> bool:
    labels = pod["metadata"]["labels"]
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", ())
    assert {one["operator"] for one in expressions} <= {"In"}
    return wanted <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


def is_open(rules: list[dict[str, Any]], address: str, port: int) -> bool:
    """Whether an address outside the namespace is reached at a port."""
    where = ip_address(address)
    for rule in rules:
        ports = {one.get("port") for one in rule.get("ports", ())}
        if ports and port not in ports:
            continue
        blocks = [one["ipBlock"] for one in rule.get("to", ()) if "ipBlock" in one]
        if "to" not in rule:
            return True
        for block in blocks:
            kept_out = any(where in ip_network(one) for one in block.get("except", ()))
            if where in ip_network(block["cidr"]) and not kept_out:
                return True
    return False


@pytest.mark.parametrize(
    ("address", "port"),
    [("169.254.169.254", 80), ("fd00:ec2::254", 80), ("10.1.2.3", 443), ("192.168.1.1", 22)],
)
def test_metadata_and_private_networks_are_closed(
    rules: list[dict[str, Any]], address: str, port: int
) -> None:
    assert not is_open(rules, address, port)


def test_the_api_server_is_closed(rules: list[dict[str, Any]], cluster: Cluster) -> None:
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    found = cluster.request("GET", path)
    [port] = [one["port"] for one in found["ports"] if one["name"] == "https"]
    for endpoint in found["endpoints"]:
        assert not any(is_open(rules, address, port) for address in endpoint["addresses"])
    service = cluster.request("GET", "/api/v1/namespaces/default/services/kubernetes")
    assert not is_open(rules, service["spec"]["clusterIP"], 443)


@pytest.mark.parametrize(
    ("address", "port"),
    [("1.1.1.1", 443), ("2606:4700::1", 443), ("10.96.0.10", 53), ("169.254.20.10", 53)],
)
def test_the_internet_and_names_are_open(
    rules: list[dict[str, Any]], address: str, port: int
) -> None:
    assert is_open(rules, address, port)
