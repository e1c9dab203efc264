"""What a file may ask for besides, in one deployment: limits, places kept free, texts, values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.quantity import quantity
from tests.cluster.conftest import standing
from tests.cluster.deployment import ClusterDeployment, new_deployment
from tests.local.browser import Person

AWKWARD = "it costs ${money}, %{more} and {username}"
TINY: dict[str, Any] = {
    "cpu_limit": 0.5,
    "cpu_guarantee": 0.01,
    "mem_limit": "500M",
    "mem_guarantee": "100M",
    "environment": {"GREETING": AWKWARD},
    "node_selector": {"kubernetes.io/os": "linux"},
}
CHOICES: dict[str, Any] = {
    "theme": {"jupyterhub": {"hub_title": "A <b> & Co", "welcome": "Willkommen, {{ name }}"}},
    "cluster": {
        "quota": {"requests.cpu": "6", "pods": "40"},
        "container_limits": {
            "default": {"cpu": "1", "memory": "1Gi"},
            "default_request": {"cpu": "5m", "memory": "32Mi"},
            "max": {"cpu": "4", "memory": "4Gi"},
            "min": {"cpu": "1m", "memory": "4Mi"},
        },
    },
    "jupyterhub": {
        "placeholders": 1,
        "overrides": {
            "hub": {"labels": {"team": "data"}},
            "singleuser": {"extraLabels": {"t": "p"}},
        },
    },
    "monitoring": {"enabled": True},
    "profiles": {"jupyterlab": [{"display_name": "Tiny", "kubespawner_override": TINY}]},
}


@pytest.fixture(scope="module")
def chosen(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterDeployment]:
    deployment = new_deployment(cluster, tmp_path_factory.mktemp("choices"))
    deployment.config.update(CHOICES)
    with pytest.MonkeyPatch.context() as patch, standing(deployment, patch) as stands:
        yield stands


def objects(chosen: ClusterDeployment, path: str) -> list[dict[str, Any]]:
    start, _, kind = path.rpartition("/")
    found = chosen.cluster.request("GET", f"{start}/namespaces/{chosen.namespace}/{kind}")
    return list(found["items"])


def test_a_server_gets_what_its_profile_says_to_the_letter(chosen: ClusterDeployment) -> None:
    ben = chosen.at_work("ben")
    try:
        assert ben.run("import os; os.environ['GREETING']") == repr(AWKWARD)
        [pod] = [
            one
            for one in objects(chosen, "/api/v1/pods")
            if one["metadata"]["labels"].get("component") == "singleuser-server"
        ]
        assert pod["metadata"]["labels"]["t"] == "p"
        assert pod["spec"]["nodeSelector"].items() >= TINY["node_selector"].items()
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        assert quantity(limits["memory"]) == 500 << 20
    finally:
        ben.stop()


def test_the_namespace_has_its_limits_and_a_place_kept_free(chosen: ClusterDeployment) -> None:
    [quota] = objects(chosen, "/api/v1/resourcequotas")
    assert quota["spec"]["hard"] == CHOICES["cluster"]["quota"]
    [limits] = objects(chosen, "/api/v1/limitranges")
    assert limits["spec"]["limits"][0]["max"] == {"cpu": "4", "memory": "4Gi"}
    [placeholders] = objects(chosen, "/apis/apps/v1/statefulsets")
    assert placeholders["spec"]["replicas"] == 1
    hub = next(
        one
        for one in objects(chosen, "/apis/apps/v1/deployments")
        if one["metadata"]["name"] == "hub"
    )
    assert hub["spec"]["template"]["metadata"]["labels"]["team"] == "data"


def test_texts_of_the_page_are_shown_as_they_are(chosen: ClusterDeployment) -> None:
    page = Person(chosen.url).request("/hub/login")
    assert "<h1>A &lt;b&gt; &amp; Co</h1>" in page
    assert "Willkommen, {{ name }}" in page


def test_metrics_are_for_who_has_the_token(chosen: ClusterDeployment) -> None:
    secret = chosen.cluster.secret(chosen.namespace, "qhub-prometheus")
    assert secret
    token = {"Authorization": f"Bearer {secret['token'].decode()}"}
    prometheus = Person(chosen.url)
    assert "jupyterhub_running_servers" in prometheus.request("/hub/metrics", headers=token)
    assert prometheus.status == 200
    for path, headers in (("/hub/metrics", {}), ("/hub/api/users", token)):
        prometheus.request(path, headers=headers)
        assert prometheus.status == 403
