"""What the hub has to know of conda-store: that it exists, and how people get there from it."""

from __future__ import annotations

from typing import Any

from .places import PREFIX as PREFIX

SERVICE = "conda-store"
CALLBACK = f"{PREFIX}/oauth_callback/"
"""Where the hub sends people back who log in at conda-store."""
HEALTH = f"{PREFIX}/api/v1/"
ACCESS = f"access:services!service={SERVICE}"


def client_id() -> str:
    """The name under which conda-store asks the hub who somebody is."""
    return f"service-{SERVICE}"


def configure(c: Any, tokens: dict[str, str]) -> None:
    """Let everybody log in at conda-store by the hub, which asks no further question."""
    service = {
        "name": SERVICE,
        "api_token": tokens[SERVICE],
        "oauth_client_id": client_id(),
        "oauth_redirect_uri": CALLBACK,
        "oauth_no_confirm": True,
        "display": False,
    }
    c.JupyterHub.services = [*c.JupyterHub.services, service]
    c.JupyterHub.load_roles = [
        role | {"scopes": [*role["scopes"], ACCESS]} if role["name"] == "user" else role
        for role in c.JupyterHub.load_roles
    ]
