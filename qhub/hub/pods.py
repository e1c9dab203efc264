"""The hub's configuration where servers are pods of a cluster.

The JupyterHub chart calls `configure` at the end of its own configuration, with the settings of
two mounted files: what may be read, and the secrets.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import common, dask_service, monitoring, ssh_service
from .conda_store import service as conda_store
from .membership import Membership
from .pod import UMASK
from .pod_spawner import PodSpawner
from .profiles import Profiles

SETTINGS, SECRETS = "settings.json", "secrets.json"
_SPAWNERS = ("users", "groups", "cluster", "dask", "conda_store")


def read(folder: Path) -> dict[str, Any]:
    """The settings with the secrets put where the hub looks for them."""
    settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    secrets = json.loads((folder / SECRETS).read_text(encoding="utf-8"))
    for name, hashed in secrets["passwords"].items():
        settings["users"][name]["password_hash"] = hashed
    settings["authentication"]["config"] = secrets["authentication"]
    settings["tokens"] = secrets["tokens"]
    if settings["room_access"]:
        settings["room_access"]["app_secret"] = secrets["rooms"] or secrets["tokens"]["jitsi"]
    return settings


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Everything: the common part, then this platform's."""
    membership = common.configure(c, settings, settings["cluster"]["url"])
    c.JupyterHub.tornado_settings["slow_spawn_timeout"] = 0
    _services(c, settings)
    _spawner(c, settings, membership)


def _services(c: Any, settings: dict[str, Any]) -> None:
    tokens = settings["tokens"]
    c.JupyterHub.services = [
        *c.JupyterHub.services,  # the chart's own: its culler
        {"name": "qhub", "api_token": tokens["qhub"]},
        dask_service.service(settings["dask"]["url"], tokens[dask_service.SERVICE]),
        ssh_service.service(tokens[ssh_service.SERVICE]),
    ]
    c.JupyterHub.load_roles = [
        *c.JupyterHub.load_roles,
        *dask_service.ROLES,
        *ssh_service.ROLES,
        common.OPERATOR_ROLE,
    ]
    if settings["monitoring"]:
        monitoring.configure(c, tokens)
    if settings["conda_store"]:
        conda_store.configure(c, tokens)


def _spawner(c: Any, settings: dict[str, Any], membership: Membership) -> None:
    c.JupyterHub.spawner_class = PodSpawner
    PodSpawner.membership = membership
    PodSpawner.profiles = Profiles(settings["profiles"], membership.of)
    spawner = c.PodSpawner
    spawner.settings = {key: settings[key] for key in _SPAWNERS}
    # Names of claims that a restore makes, too; and files outlive who is removed at the hub.
    spawner.pvc_name_template = "claim-{unescaped_username}"
    spawner.delete_pvc = False
    spawner.cmd = [*UMASK, "jupyterhub-singleuser"]
    spawner.args = common.server_arguments(settings["idle_culler"], settings["cluster"]["url"])
    spawner.start_timeout = 600  # a node may have to be made first, and an image pulled
    spawner.http_timeout = 120
    spawner.allow_privilege_escalation = False
    spawner.container_security_context = {"capabilities": {"drop": ["ALL"]}}
    spawner.pod_security_context = {"seccompProfile": {"type": "RuntimeDefault"}}
