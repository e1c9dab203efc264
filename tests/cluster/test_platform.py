"""A deployment from beginning to end, on a real cluster."""

from __future__ import annotations

import base64
import json
import os

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster import inventory
from tests.cluster.deployment import PASSWORDS, ClusterDeployment
from tests.local.browser import Person


def test_deploy_says_where_the_hub_is(deployment: ClusterDeployment) -> None:
    assert deployment.said["addresses"]["JupyterHub"] == deployment.url


def test_the_hub_is_there_when_deploy_ends(deployment: ClusterDeployment) -> None:
    visitor = Person(deployment.url)
    visitor.request("/hub/health")
    assert visitor.status == 200


def test_http_leads_to_https(deployment: ClusterDeployment) -> None:
    visitor = Person(f"http://{deployment.domain}:{deployment.ports['http']}")
    visitor.request("/hub/login")
    assert visitor.url.startswith("https://")


def test_people_of_the_config_log_in_and_nobody_else(deployment: ClusterDeployment) -> None:
    assert deployment.person("ada").hub_api("GET", "/user")["admin"]
    assert not deployment.person("ben").hub_api("GET", "/user")["admin"]
    assert not Person(deployment.url).login("ben", PASSWORDS["ada"])
    assert not Person(deployment.url).login("eve", PASSWORDS["ada"])


def test_a_person_computes_as_who_they_are(deployment: ClusterDeployment) -> None:
    ben = deployment.at_work("ben")
    try:
        said = ben.run("import os, pwd; print(os.getuid(), pwd.getpwuid(os.getuid()).pw_name)")
        assert said.split() == ["21001", "ben"]
    finally:
        ben.stop()


def test_nothing_secret_is_where_it_can_be_read(
    deployment: ClusterDeployment, cluster: Cluster
) -> None:
    kept = cluster.ask(cluster.core.read_namespaced_secret, "qhub-hub", deployment.namespace)
    given = json.loads(base64.b64decode(kept.data["secrets.json"]))
    secrets = [*PASSWORDS.values(), *given["passwords"].values(), *given["tokens"].values()]
    assert len(secrets) >= 6

    files = [path for path in deployment.folder.rglob("*") if path.is_file()]
    told = {str(path): path.read_text(errors="replace") for path in files}
    told |= {
        name: json.dumps(item, default=str)
        for name, item in inventory.objects(cluster)
        if not name.startswith("Secret ") and deployment.namespace in name
    }
    assert not {name for name, text in told.items() if any(secret in text for secret in secrets)}


def test_deploying_the_same_again_changes_nothing(deployment: ClusterDeployment) -> None:
    said = deployment.deploy()
    assert not said["changed"]
    assert said["seconds"] <= 10 * max(1, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_a_plan_finds_no_drift(deployment: ClusterDeployment) -> None:
    done = deployment.qhub("deploy", "--plan", "--exit-code")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.last
def test_destroy_leaves_nothing(
    deployment: ClusterDeployment, cluster: Cluster, known_before: set[str]
) -> None:
    deployment.at_work("ada")  # whose pod no Terraform knows of
    assert inventory.left(cluster, deployment.namespace, seconds=0)
    deployment.destroy()
    assert not inventory.left(cluster, deployment.namespace)
    # Those that appeared meanwhile may be another deployment's, where there is one.
    assert inventory.definitions(cluster) <= known_before or inventory.deployments(cluster)
