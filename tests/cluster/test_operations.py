"""What whoever runs a deployment looks at: status, drift, logs, tokens, doctor, support."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from typing import Any

import pytest

from qhub.kubernetes import helm
from qhub.kubernetes.cluster import Access, Cluster
from tests.cluster.deployment import ClusterDeployment
from tests.unit.kubernetes.api import packed

SOON_SECONDS = 120


def status(deployment: ClusterDeployment) -> dict[str, Any]:
    done = deployment.qhub("status", "--output", "json")
    assert done.returncode in (0, 1), done.stderr
    return dict(json.loads(done.stdout))


def drift(deployment: ClusterDeployment) -> str:
    return "\n".join(one for stage in status(deployment)["stages"] for one in stage["drift"])


def path(deployment: ClusterDeployment, kind: str, name: str) -> str:
    base = "/apis/apps/v1" if kind == "deployments" else "/api/v1"
    return f"{base}/namespaces/{deployment.namespace}/{kind}/{name}"


def test_the_status_tells_of_all_that_is_there(deployment: ClusterDeployment) -> None:
    found = status(deployment)
    assert found["is_well"], found
    releases = {one["name"]: one["state"] for one in found["releases"]}
    assert releases.items() >= {"traefik": "deployed", "jupyterhub": "deployed"}.items()
    assert {one["name"]: one["state"] for one in found["volumes"]}["shared"] == "Bound"
    running = {one["name"] for one in found["processes"] if one["state"] == "Running"}
    assert running >= {"hub", "proxy", "traefik"}
    assert found["users_online"] == []


def test_what_drifted_is_seen_and_put_right_in_place(
    deployment: ClusterDeployment, cluster: Cluster
) -> None:
    proxy = cluster.request("GET", path(deployment, "deployments", "proxy"))["metadata"]["uid"]
    cluster.request("DELETE", path(deployment, "services", "proxy-public"))
    scaled = {"spec": {"replicas": 0}}
    where = path(deployment, "deployments", "traefik")
    cluster.request("PATCH", where, scaled, content_type="application/merge-patch+json")
    told = drift(deployment)
    assert "Service proxy-public is gone" in told
    assert "spec.replicas is 0, not 1" in told
    planned = deployment.qhub("deploy", "--plan")
    assert "~ helm_release.traefik" in planned.stdout + planned.stderr
    assert deployment.deploy()["changed"]
    assert status(deployment)["is_well"]
    after = cluster.request("GET", path(deployment, "deployments", "proxy"))["metadata"]["uid"]
    assert after == proxy


def test_a_release_that_was_left_half_done_is_taken_up(
    deployment: ClusterDeployment, cluster: Cluster
) -> None:
    """As a `kill -9` in the middle of an upgrade leaves it."""
    found = helm.find(cluster, deployment.namespace, "traefik")
    assert found
    name = f"sh.helm.release.v1.traefik.v{found.revision}"
    last = cluster.request("GET", path(deployment, "secrets", name))
    revision = helm.unpacked(last) | {"version": found.revision + 1}
    revision["info"]["status"] = "pending-upgrade"
    labels = last["metadata"]["labels"]
    labels |= {"version": str(found.revision + 1), "status": "pending-upgrade"}
    metadata = {"name": name.replace(f"v{found.revision}", f"v{found.revision + 1}")}
    body = {"apiVersion": "v1", "kind": "Secret", "type": last["type"]}
    body |= {"metadata": {**metadata, "labels": labels}, "data": {"release": packed(revision)}}
    cluster.request("POST", path(deployment, "secrets", "").rstrip("/"), body)
    assert "the release is pending-upgrade" in drift(deployment)
    deployment.deploy()
    assert status(deployment)["is_well"]


@pytest.fixture
def token(deployment: ClusterDeployment) -> str:
    """One of ada's."""
    done = deployment.qhub("user", "token", "ada", "--expires", "1h")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_token_is_given_out_by_the_hub(deployment: ClusterDeployment, token: str) -> None:
    assert len(token) >= 32
    assert "valid for 1h" in deployment.qhub("user", "token", "ada", "--expires", "1h").stderr
    refused = deployment.qhub("user", "token", "ada", "--scope", "nonsense")
    assert refused.returncode == 2
    people = json.loads(deployment.qhub("user", "list", "--output", "json").stdout)
    assert {one["name"]: one["online"] for one in people}["ada"] is False


