"""What the hub has to know of Dask-Gateway: a service behind its proxy, who may use it, and how.

The hub declares it whether or not it runs: the service depends on the hub, not the hub on it.
"""

from __future__ import annotations

from typing import Any

SERVICE = "dask-gateway"
PREFIX = f"/services/{SERVICE}"
CHECK = "/api/dashboard"
"""Where the proxy asks who may see a dashboard, at the gateway's own address."""
CALLBACK = f"{PREFIX}/api/oauth_callback"
"""Where the hub sends people back who want to see a dashboard."""
_ACCESS = f"access:services!service={SERVICE}"

ROLES = [
    {"name": "user", "scopes": ["self", _ACCESS]},
    # A server's own token: what JupyterHub gives it, and Dask-Gateway.
    {"name": "server", "scopes": ["users:activity!user", "access:servers!server", _ACCESS]},
]


def service(url: str, token: str) -> dict[str, Any]:
    """The service as JupyterHub takes it; the hub's proxy gets a route to its `url`."""
    return {
        "name": SERVICE,
        "url": url,
        "api_token": token,
        "display": False,
        "oauth_redirect_uri": CALLBACK,
        "oauth_no_confirm": True,
    }


def client_environment(url: str, public: str) -> dict[str, str]:
    """What makes `Gateway()` find the gateway from a person's server, without an argument.

    Args:
        url: the gateway's own address.
        public: the address that people open the hub by.
    """
    return {
        "DASK_GATEWAY__ADDRESS": f"{url}{PREFIX}",
        "DASK_GATEWAY__PUBLIC_ADDRESS": f"{public}{PREFIX}",
        "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
        "DASK_GATEWAY__HTTP_CLIENT__PROXY": "False",
    }
