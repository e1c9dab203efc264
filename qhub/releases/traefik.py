"""The release of Traefik, by which users reach everything.

No custom resources and nothing outside the namespace: routes are Ingresses that an annotation marks
as the deployment's own and, for SSH, a file. So nothing of it is left in the cluster, it reads no
other namespace's secrets, and another Traefik beside it is none of its business.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from qhub.config import Config
from qhub.releases.chart import Chart, chart, mirrored

VERSION = "41.3.0"
IMAGE = "docker.io/library/traefik:v3.7.11"
SSH_SERVICE = "kubessh"
"""The Service of 08-kubessh, which may come later or never."""

SSH_ENTRY = 8022
"""The port of Traefik's own pods for it."""

PING = "/ping"
"""What Traefik answers itself at the deployment's address, whatever else is deployed."""

ACME = "acme"
"""The name under which Traefik's log tells of certificates that it asks for."""

_STORAGE = "/data"
_DELAY = "15s"
"""Traefik asks for a certificate as soon as it starts, long before its Service leads to it."""

_USER = 65532
_YEAR = 365 * 24 * 3600


def source(config: Config) -> Chart:
    """The chart."""
    return chart(config, "https://traefik.github.io/charts", "traefik", VERSION)


def values(config: Config, class_name: str) -> dict[str, Any]:
    """What the chart is told; `class_name` tells its Ingresses from those of others."""
    image = mirrored(config, IMAGE)
    return {
        "image": {"registry": image.registry, "repository": image.name, "tag": image.tag},
        "ingressClass": {"enabled": False},
        "api": {"dashboard": False},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"noColor": True},
        "providers": {
            "kubernetesCRD": {"enabled": False},
            "kubernetesIngress": {
                "ingressClass": class_name,
                # Of ports of the nodes it could only be told by looking at nodes.
                "publishedService": {"enabled": config.ingress.service == "LoadBalancer"},
            },
            "file": {"enabled": True, "content": _routes(config)},
        },
        "rbac": {"namespaced": True},
        "ports": _ports(config),
        "service": _service(config),
        "readinessProbe": {"periodSeconds": 2},  # its users wait for it
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        **(_acme(config) if config.certificate.type == "lets-encrypt" else {}),
    }


def environment(config: Config) -> dict[str, str]:
    """What Traefik has to know to answer the `dns` challenge: secrets.

    Raises:
        MissingSecret: One that the config refers to is not there.
    """
    certificate, given = config.certificate, config.dns.credentials
    if certificate.type != "lets-encrypt" or certificate.acme_challenge_type != "dns":
        return {}
    references = {
        "CF_DNS_API_TOKEN": given.api_token,
        "AWS_ACCESS_KEY_ID": given.access_key_id,
        "AWS_SECRET_ACCESS_KEY": given.secret_access_key,
    }
    found = {name: secret.resolve() for name, secret in references.items() if secret}
    # Route 53 is the same everywhere, but its client wants a region.
    return found | ({"AWS_REGION": "us-east-1"} if config.dns.provider == "route53" else {})


def _service(config: Config) -> dict[str, Any]:
    ingress = config.ingress
    spec: dict[str, Any] = {"type": ingress.service}
    if ingress.service == "LoadBalancer":
        # Else all visitors come from the address of a node, and share the limits of one. Ports of
        # nodes have to be answered by each node, also where no Traefik is.
        spec["externalTrafficPolicy"] = "Local"
    if ingress.source_ranges:
        spec["loadBalancerSourceRanges"] = ingress.source_ranges
    return {"spec": spec, "annotations": ingress.annotations}


