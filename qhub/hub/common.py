"""The part of the hub's configuration that is the same on every platform."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.log import app_log

from . import headers, providers, rooms
from .account import LOGIN_SHELL
from .authenticator import PasswordAuthenticator, listed
from .membership import Membership
from .theme import template_vars

OPERATOR_ROLE = {
    "name": "qhub-operator",
    "scopes": ["admin:users", "admin:servers", "tokens", "read:hub", "admin:groups"],
    "services": ["qhub"],
}
"""What qhub itself may do at the hub."""


def configure(c: Any, settings: dict[str, Any], url: str) -> Membership:
    """People, groups, admins, looks: from the settings into JupyterHub's configuration.

    Args:
        c: the configuration.
        settings: what the stage was given.
        url: where people open the hub.

    Returns:
        Who is in which groups, also those that people's provider tells.
    """
    membership = _authentication(c, settings)
    # Known to the hub from the start, so that SSH can be somebody's first way in.
    c.Authenticator.allowed_users = set(settings["users"])
    c.Authenticator.manage_groups = True
    c.Authenticator.auth_refresh_age = 300
    c.Authenticator.refresh_pre_spawn = True
    c.Authenticator.enable_auth_state = False
    c.JupyterHub.template_paths = [str(Path(__file__).parent / "templates")]
    c.JupyterHub.template_vars = template_vars(settings)
    _web(c, settings["theme"], url)
    if settings["room_access"]:
        rooms.configure(c, settings["room_access"])
    c.Spawner.default_url = "/lab"
    c.Spawner.http_timeout = 60
    c.Spawner.start_timeout = 120
    return membership


def server_arguments(culling: dict[str, Any], url: str) -> list[str]:
    """Flags of every server: what to end when idle, what browsers may do, no news from outside."""
    kernels = "--MappingKernelManager"
    terminals = "--TerminalManager"
    settings = {
        "headers": {"Content-Security-Policy": headers.server_policy()},
        "xsrf_cookie_kwargs": headers.cookies(url),
    }
    shell = {"shell_command": [*LOGIN_SHELL]}
    return [
        f"{kernels}.cull_idle_timeout={culling['kernel_cull_idle_timeout'] * 60}",
        f"{kernels}.cull_interval={culling['kernel_cull_interval'] * 60}",
        f"{kernels}.cull_connected={culling['kernel_cull_connected']}",
        f"{kernels}.cull_busy={culling['kernel_cull_busy']}",
        f"{terminals}.cull_inactive_timeout={culling['terminal_cull_inactive_timeout'] * 60}",
        f"{terminals}.cull_interval={culling['terminal_cull_interval'] * 60}",
        f"--ServerApp.terminado_settings={shell}",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        f"--ServerApp.tornado_settings={settings!r}",
        # Else each server writes its visitors' sessions to its log.
        "--ServerApp.logging_config={'loggers': {'tornado.application': {'level': 'WARNING'}}}",
    ]


def _web(c: Any, theme: dict[str, Any], url: str) -> None:
    c.JupyterHub.tornado_settings = {
        "headers": {"Content-Security-Policy": headers.page_policy(theme)},
        "cookie_options": headers.cookies(url),
    }
    HTTPServer.configure(None, max_body_size=headers.LONGEST_REQUEST)
    # JupyterHub writes the session of each visitor to this log, and nothing else below a warning.
    app_log.setLevel(logging.WARNING)


def _authentication(c: Any, settings: dict[str, Any]) -> Membership:
    people, authentication = settings["users"], settings["authentication"]
    kind, config = authentication["type"], authentication["config"]
    by_claim = kind in providers.CLASSES and bool(config.get("groups_claim"))
    membership = Membership(people, settings["groups"], by_claim=by_claim)
    if kind == "password":
        c.JupyterHub.authenticator_class = PasswordAuthenticator
        PasswordAuthenticator.membership = membership
        c.PasswordAuthenticator.people = people
        return membership
    path = providers.CLASSES.get(kind) or authentication["authentication_class"].replace(":", ".")
    module, _, name = path.rpartition(".")
    chosen = listed(getattr(importlib.import_module(module), name), membership)
    c.JupyterHub.authenticator_class = chosen
    for key, value in providers.traits(kind, config).items():
        c[chosen.__name__][key] = value
    if by_claim:
        c.JupyterHub.cookie_max_age_days = 1  # groups are told at a login
    return membership
