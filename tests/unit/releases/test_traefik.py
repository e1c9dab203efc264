"""What the Traefik chart is told, for each way to be reached."""

from __future__ import annotations

from typing import Any

import pytest

from qhub.config import Config
from qhub.releases import traefik

from ..config.support import config

CLUSTER = "project_name: demo\nprovider: existing\ndomain: hub.example.org\n"
ACME = "certificate: {type: lets-encrypt, acme_email: ops@example.org"


def made(text: str) -> Config:
    return config(text, head=CLUSTER)


def told(text: str) -> dict[str, Any]:
    return traefik.values(made(text), "demo-dev")


def headers(values: dict[str, Any]) -> dict[str, Any]:
    found = values["providers"]["file"]["content"]["http"]["middlewares"]["answers"]["headers"]
    assert isinstance(found, dict)
    return found


def test_it_asks_for_nothing_outside_the_namespace() -> None:
    values = told("")
    assert values["rbac"] == {"namespaced": True}
    assert values["ingressClass"] == {"enabled": False}
    assert values["providers"]["kubernetesCRD"] == {"enabled": False}


def test_plain_http_is_sent_to_https() -> None:
    target = told("")["ports"]["web"]["http"]["redirections"]["entryPoint"]
    assert target == {"to": "websecure", "scheme": "https", "permanent": True}


def test_whoever_comes_to_a_port_of_the_nodes_is_sent_to_one() -> None:
    ports = told("ingress: {service: NodePort, node_ports: {http: 30080, https: 30443}}\n")["ports"]
    assert ports["websecure"]["nodePort"] == ports["websecure"]["exposedPort"] == 30443


def test_without_certificate_there_is_no_https() -> None:
    ports = told("certificate: {type: disabled}\n")["ports"]
    assert ports["websecure"]["expose"] == {"default": False}
    assert "redirections" not in ports["web"]["http"]


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("certificate: {type: existing, secret_name: tls}\n", True),
        (f"{ACME}}}\n", True),
        # Nobody could get past the warning any more.
        ("certificate: {type: self-signed}\n", False),
        ("certificate: {type: disabled}\n", False),
        # It would hold for the port of plain HTTP as well.
        (f"{ACME}}}\ningress: {{service: NodePort, node_ports: {{https: 30443}}}}\n", False),
    ],
)
def test_browsers_are_told_to_stay_with_https_where_they_can(text: str, lasts: bool) -> None:
    assert ("stsSeconds" in headers(told(text))) is lasts


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ("http", {"httpChallenge": {"entryPoint": "web", "delay": "15s"}}),
        ("tls", {"tlsChallenge": {"delay": "15s"}}),
        ("dns", {"dnsChallenge": {"provider": "route53"}}),
    ],
)
def test_challenges(challenge: str, expected: dict[str, Any]) -> None:
    values = told(f"{ACME}, acme_challenge_type: {challenge}}}\ndns: {{provider: route53}}\n")
    acme = values["certificatesResolvers"]["acme"]["acme"]
    assert expected.items() <= acme.items()
    assert sum(key.endswith("Challenge") for key in acme) == 1
    assert values["ports"]["websecure"]["http"]["tls"] == {"certResolver": "acme"}


def test_certificates_that_were_asked_for_are_kept() -> None:
    values = told(f"{ACME}}}\n")
    storage = values["certificatesResolvers"]["acme"]["acme"]["storage"]
    assert storage.startswith(values["persistence"]["path"])
    assert values["updateStrategy"] == {"type": "Recreate"}


def test_what_the_issuer_for_trials_gave_is_not_kept_with_another_one() -> None:
    trial = told(f"{ACME}, acme_server: 'https://acme.example.org:14000/dir'}}\n")
    acme = trial["certificatesResolvers"]["acme"]["acme"]
    assert acme["caServer"] == "https://acme.example.org:14000/dir"
    assert acme["storage"] == "/data/acme.example.org.json"
    assert (
        told(f"{ACME}}}\n")["certificatesResolvers"]["acme"]["acme"]["storage"] != acme["storage"]
    )


def test_a_zone_s_credentials_reach_traefik_for_its_challenge_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "sesame")
    zone = "dns: {provider: cloudflare, credentials: {api_token: {env: TOKEN}}}\n"
    asked = made(f"{ACME}, acme_challenge_type: dns}}\n{zone}")
    assert traefik.environment(asked) == {"CF_DNS_API_TOKEN": "sesame"}
    assert traefik.environment(made(f"{ACME}}}\n{zone}")) == {}
    assert "sesame" not in str(traefik.values(asked, "demo-dev"))


def test_route_53_can_do_with_the_role_of_the_nodes() -> None:
    asked = made(f"{ACME}, acme_challenge_type: dns}}\ndns: {{provider: route53}}\n")
    assert traefik.environment(asked) == {"AWS_REGION": "us-east-1"}


def test_the_load_balancer_is_as_the_file_says() -> None:
    service = told("ingress: {annotations: {a.b/c: 'yes'}, source_ranges: [192.0.2.0/24]}\n")
    assert service["service"] == {
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "loadBalancerSourceRanges": ["192.0.2.0/24"],
        },
        "annotations": {"a.b/c": "yes"},
    }


def test_traefik_answers_itself_also_beside_an_ingress_for_everything() -> None:
    ping = told("")["providers"]["file"]["content"]["http"]["routers"]["ping"]
    assert ping["priority"] > len("Host(`hub.example.org`) && PathPrefix(`/`)")


def test_ssh_has_a_port_of_its_own() -> None:
    values = told("kubessh: {enabled: true, port: 2222}\n")
    assert values["ports"]["ssh"]["exposedPort"] == 2222
    assert "ssh" in values["providers"]["file"]["content"]["tcp"]["routers"]
    assert "ssh" not in told("")["ports"]
