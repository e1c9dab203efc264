"""What the hub has to know of SSH: a service that starts people's servers and keeps them awake.

The hub declares it whether or not it runs: the service depends on the hub, not the hub on it.
"""

from __future__ import annotations

from typing import Any

SERVICE = "ssh"

ROLES: list[dict[str, Any]] = [
    {
        "name": "qhub-ssh",
        # The state of a server is the number of its process, whose limits sessions share.
        "scopes": [
            "read:users:name",
            "servers",
            "admin:server_state",
            "users:activity",
        ],
        "services": [SERVICE],
    }
]


def service(token: str) -> dict[str, Any]:
    """The service as JupyterHub takes it."""
    return {"name": SERVICE, "api_token": token, "display": False}


def may_log_in(name: str, owner: dict[str, Any]) -> bool:
    """Whether a token, as the hub describes it, is this person's own and opens their server.

    A token made for something less must not become a shell.
    """
    opening = {"access:servers", f"access:servers!user={name}", f"access:servers!server={name}/"}
    mine = owner.get("kind") == "user" and owner.get("name") == name
    return mine and bool(opening & {*owner.get("scopes", ())})
