"""The release of our own kubessh chart: SSH into people's pods."""

from __future__ import annotations

import hashlib
from typing import Any

from qhub.config import Config
from qhub.releases.chart import mirrored

IMAGE = "docker.io/library/python:3.13.9-slim"
_POD = "jupyter-"


def values(config: Config) -> dict[str, Any]:
    """What the chart is told."""
    own = config.kubessh.image
    traefik = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "traefik"}}}
    return {
        "image": str(mirrored(config, own or IMAGE)),
        "installRequirements": own is None,
        "pods": sorted(map(pod_name, config.security.users)),
        "proxyProtocol": True,
        "networkPolicy": {"from": [traefik]},
    }


def pod_name(user: str) -> str:
    """The pod of a person's server, as KubeSpawner names it.

    A name that is not one of Kubernetes', or could be that of another's pod, gets a hash.
    """
    if user[0].isalpha() and "--" not in user:
        return f"{_POD}{user}"
    plain = "-".join(part for part in user.split("-") if part)
    plain = plain if plain[0].isalpha() else f"x-{plain}"
    return f"{_POD}{plain}---{hashlib.sha256(user.encode()).hexdigest()[:8]}"
