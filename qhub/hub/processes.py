"""The hub's configuration where servers are processes of one machine, Traefik in front.

`jupyterhub_config.py` calls `configure` with the settings that `qhub-local jupyterhub apply`
wrote. Supervisor runs the hub, the proxy and the culler: the hub starts and ends none of them, so
that people's servers outlive a restart of any.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bcrypt

from . import common, dask_service, monitoring, ssh_service
from .conda_store import service as conda_store
from .membership import Membership
from .profiles import Profile, Profiles, graphics_cards
from .spawner import ProcessSpawner


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Everything: the common part, then this platform's."""
    machine = settings["machine"]
    membership = common.configure(c, settings, machine["bind_url"])
    _hub(c, machine)
    _proxy(c, machine)
    _services(c, settings["tokens"], machine)
    if settings["monitoring"]:
        monitoring.configure(c, settings["tokens"])
    if settings["conda_store"]:
        conda_store.configure(c, settings["tokens"])
    _spawner(c, settings, machine, membership)


def _hub(c: Any, machine: dict[str, Any]) -> None:
    private = Path(machine["private"])
    c.JupyterHub.bind_url = machine["bind_url"]
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{machine['ports']['hub']}"
    c.JupyterHub.db_url = f"sqlite:///{private / 'jupyterhub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(private / "cookie_secret")
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.last_activity_interval = 60
    c.JupyterHub.load_roles = []


def _proxy(c: Any, machine: dict[str, Any]) -> None:
    from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy

    token = machine["proxy_token"]
    c.JupyterHub.proxy_class = TraefikFileProviderProxy
    proxy = c.TraefikFileProviderProxy
    proxy.should_start = False
    proxy.traefik_entrypoint = "http"
    proxy.traefik_api_url = f"http://127.0.0.1:{machine['ports']['proxy']}"
    proxy.traefik_api_username = "qhub"
    proxy.traefik_api_password = token
    # The token is random and long, so a cheap hash is as safe; Traefik checks it at each request.
    proxy.traefik_api_hashed_password = bcrypt.hashpw(token.encode(), bcrypt.gensalt(4)).decode()
    proxy.dynamic_config_file = machine["proxy_rules"]
    c.PasswordAuthenticator.proxy_token = machine["login_token"]


def _services(c: Any, tokens: dict[str, str], machine: dict[str, Any]) -> None:
    c.JupyterHub.services = [
        *({"name": name, "api_token": tokens[name]} for name in ("qhub", "culler")),
        dask_service.service(_dask(machine), tokens[dask_service.SERVICE]),
        ssh_service.service(tokens[ssh_service.SERVICE]),
    ]
    c.JupyterHub.load_roles = [
        *dask_service.ROLES,
        *ssh_service.ROLES,
        {
            "name": "qhub-culler",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
            "services": ["culler"],
        },
        common.OPERATOR_ROLE,
    ]


def _spawner(
    c: Any, settings: dict[str, Any], machine: dict[str, Any], membership: Membership
) -> None:
    c.JupyterHub.spawner_class = ProcessSpawner
    ProcessSpawner.membership = membership
    ProcessSpawner.profiles = Profiles(settings["profiles"], membership.of, _available)
    spawner = c.ProcessSpawner
    spawner.settings = {key: settings[key] for key in ("users", "groups", "machine")}
    spawner.cmd = [machine["user_python"], "-m", "jupyterhub.singleuser"]
    spawner.args = [
        *common.server_arguments(settings["idle_culler"], machine["bind_url"]),
        *_platform_arguments(machine),
    ]
    spawner.env_keep = ["TZ", "LC_ALL"]
    spawner.services = dask_service.client_environment(_dask(machine), machine["bind_url"])
    spawner.ip = "127.0.0.1"
    spawner.start_timeout = 600  # of a class that comes at once all wait for all
    spawner.http_timeout = 120
    spawner.poll_interval = 2  # the port of a server that died is anybody's until its route goes
    spawner.term_timeout = 10


def _dask(machine: dict[str, Any]) -> str:
    return f"http://127.0.0.1:{machine['ports']['dask']}"


def _available(profile: Profile) -> bool:
    """A profile with graphics cards is only offered where there are some."""
    return int(profile.get("gpus") or 0) <= graphics_cards()


def _platform_arguments(machine: dict[str, Any]) -> list[str]:
    return ["--ServerApp.allow_root=True"] if os.geteuid() == 0 and not machine["unix"] else []
