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

from . import common
from .profiles import Profile, Profiles
from .spawner import ProcessSpawner

LONGEST_DIRECTORY = 107 - len("/run//kernel--ipc-5") - 27 - 36
"""Longest folder of a deployment for which the sockets of kernels have a possible path."""


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Everything: the common part, then this platform's."""
    common.configure(c, settings)
    machine = settings["machine"]
    _hub(c, machine)
    _proxy(c, machine)
    _services(c, settings["tokens"])
    _spawner(c, settings, machine)


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


def _services(c: Any, tokens: dict[str, str]) -> None:
    c.JupyterHub.services = [{"name": name, "api_token": token} for name, token in tokens.items()]
    c.JupyterHub.load_roles = [
        {
            "name": "qhub-culler",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
            "services": ["culler"],
        },
        {
            "name": "qhub-operator",
            "scopes": ["admin:users", "admin:servers", "tokens", "read:hub", "admin:groups"],
            "services": ["qhub"],
        },
    ]


def _spawner(c: Any, settings: dict[str, Any], machine: dict[str, Any]) -> None:
    people = settings["users"]
    c.JupyterHub.spawner_class = ProcessSpawner
    ProcessSpawner.profiles = Profiles(
        settings["profiles"], lambda name: people.get(name, {}).get("groups", []), _available
    )
    spawner = c.ProcessSpawner
    spawner.people = people
    spawner.gids = {name: group["gid"] for name, group in settings["groups"].items()}
    spawner.directory = machine["directory"]
    spawner.python = machine["user_python"]
    spawner.unix = machine["unix"]
    spawner.cmd = [machine["user_python"], "-m", "jupyterhub.singleuser"]
    spawner.args = [
        *_server_arguments(settings["idle_culler"]),
        *_platform_arguments(machine),
    ]
    spawner.env_keep = ["TZ", "LC_ALL"]
    spawner.ip = "127.0.0.1"
    spawner.poll_interval = 10
    spawner.term_timeout = 10


def _available(profile: Profile) -> bool:
    """A profile with graphics cards is only offered where there are some."""
    cards = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return int(profile.get("gpus") or 0) <= cards


def _server_arguments(culling: dict[str, Any]) -> list[str]:
    """Flags of every server: what to end when idle, and nothing that asks the internet."""
    kernels = "--MappingKernelManager"
    terminals = "--TerminalManager"
    return [
        f"{kernels}.cull_idle_timeout={culling['kernel_cull_idle_timeout'] * 60}",
        f"{kernels}.cull_interval={culling['kernel_cull_interval'] * 60}",
        f"{kernels}.cull_connected={culling['kernel_cull_connected']}",
        f"{kernels}.cull_busy={culling['kernel_cull_busy']}",
        f"{terminals}.cull_inactive_timeout={culling['terminal_cull_inactive_timeout'] * 60}",
        f"{terminals}.cull_interval={culling['terminal_cull_interval'] * 60}",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]


def _platform_arguments(machine: dict[str, Any]) -> list[str]:
    if machine["unix"]:
        # Another Unix user can read what a kernel prints from a TCP port, not from a socket
        # in a folder of one's own; where its path would get too long, the port has to do.
        short = len(machine["directory"]) < LONGEST_DIRECTORY
        return ["--KernelManager.transport=ipc"] if short else []
    return ["--ServerApp.allow_root=True"] if os.geteuid() == 0 else []