def _ports(config: Config) -> dict[str, Any]:
    nodes = config.ingress.node_ports
    secure = config.certificate.type != "disabled"
    web, websecure = _entry(nodes.http, 80), _entry(nodes.https, 443)
    if secure:
        target = {"to": "websecure", "scheme": "https", "permanent": True}
        web["http"]["redirections"] = {"entryPoint": target}
    if config.certificate.type == "lets-encrypt":
        websecure["http"]["tls"] = {"certResolver": ACME}
    ports = {"web": web, "websecure": websecure | {"expose": {"default": secure}}}
    if config.kubessh.enabled:
        ports["ssh"] = {
            "port": SSH_ENTRY,
            "exposedPort": config.kubessh.port,
            "nodePort": nodes.ssh,
            "protocol": "TCP",
            "expose": {"default": True},
        }
    return ports


def _entry(node_port: int | None, usual: int) -> dict[str, Any]:
    return {
        "nodePort": node_port,
        # Where users come to a port of the nodes, that is where they are to be sent as well.
        "exposedPort": node_port or usual,
        "transport": {"respondingTimeouts": {"readTimeout": "10m"}},  # else uploads end after one
        # With no forwardedHeaders, what visitors say of where they come from is dropped, and so is
        # what servers could mistake for it.
        "http": {"middlewares": ["answers@file"], "underscoreHeadersStrategy": "delete"},
    }


def _routes(config: Config) -> dict[str, Any]:
    secure = config.certificate.type != "disabled"
    ping = {
        "entryPoints": ["websecure" if secure else "web"],
        "rule": f"Host(`{config.domain}`) && Path(`{PING}`)",
        "service": "ping@internal",
        "priority": 1000,  # over any Ingress, whose priority is the length of its rule
    }
    routes: dict[str, Any] = {
        "http": {
            "routers": {"ping": ping},
            "middlewares": {"answers": {"headers": _headers(config)}},
        }
    }
    if config.kubessh.enabled:
        server = {"address": f"{SSH_SERVICE}.{config.namespace}.svc:8022"}
        router = {"entryPoints": ["ssh"], "rule": "HostSNI(`*`)", "service": "ssh"}
        # It counts wrong tokens by the address of who tries them, which Traefik alone sees.
        balancer = {"servers": [server], "serversTransport": "ssh"}
        routes["tcp"] = {
            "routers": {"ssh": router},
            "services": {"ssh": {"loadBalancer": balancer}},
            "serversTransports": {"ssh": {"proxyProtocol": {"version": 2}}},
        }
    return routes


def _headers(config: Config) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "contentTypeNosniff": True,
        "referrerPolicy": "same-origin",
        "customResponseHeaders": {"Server": ""},  # whose version is nobody's business
    }
    # A browser keeps to it for all ports of the name, and then lets nobody past a bad certificate.
    trusted = config.certificate.type in ("lets-encrypt", "existing")
    if trusted and config.ingress.node_ports.https is None:
        headers["stsSeconds"] = _YEAR
    return headers


def _acme(config: Config) -> dict[str, Any]:
    """Traefik gets the certificate itself, and keeps it on a volume: the issuer gives few a week.

    Of the volume, the stage's module says which.
    """
    certificate = config.certificate
    challenges: dict[str, dict[str, Any]] = {
        "http": {"httpChallenge": {"entryPoint": "web", "delay": _DELAY}},
        "tls": {"tlsChallenge": {"delay": _DELAY}},
        "dns": {"dnsChallenge": {"provider": config.dns.provider}},
    }
    challenge = challenges[certificate.acme_challenge_type]
    issuer = {
        "email": certificate.acme_email,
        "caServer": certificate.acme_server,
        # A file for each issuer: what the one for trials gave is not to be kept afterwards.
        "storage": f"{_STORAGE}/{urlsplit(certificate.acme_server).hostname}.json",
    }
    return {
        "certificatesResolvers": {ACME: {"acme": {**issuer, **challenge}}},
        "persistence": {"path": _STORAGE},
        "podSecurityContext": {
            "fsGroup": _USER,
            # Else its file would be opened to the group at each start, and Traefik refuse it.
            "fsGroupChangePolicy": "OnRootMismatch",
        },
        # The volume is for one pod at a time.
        "updateStrategy": {"type": "Recreate"},
    }
