"""The release of Dask-Gateway.

Its Traefik is a second one, reached from inside the cluster alone: by the hub's proxy for browsers,
by people's servers for the rest. Rights and network rules come by a chart of our own, since the
chart's would hold for the whole cluster.
"""

from __future__ import annotations

from typing import Any

from qhub.config import Config
from qhub.config.fields import Image
from qhub.releases import jupyterhub, traefik
from qhub.releases.chart import Chart, chart, mirrored, named

VERSION = "2026.3.0"
IMAGE = f"ghcr.io/dask/dask-gateway-server:{VERSION}"
SECRET, HUB_TOKEN, COOKIES = "qhub-dask-gateway", "hub", "cookies"
COOKIES_VARIABLE = "QHUB_COOKIES"
"""The Secret that the gateway reads, and its keys."""


def source(config: Config) -> Chart:
    """The chart."""
    return chart(config, "https://helm.dask.org", "dask-gateway", VERSION)


def gateway_image(config: Config) -> Image:
    """The image of the gateway's own services."""
    return mirrored(config, config.default_images.dask_gateway or IMAGE)


def cluster_image(config: Config) -> Image | None:
    """The image of clusters, whatever that of the notebook; None: the notebook's own."""
    named = config.default_images.dask_worker
    return mirrored(config, named) if named else None


def default_image(config: Config) -> Image:
    """The image of clusters that are made outside a notebook."""
    return cluster_image(config) or jupyterhub.server_image(config)


def instance(name: str) -> str:
    """What names its objects, also those that have no namespace; `name` is the deployment's."""
    return f"dask-{name}"


def address(config: Config, name: str) -> str:
    """Where it is reached from inside the cluster."""
    return f"http://traefik-{instance(name)}.{config.namespace}.svc:80"


def values(config: Config, name: str, prefix: str) -> dict[str, Any]:
    """What the chart is told.

    Args:
        config: The deployment.
        name: What tells the deployment from others of its cluster.
        prefix: The path below which it answers.
    """
    image = named(gateway_image(config))
    account = instance(name)
    return {
        "fullnameOverride": account,
        "gateway": {
            "image": image,
            "prefix": prefix,
            # Our code names one for each cluster; the chart's own would be one from elsewhere.
            "backend": {"image": named(default_image(config))},
            "resources": _small("20m", "96Mi"),
            "auth": {
                "type": "jupyterhub",
                "jupyterhub": {
                    "apiTokenFromSecretName": SECRET,
                    "apiTokenFromSecretKey": HUB_TOKEN,
                    "jupyterhubServiceName": "dask-gateway",
                },
            },
            "env": [
                {
                    "name": COOKIES_VARIABLE,
                    "valueFrom": {"secretKeyRef": {"name": SECRET, "key": COOKIES}},
                }
            ],
        },
        "controller": {"image": image, "resources": _small("20m", "96Mi")},
        "traefik": {
            "image": named(mirrored(config, traefik.IMAGE)),
            "resources": _small("20m", "64Mi"),
            "service": {"type": "ClusterIP"},
            "additionalArguments": [
                f"--providers.kubernetescrd.namespaces={config.namespace}",
                "--providers.kubernetescrd.disableclusterscoperesources=true",
                f"--entrypoints.web.http.middlewares={config.namespace}-{account}@kubernetescrd",
            ],
        },
        "rbac": {
            part: {"serviceAccountName": f"{account}-{part}"}
            for part in ("gateway", "controller", "traefik")
        },
    }


def _small(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}}
