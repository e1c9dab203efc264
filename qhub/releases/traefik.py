"""The release of Traefik, by which users reach everything.

No custom resources: routes are Ingresses and, for SSH, a file. So nothing of it is left in the
cluster, and another Traefik beside it is none of our business.
"""

from __future__ import annotations

from typing import Any

from qhub.config import Config
from qhub.releases.chart import Chart, chart, mirrored

VERSION = "41.3.0"
IMAGE = "docker.io/library/traefik:v3.7.11"
SSH_SERVICE = "kubessh"
"""The Service of 08-kubessh, which may come later or never."""


def source(config: Config) -> Chart:
    """The chart."""
    return chart(config, "https://traefik.github.io/charts", "traefik", VERSION)


def values(config: Config, class_name: str) -> dict[str, Any]:
    """What the chart is told; `class_name` tells its Ingresses from those of others."""
    image = mirrored(config, IMAGE)
    return {
        "image": {"registry": image.registry, "repository": image.name, "tag": image.tag},
        "ingressClass": {"enabled": True, "isDefaultClass": False, "name": class_name},
        "gateway": {"enabled": False},
        "gatewayClass": {"enabled": False},
        "api": {"dashboard": False},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "providers": {
            "kubernetesCRD": {"enabled": False},
            "kubernetesIngress": {"ingressClass": class_name, "namespaces": [config.namespace]},
            "file": {"enabled": True, "content": _routes(config)},
        },
        "rbac": {"namespaced": False},
        "ports": _ports(config),
        "service": {"spec": {"type": config.ingress.service}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def _ports(config: Config) -> dict[str, Any]:
    nodes = config.ingress.node_ports
    secure = config.certificate.type != "disabled"
    ports: dict[str, Any] = {
        "web": {"nodePort": nodes.http, "asDefault": not secure},
        "websecure": {"nodePort": nodes.https, "expose": {"default": secure}},
    }
    if secure:
        ports["web"]["http"] = {
            "redirections": {"entryPoint": {"to": "websecure", "scheme": "https"}}
        }
    if config.kubessh.enabled:
        ports["ssh"] = {
            "port": 8022,
            "exposedPort": config.kubessh.port,
            "nodePort": nodes.ssh,
            "protocol": "TCP",
            "expose": {"default": True},
        }
    return ports


def _routes(config: Config) -> dict[str, Any]:
    if not config.kubessh.enabled:
        return {}
    server = {"address": f"{SSH_SERVICE}.{config.namespace}.svc:8022"}
    router = {"entryPoints": ["ssh"], "rule": "HostSNI(`*`)", "service": "ssh"}
    return {
        "tcp": {
            "routers": {"ssh": router},
            "services": {"ssh": {"loadBalancer": {"servers": [server]}}},
        }
    }
