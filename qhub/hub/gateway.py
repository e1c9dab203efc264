"""Dask-Gateway's configuration where clusters are processes of one machine.

`dask_gateway_config.py` calls `configure` with the settings that `qhub-local dask-gateway apply`
wrote.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import base64
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dask_gateway_server.options import Options, Select

from . import dask_environments, dask_options, monitoring
from .account import Account
from .dashboards import DashboardAuthenticator
from .dask_environments import DaskEnvironment
from .dask_service import PREFIX, SERVICE
from .gateway_backend import ProcessBackend, ProcessClusterConfig
from .profiles import Profile, Profiles

_LIMITS = ("cpu_limit", "cpu_guarantee", "mem_limit", "mem_guarantee")


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Everything: who may use it, what they may choose, how clusters start."""
    machine, tokens = settings["machine"], settings["tokens"]
    ports, private = machine["ports"], Path(machine["private"])
    c.DaskGateway.address = f"127.0.0.1:{ports['dask_api']}"
    c.DaskGateway.backend_class = ProcessBackend
    c.DaskGateway.authenticator_class = DashboardAuthenticator
    c.DashboardAuthenticator.cookie_key = _fernet(tokens["dashboards"])
    c.JupyterHubAuthenticator.jupyterhub_api_url = f"http://127.0.0.1:{ports['hub']}/hub/api"
    c.JupyterHubAuthenticator.jupyterhub_api_token = tokens["hub"]
    c.JupyterHubAuthenticator.jupyterhub_service_name = SERVICE
    c.Proxy.address = f"127.0.0.1:{ports['dask']}"
    c.Proxy.prefix = PREFIX
    c.Proxy.api_token = tokens["proxy"]
    _backend(c.ProcessBackend, settings, machine)
    c.ProcessBackend.db_url = f"sqlite:///{private / 'dask-gateway.sqlite'}"
    c.ProcessBackend.db_encrypt_keys = [_fernet(tokens["database"])]
    c.ProcessClusterConfig.idle_timeout = settings["idle_timeout"] * 60
    c.ProcessClusterConfig.adaptive_period = 1


def _fernet(secret: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(secret)).decode()


def _backend(backend: Any, settings: dict[str, Any], machine: dict[str, Any]) -> None:
    people = settings["users"]
    profiles = Profiles(settings["workers"], lambda name: people.get(name, {}).get("groups", []))

    def environments(name: str) -> dict[str, DaskEnvironment]:
        return dask_environments.offered(Account.of(name, settings))

    backend.cluster_config_class = ProcessClusterConfig
    backend.cluster_options = options(profiles, environments, settings)
    backend.max_clusters_per_user = settings["max_clusters_per_user"]
    backend.settings = {key: settings[key] for key in ("users", "groups", "machine")}
    backend.clusters_directory = str(Path(machine["directory"], "dask"))
    backend.inherited_environment = []
    backend.stop_clusters_on_shutdown = False
    backend.metrics_token = settings["tokens"].get(monitoring.SERVICE, "")
    backend.sigint_timeout = 5
    backend.cluster_status_period = backend.worker_status_period = 10


def options(
    profiles: Profiles,
    environments: Callable[[str], dict[str, DaskEnvironment]],
    limits: Mapping[str, Any],
) -> Callable[[Any], Options]:
    """What a person may choose: an environment, and one of the worker profiles open to them."""

    def environment(name: str) -> list[Any]:
        choices = [*environments(name).items()]
        return [Select(dask_environments.OPTION, choices, label="Environment")]

    def ordered(name: str, chosen: Any) -> dict[str, Any]:
        most = dask_options.most_workers(chosen.profile, limits) or fitting(chosen.profile)
        return {**overrides(chosen), "cluster_max_workers": most}

    return dask_options.options(profiles, environment, ordered)


def fitting(profile: Profile) -> int:
    """How many workers the machine has memory for."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, memory // int(profile["mem_limit"]))


def overrides(chosen: Any) -> dict[str, Any]:
    """A cluster as chosen: as Dask-Gateway describes it, and the limits as we set them."""
    environment: DaskEnvironment = getattr(chosen, dask_environments.OPTION)
    profile: Profile = chosen.profile
    return {
        "prefix": str(environment.prefix),
        "scheduler_cmd": environment.command("scheduler"),
        "worker_cmd": environment.command("worker"),
        "worker_cores": max(1, math.ceil(profile["cpu_limit"])),
        "worker_threads": profile["threads"],
        "worker_memory": profile["mem_limit"],
        "limits": {key: profile[key] for key in _LIMITS},
    }
