"""What the hub has to know of Prometheus: a service that may read metrics, and nothing else."""

from __future__ import annotations

from typing import Any

SERVICE = "prometheus"
HUB_PATH = "/hub/metrics"
PROXY_PATH = "/metrics/proxy"
GATEWAY_PATH = "/api/metrics"
"""Below the gateway's own prefix."""


def configure(c: Any, tokens: dict[str, str]) -> None:
    """Let who holds the token read the hub's metrics; without this, admins alone may."""
    c.JupyterHub.services = [
        *c.JupyterHub.services,
        {"name": SERVICE, "api_token": tokens[SERVICE], "display": False},
    ]
    role = {"name": "qhub-prometheus", "scopes": ["read:metrics"], "services": [SERVICE]}
    c.JupyterHub.load_roles = [*c.JupyterHub.load_roles, role]
