"""What lets people into rooms of a Jitsi server that takes tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from qhub.config import Config, parse
from qhub.hub import room_token
from qhub.releases import jitsi
from qhub.stages.jitsi import KubernetesJitsi
from qhub.stages.jupyterhub import KubernetesJupyterHub, room_access
from tests.existing import HEAD

ACCESS = {
    "server": "https://meet.example.org:8443/x",
    "app_id": "qhub",
    "app_secret": "known to two",
    "subject": "meet.jitsi",
    "project": "demo",
}
ADA = {"name": "ada", "admin": True}


def made(text: str) -> Config:
    return parse(f"{HEAD}{text}\n")


def read(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token, which has to be signed."""
    signed, _, proof = token.rpartition(".")
    wanted = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    assert proof == base64.urlsafe_b64encode(wanted).decode().rstrip("=")
    head, claims = (json.loads(base64.urlsafe_b64decode(p + "==")) for p in signed.split("."))
    assert head == {"alg": "HS256", "typ": "JWT"}
    return claims  # type: ignore[no-any-return]


def test_a_token_is_for_one_room_and_one_person_and_a_while() -> None:
    claims = read(room_token.token(ACCESS, "demo-staff", ADA, 1_700_000_000), "known to two")
    assert claims["room"] == "demo-staff"
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("qhub", "qhub", "meet.jitsi")
    assert claims["context"]["user"] == {"id": "ada", "name": "ada", "moderator": True}
    assert claims["nbf"] < claims["iat"] == 1_700_000_000
    assert 0 < claims["exp"] - claims["iat"] <= 3600


def test_a_room_is_at_the_server_with_its_token() -> None:
    found = room_token.address(ACCESS, "Staff", ADA)
    match = re.fullmatch(r"https://meet\.example\.org:8443/x/demo-staff\?jwt=([\w.-]+)", found)
    assert match
    assert read(match[1], "known to two")["room"] == "demo-staff"


def test_an_own_server_has_a_name_below_the_deployment_s() -> None:
    config = made("jitsi: {enabled: true}")
    given = KubernetesJitsi().inputs(config)
    assert given.server == "https://meet.hub.example.org"
    assert given.domain == "meet.hub.example.org"
    assert given.door
    assert given.values["enableGuests"] is False
    assert given.values["extraCommonEnvs"]["AUTH_TYPE"] == "jwt"
    access = room_access(config)
    assert access
    assert access["subject"] == given.values["xmpp"]["domain"]
    assert access["app_id"] == given.values["extraCommonEnvs"]["JWT_APP_ID"]
    named = KubernetesJitsi().inputs(made("jitsi: {enabled: true, domain: talk.example.org}"))
    assert named.server == "https://talk.example.org"


def test_its_port_belongs_to_the_address_where_the_deployment_s_does() -> None:
    nodes = "ingress: {service: NodePort, node_ports: {https: 30443}}\njitsi: {enabled: true}"
    assert KubernetesJitsi().inputs(made(nodes)).server == "https://meet.hub.example.org:30443"


def test_a_server_of_others_takes_tokens_where_the_file_says_so() -> None:
    open_to_all = made("jitsi: {enabled: true, server: 'https://meet.example.org'}")
    assert room_access(open_to_all) is None
    assert not KubernetesJitsi().inputs(open_to_all).door
    assert KubernetesJitsi().inputs(open_to_all).chart is None
    tokens = made(
        "jitsi: {enabled: true, server: 'https://meet.example.org:8443', app_id: demo,"
        " app_secret: {env: HOME}}"
    )
    access = room_access(tokens)
    assert access
    assert (access["app_id"], access["subject"]) == ("demo", "meet.example.org")
    assert KubernetesJitsi().inputs(tokens).door


def test_the_secret_reaches_the_hub_alone() -> None:
    tokens = made(
        "jitsi: {enabled: true, server: 'https://meet.example.org', app_id: demo,"
        " app_secret: {env: QHUB_TEST_NOT_SET}}"
    )
    settings = KubernetesJupyterHub().inputs(tokens).settings
    assert "app_secret" not in settings["room_access"]
    assert "QHUB_TEST_NOT_SET" not in json.dumps(settings)


def test_sound_and_pictures_are_announced_where_they_are_reached() -> None:
    def bridge(media: str) -> dict[str, Any]:
        text = f"cluster: {{pod_security: privileged}}\njitsi: {{enabled: true, media: {media}}}"
        return jitsi.values(made(text), "https://meet.example.org")["jvb"]  # type: ignore[no-any-return]

    nodes = bridge("{}")
    assert nodes["nodePort"] == nodes["UDPPort"] == 30000, (
        "browsers are told the port it listens on"
    )
    assert nodes["useNodeIP"]
    assert nodes["disableStun"]
    named = bridge("{addresses: [192.0.2.7]}")
    assert named["publicIPs"] == ["192.0.2.7"]
    assert not named["useNodeIP"]
    balancer = bridge("{service: LoadBalancer}")
    assert balancer["UDPPort"] == 10000
    assert not balancer["disableStun"], "it has to find out its address"
    assert bridge("{service: HostPort, port: 10001}")["useHostPort"]
