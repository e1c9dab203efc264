"""The release of Zero to JupyterHub."""

from __future__ import annotations

from typing import Any

from qhub.config import Config
from qhub.config.fields import Image
from qhub.releases.chart import Chart, chart, mirrored, named

VERSION = "4.4.0"
CODE, SETTINGS, PANEL = "/srv/qhub/code", "/srv/qhub/settings", "/opt/qhub/jupyter"
"""Where the hub finds its Python code and settings, and servers what comes along for JupyterLab."""

HUB_IMAGE = f"quay.io/jupyterhub/k8s-hub:{VERSION}"
SERVER_IMAGE = f"quay.io/jupyterhub/k8s-singleuser-sample:{VERSION}"
_PROXY_IMAGE = "quay.io/jupyterhub/configurable-http-proxy:5.3.0"
_PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2"
_START = f"""\
import sys
from pathlib import Path
sys.path.insert(0, {CODE!r})
from qhub_hub import pods
pods.configure(c, pods.read(Path({SETTINGS!r})))
"""


def source(config: Config) -> Chart:
    """The chart."""
    return chart(config, "https://hub.jupyter.org/helm-chart", "jupyterhub", VERSION)


def hub_image(config: Config) -> Image:
    """The hub's image."""
    return mirrored(config, config.default_images.jupyterhub or HUB_IMAGE)


def server_image(config: Config) -> Image:
    """The image of servers whose profile names none."""
    return mirrored(config, config.default_images.jupyterlab or SERVER_IMAGE)


def values(config: Config, priorities: dict[str, str]) -> dict[str, Any]:
    """What the chart is told.

    Args:
        config: The deployment.
        priorities: PriorityClasses of `services`, `users` and `placeholders`.
    """
    culler = config.jupyterlab.idle_culler
    return {
        "hub": _hub(config, priorities["services"]),
        "proxy": {
            "service": {"type": "ClusterIP"},
            "chp": {
                "image": named(mirrored(config, _PROXY_IMAGE)),
                "resources": _small("50m", "64Mi"),
                "networkPolicy": {"enabled": True},
                "extraPodSpec": {"priorityClassName": priorities["services"]},
            },
        },
        "singleuser": {
            "image": named(server_image(config)),
            "storage": {"type": "none"},
            "fsGid": None,
            # An init container that may change the node's firewall; the NetworkPolicy does it.
            "cloudMetadata": {"blockWithIptables": False},
            # The internet is allowed by a policy of 03-kubernetes-initialize, with more left out.
            "networkPolicy": {"enabled": True, "egressAllowRules": {"nonPrivateIPs": False}},
            "extraPodConfig": {
                "priorityClassName": priorities["users"],
                "enableServiceLinks": False,
            },
            "startTimeout": 600,
        },
        "scheduling": {
            # A second scheduler would need rights over the whole cluster.
            "userScheduler": {"enabled": False},
            "userPlaceholder": {
                "image": named(mirrored(config, _PAUSE_IMAGE)),
                "replicas": config.jupyterhub.placeholders,
                "extraPodSpec": {"priorityClassName": priorities["placeholders"]},
            },
            "userPods": {"nodeAffinity": {"matchNodePurpose": "ignore"}},
            "corePods": {"nodeAffinity": {"matchNodePurpose": "ignore"}},
        },
        # Its images would be pulled to every node of the cluster, also those not meant for it.
        "prePuller": {"hook": {"enabled": False}, "continuous": {"enabled": False}},
        "cull": {
            "enabled": culler.server_shutdown_no_activity_timeout > 0,
            "timeout": culler.server_shutdown_no_activity_timeout * 60,
            "every": 60,
        },
    }


def _hub(config: Config, priority: str) -> dict[str, Any]:
    code = {"name": "qhub-code", "configMap": {"name": "qhub-hub-code"}}
    return {
        "image": named(hub_image(config)),
        "resources": _small("100m", "256Mi"),
        "db": {"type": "sqlite-pvc", "pvc": {"storage": "1Gi"}},
        # An API server that is slow makes the pod all the same; asked again, it would end it first.
        "config": {"KubeSpawner": {"k8s_api_request_timeout": 30}},
        "extraConfig": {"zz-qhub": _START},
        "extraVolumes": [code, {"name": "qhub-settings", "secret": {"secretName": "qhub-hub"}}],
        "extraVolumeMounts": [
            {"name": "qhub-code", "mountPath": f"{CODE}/qhub_hub", "readOnly": True},
            {"name": "qhub-settings", "mountPath": SETTINGS, "readOnly": True},
        ],
        "networkPolicy": {"enabled": True},
        "extraPodSpec": {"priorityClassName": priority},
    }


def _small(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}}
