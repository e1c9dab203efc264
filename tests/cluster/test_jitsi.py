"""A Jitsi server of the deployment's own, as far as its pages and what opens its rooms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster.conftest import node_address, resolve
from tests.cluster.deployment import ClusterDeployment, free_ports
from tests.local.browser import Person


@pytest.fixture(scope="module")
def meet(deployment: ClusterDeployment, cluster: Cluster) -> Iterator[str]:
    """Where the server is, once it runs."""
    deployment.config["jitsi"] = {"enabled": True, "media": {"port": free_ports(cluster, 1)[0]}}
    with pytest.MonkeyPatch.context() as patch:
        resolve(patch, f"meet.{deployment.domain}", node_address(cluster))
        patch.setenv("NO_PROXY", f"{deployment.domain},meet.{deployment.domain}")
        done = deployment.qhub("deploy", "--yes", "--output", "json")
        try:
            if any(word in done.stdout + done.stderr for word in ("ImagePull", "ErrImage")):
                pytest.skip("the cluster can't pull the images of Jitsi Meet")
            assert done.returncode == 0, done.stdout + done.stderr
            yield json.loads(done.stdout.splitlines()[-1])["addresses"]["Jitsi"]
        finally:
            del deployment.config["jitsi"]
            deployment.deploy()


def secret(cluster: Cluster, deployment: ClusterDeployment) -> bytes:
    """What tokens are signed with, as the server is told."""
    found = cluster.secret(deployment.namespace, "qhub-jitsi-prosody")
    assert found
    return found["JWT_APP_SECRET"]


def claims(token: str, key: bytes) -> dict[str, Any]:
    signed, _, proof = token.rpartition(".")
    wanted = hmac.digest(key, signed.encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(proof + "=") == wanted
    return json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))  # type: ignore[no-any-return]


def test_it_has_a_name_below_the_deployment_s(meet: str, deployment: ClusterDeployment) -> None:
    assert meet == f"https://meet.{deployment.domain}:{deployment.ports['https']}"
    visitor = Person(meet)
    visitor.request("/")
    assert visitor.status == 200


def test_its_certificate_is_for_that_name(meet: str, deployment: ClusterDeployment) -> None:
    from qhub.kubernetes.entrance import Entrance

    domain = f"meet.{deployment.domain}"
    entrance = Entrance(
        deployment.cluster, deployment.namespace, "traefik", domain, 443, secure=True, path="/"
    )
    answer = entrance.first_answer(entrance.places())
    assert answer
    assert answer.certificate
    assert answer.certificate.covers(domain)
    assert answer.certificate.covers(deployment.domain)


def test_the_hub_leads_members_on_with_a_token_that_the_server_takes(
    meet: str, deployment: ClusterDeployment, cluster: Cluster
) -> None:
    ben = deployment.person("ben")
    ben.request("/hub/video-chat/users")
    assert ben.status == 200
    place, _, token = ben.url.partition("?jwt=")
    assert place == f"{meet}/qtest-users"
    said = claims(token, secret(cluster, deployment))
    assert said["room"] == "qtest-users"
    assert said["context"]["user"]["name"] == "ben"
    told = cluster.ask(
        cluster.core.read_namespaced_config_map, "jitsi-meet-common", deployment.namespace
    ).data
    assert said["iss"] in told["JWT_ACCEPTED_ISSUERS"].split(",")
    assert said["aud"] in told["JWT_ACCEPTED_AUDIENCES"].split(",")
    assert (told["ENABLE_AUTH"], told["ENABLE_GUESTS"]) == ("true", "false")


def test_nobody_else_gets_one(meet: str, deployment: ClusterDeployment) -> None:
    ben = deployment.person("ben")
    ben.request("/hub/video-chat/admin")
    assert ben.status == 403
    stranger = Person(deployment.url)
    stranger.request("/hub/video-chat/users")
    assert "/hub/login" in stranger.url


def test_people_s_pods_know_no_secret_of_it(
    meet: str, deployment: ClusterDeployment, cluster: Cluster
) -> None:
    ada = deployment.at_work("ada")
    try:
        said = ada.run(
            "import subprocess; print(subprocess.getoutput('env; cat /opt/qhub/*/*/*/*'))"
        )
        assert "hub/video-chat" in said, "rooms are entered through the hub"
        assert secret(cluster, deployment).decode() not in said
    finally:
        ada.stop()


def test_sound_and_pictures_have_a_port_of_the_nodes(
    meet: str, deployment: ClusterDeployment, cluster: Cluster
) -> None:
    read = cluster.core.read_namespaced_service
    [port] = cluster.ask(read, "jitsi-meet-jvb", deployment.namespace).spec.ports
    given = deployment.config["jitsi"]["media"]["port"]
    assert (port.protocol, port.node_port) == ("UDP", given)
    [pod] = cluster.ask(
        cluster.core.list_namespaced_pod,
        deployment.namespace,
        label_selector="app.kubernetes.io/component=jvb",
    ).items
    told = {one.name: one for one in pod.spec.containers[0].env}
    assert told["JVB_PORT"].value == str(given)
    assert told["JVB_ADVERTISE_IPS"].value_from.field_ref.field_path == "status.hostIP"