def test_a_log_is_followed_into_the_next_pod(
    deployment: ClusterDeployment, cluster: Cluster
) -> None:
    assert deployment.qhub("logs", "hub", "-n", "5").stdout
    listed = {line.split()[0] for line in deployment.qhub("logs").stdout.splitlines()}
    assert listed >= {"hub", "proxy", "traefik", "deploy"}
    file = str(deployment.folder / "qhub-config.yaml")
    command = [sys.executable, "-m", "qhub", "logs", "traefik", "-f", "-n", "1", "-c", file]
    pods = path(deployment, "pods", "").rstrip("/")
    label = "app.kubernetes.io/name=traefik"
    [old] = cluster.request("GET", pods, labelSelector=label)["items"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline()
        cluster.request("DELETE", f"{pods}/{old['metadata']['name']}")
        deadline = time.monotonic() + SOON_SECONDS
        for line in process.stdout:
            if line.startswith("traefik-") and not line.startswith(old["metadata"]["name"]):
                break
            assert time.monotonic() < deadline
        process.terminate()


def test_what_leads_to_the_cluster_is_handed_on(
    deployment: ClusterDeployment, cluster: Cluster
) -> None:
    file = deployment.folder / "mine"
    assert deployment.qhub("kubeconfig", "--output", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    found = Cluster(Access((str(file),), cluster.access.context))
    assert found.identity() == cluster.identity()


def test_the_doctor_looks_at_the_cluster(deployment: ClusterDeployment) -> None:
    done = deployment.qhub("doctor", "--output", "json")
    said = json.loads(done.stdout)
    levels = {one["name"]: one["level"] for one in said["findings"]}
    assert (levels["cluster"], levels["rights"], levels["storage"]) == ("ok", "ok", "ok")
    assert "room" in levels
    assert said["deployable"]


def test_the_doctor_tells_what_a_deploy_would_refuse(deployment: ClusterDeployment) -> None:
    before = deployment.config["certificate"]
    deployment.config["certificate"] = {"type": "existing", "secret_name": "nobodys"}
    done = deployment.qhub("doctor", "--output", "json")
    deployment.config["certificate"] = before
    failed = [one for one in json.loads(done.stdout)["findings"] if one["level"] == "fail"]
    assert [one["name"] for one in failed] == ["04-kubernetes-ingress"]
    assert "no Secret nobodys" in failed[0]["message"]
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"shared_filesystem": "512Mi"}, "can't get smaller"),
        ({"shared_access_mode": "ReadWriteMany"}, "can't become ReadWriteMany"),
    ],
)
def test_peoples_files_are_not_lost_to_a_change_of_the_file(
    deployment: ClusterDeployment, wanted: dict[str, str], told: str
) -> None:
    before = deployment.config["storage"]
    claim = deployment.cluster.request("GET", path(deployment, "persistentvolumeclaims", "shared"))
    same = {"shared_storage_class": claim["spec"]["storageClassName"]}
    deployment.config["storage"] = {**before, **same, **wanted}
    try:
        done = deployment.qhub("deploy", "--yes")
    finally:
        deployment.config["storage"] = before
    assert done.returncode == 1, done.stderr
    assert told in done.stderr
    assert "qhub backup" in done.stderr
    assert "03-kubernetes-initialize" not in done.stderr


def test_support_collects_the_logs_of_pods_and_no_secret(
    deployment: ClusterDeployment, token: str
) -> None:
    target = deployment.folder / "support.tar.gz"
    done = deployment.qhub("support", "--archive", str(target))
    assert done.returncode == 0, done.stderr
    with tarfile.open(target) as archive:
        parts = {
            one.name.partition("/")[2]: file.read().decode()
            for one in archive
            if (file := archive.extractfile(one))
        }
    assert parts.keys() >= {"logs/hub.log", "logs/traefik.log", "status.json", "stages.json"}
    assert not [name for name, text in parts.items() if "could not be collected" in text]
    assert "kubernetes_secret_v1.hub" in parts["stages.json"]
    whole = "\n".join(parts.values())
    assert "PRIVATE KEY" not in whole
    assert token not in whole
