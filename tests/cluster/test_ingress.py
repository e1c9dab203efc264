"""The way into a deployment, with each kind of certificate, on a real cluster."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from qhub.kubernetes.certificate import Certificate
from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.entrance import Answer, Entrance, Place
from tests.certificates import made
from tests.cloudflare import TOKEN, serving
from tests.cluster import inventory
from tests.cluster.conftest import node_address
from tests.cluster.deployment import ClusterDeployment, new_deployment

LAST = "04-kubernetes-ingress"
NOBODY = "https://acme.invalid/directory"


@pytest.fixture(scope="module")
def entry(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterDeployment]:
    """A deployment that ends with its ingress; each test gives it a certificate of its own."""
    deployment = new_deployment(cluster, tmp_path_factory.mktemp("ingress"))
    try:
        yield deployment
    finally:
        deployment.destroy()


def deploy(entry: ClusterDeployment, certificate: dict[str, Any]) -> str:
    """Deploy with that certificate; the notices of the result."""
    entry.config["certificate"] = certificate
    done = entry.qhub("deploy", "--yes", "--until", LAST, "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return "\n".join(json.loads(done.stdout.splitlines()[-1])["notices"])


def notices(entry: ClusterDeployment) -> str:
    return "\n".join(json.loads(entry.qhub("status", "--output", "json").stdout)["notices"])


def asked(entry: ClusterDeployment, *, secure: bool = True) -> Answer:
    place = Place(node_address(entry.cluster), entry.ports["https" if secure else "http"])
    way = Entrance(
        entry.cluster, entry.namespace, "traefik", entry.domain, place.port, secure, "/ping"
    )
    return way.ask(place)


def shown(entry: ClusterDeployment) -> Certificate:
    """What browsers are shown."""
    certificate = asked(entry).certificate
    assert certificate
    return certificate


def put_secret(entry: ClusterDeployment, name: str, pair: tuple[bytes, bytes]) -> None:
    """Have a Secret hold that certificate, as cert-manager does when it renews one."""
    core = entry.cluster.core
    text = [base64.b64encode(part).decode() for part in pair]
    body = {
        "metadata": {"name": name},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": text[0], "tls.key": text[1]},
    }
    if entry.cluster.secret(entry.namespace, name) is None:
        entry.cluster.ask(core.create_namespaced_secret, entry.namespace, body)
    else:
        entry.cluster.ask(core.replace_namespaced_secret, name, entry.namespace, body)


def test_a_certificate_that_signs_itself(entry: ClusterDeployment) -> None:
    told = deploy(entry, {"type": "self-signed"})
    assert asked(entry).status == 200
    assert shown(entry).obstacle(entry.domain) is None
    assert "it signs itself" in told
    assert f"{entry.domain}. A {node_address(entry.cluster)}" in told


def test_http_leads_to_https(entry: ClusterDeployment) -> None:
    plain = http.client.HTTPConnection(node_address(entry.cluster), entry.ports["http"])
    plain.request("GET", "/hub?a=b", headers={"Host": entry.domain})
    answer = plain.getresponse()
    assert answer.status == 301
    assert answer.headers["Location"] == f"{entry.url}/hub?a=b"


def test_traefik_keeps_to_the_namespace(entry: ClusterDeployment, cluster: Cluster) -> None:
    outside = [
        name
        for name, item in inventory.objects(cluster)
        if name.startswith(("ClusterRole", "IngressClass", "CustomResourceDefinition"))
        and entry.namespace in json.dumps(item, default=str)
    ]
    assert not outside


def test_files_are_looked_at_before_anything_is_changed(entry: ClusterDeployment) -> None:
    certificate, key = made("other.example.org")
    (entry.folder / "tls.crt").write_bytes(certificate)
    (entry.folder / "tls.key").write_bytes(key)
    files = {"type": "existing", "certificate_file": "tls.crt", "key_file": "tls.key"}
    before = shown(entry)
    entry.config["certificate"] = files
    done = entry.qhub("deploy", "--yes", "--until", LAST)
    assert done.returncode == 1
    assert f"is for other.example.org, not for {entry.domain}" in done.stderr
    assert shown(entry) == before


def test_a_certificate_of_files(entry: ClusterDeployment) -> None:
    certificate, key = made(entry.domain)
    (entry.folder / "tls.crt").write_bytes(certificate)
    (entry.folder / "tls.key").write_bytes(key)
    told = deploy(entry, {"type": "existing", "certificate_file": "tls.crt", "key_file": "tls.key"})
    assert shown(entry).key == Certificate.read(certificate).key
    assert "by R11" in told
    assert "doesn't trust it" in told


def test_a_secret_that_others_renew(entry: ClusterDeployment) -> None:
    certificate = {"type": "existing", "secret_name": "hub-tls"}
    entry.config["certificate"] = certificate
    done = entry.qhub("deploy", "--yes", "--until", LAST)
    assert done.returncode == 1
    assert "has no Secret hub-tls" in done.stderr

    put_secret(entry, "hub-tls", made(entry.domain, ends=5))
    assert "for 4 days more" in deploy(entry, certificate)

    renewed = made(entry.domain)
    put_secret(entry, "hub-tls", renewed)
    wanted = Certificate.read(renewed[0]).key
    assert eventually(lambda: shown(entry).key == wanted)

    put_secret(entry, "hub-tls", made("other.example.org"))
    assert eventually(lambda: not shown(entry).covers(entry.domain))
    assert "the one in Secret hub-tls is for other.example.org" in notices(entry)


def test_no_certificate(entry: ClusterDeployment) -> None:
    assert "is not encrypted" in deploy(entry, {"type": "disabled"})
    assert asked(entry, secure=False).status == 200
    with pytest.raises((OSError, ssl.SSLError)):
        asked(entry)


def test_an_issuer_that_gives_none(entry: ClusterDeployment) -> None:
    """What was asked for is kept, and that browsers are warned is said."""
    certificate = {"type": "lets-encrypt", "acme_email": "a@example.org", "acme_server": NOBODY}
    told = deploy(entry, certificate)
    assert "browsers get a self-signed certificate" in told
    assert "acme.invalid" in told
    assert "browsers get a self-signed certificate" in notices(entry)

    claims = entry.cluster.core.read_namespaced_persistent_volume_claim
    claim = entry.cluster.ask(claims, "traefik-certificates", entry.namespace)
    deploy(entry, {**certificate, "acme_email": "b@example.org"})
    again = entry.cluster.ask(claims, "traefik-certificates", entry.namespace)
    assert again.metadata.uid == claim.metadata.uid

    # The volume goes with the type, and nothing waits for a pod that still has it.
    deploy(entry, {"type": "self-signed"})
    assert shown(entry).obstacle(entry.domain) is None


def eventually(holds: Any, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def test_the_record_of_the_domain_comes_and_goes(
    entry: ClusterDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone, before = entry.domain.partition(".")[2], entry.config
    with serving(zone, monkeypatch) as cloudflare:
        credentials = {"api_token": {"env": "ZONE_TOKEN"}}
        record = {"provider": "cloudflare", "credentials": credentials, "auto_provision": True}
        entry.config = {**before, "dns": record}
        deploy(entry, {"type": "self-signed"})
        assert cloudflare.values(entry.domain, "A") == [node_address(entry.cluster)]
        changes = cloudflare.changes
        deploy(entry, {"type": "self-signed"})
        assert cloudflare.changes == changes
        meet = f"meet.{entry.domain}"
        entry.config["jitsi"] = {"enabled": True}
        deploy(entry, {"type": "self-signed"})
        assert cloudflare.values(meet, "A") == [node_address(entry.cluster)]
        del entry.config["jitsi"]
        deploy(entry, {"type": "self-signed"})
        assert {one["name"] for one in cloudflare.entries} == {
            entry.domain,
            f"_qhub.{entry.domain}",
        }
        entry.config["dns"] = record | {"auto_provision": False}
        deploy(entry, {"type": "self-signed"})
        assert not cloudflare.entries
        entry.config["dns"] = record
        deploy(entry, {"type": "self-signed"})
        assert cloudflare.values(entry.domain, "A")
        for path in entry.folder.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
        entry.destroy()
        assert not cloudflare.entries
    entry.config = before


@pytest.mark.last
def test_nothing_is_left(entry: ClusterDeployment, cluster: Cluster) -> None:
    entry.destroy()
    assert not inventory.left(cluster, entry.namespace)
