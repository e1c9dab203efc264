"""Dask-Gateway on this machine: a program of the supervisor, behind the hub's proxy.

People's clusters are no children of the supervisor: they go on while the gateway is restarted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qhub.hub import dask_service, limits
from qhub.local import jupyterhub, monitoring, owned, sandbox, supervisor, system
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, secret, write_private
from qhub.local.settings import DaskGatewaySettings
from qhub.local.supervisor import Program

Say = Callable[[str], None]
PROGRAM = "dask-gateway"
_FILES = ("dask-gateway.json", "dask-gateway.sqlite")


def apply(machine: Machine, settings: DaskGatewaySettings, code: Path, say: Say) -> None:
    """Make the gateway agree with the settings and wait until it answers through the proxy.

    Raises:
        LocalError: it doesn't start or doesn't answer.
    """
    jupyterhub.copy_code(machine, code)
    ensure_folder(machine.dask, 0o711 if machine.unix else 0o700)
    ensure_folder(machine.logs / "dask", 0o700)
    effective = json.dumps(_effective(machine, settings), indent=1) + "\n"
    write_private(_settings_file(machine), effective)
    write_private(_route(machine), json.dumps(_dashboards(machine), indent=1) + "\n")
    say("starting Dask-Gateway")
    supervisor.install(machine, [program(machine)])
    wait_healthy(machine)
    say(f"Dask-Gateway answers on {machine.url}{dask_service.PREFIX}")


def _settings_file(machine: Machine) -> Path:
    return machine.private / "dask-gateway.json"


def _route(machine: Machine) -> Path:
    return machine.private / "proxy" / "dashboards.yaml"


def _dashboards(machine: Machine) -> dict[str, Any]:
    """A rule of the hub's proxy (JSON is YAML): who asks for a dashboard is looked at first."""
    name, ports = "dask-dashboards", machine.ports
    router = {
        "rule": f"PathPrefix(`{dask_service.PREFIX}/clusters`)",
        "priority": 1_000_000,
        "entryPoints": ["http"],
        "middlewares": [name],
        "service": name,
    }
    check = {
        "address": f"http://127.0.0.1:{ports['dask_api']}{dask_service.CHECK}",
        "preserveLocationHeader": True,
    }
    servers = [{"url": f"http://127.0.0.1:{ports['dask']}"}]
    return {
        "http": {
            "routers": {name: router},
            "middlewares": {name: {"forwardAuth": check}},
            "services": {name: {"loadBalancer": {"servers": servers}}},
        }
    }


def _effective(machine: Machine, settings: DaskGatewaySettings) -> dict[str, Any]:
    """The settings as the gateway reads them, with what it has to know of the machine."""
    private = machine.private
    return settings.model_dump(mode="json") | {
        "tokens": {
            "hub": secret(private / f"token-{dask_service.SERVICE}"),
            "proxy": secret(private / "token-dask-proxy"),
            "database": secret(private / "token-dask-database"),
            "dashboards": secret(private / "token-dask-dashboards"),
        }
        | ({monitoring.SERVICE: monitoring.token(machine)} if settings.monitoring else {}),
        "machine": {
            "directory": str(machine.directory),
            "private": str(private),
            "ports": machine.ports,
            "user_python": str(machine.interpreter("user")),
            "unix": machine.unix,
            "sandbox": sandbox.arguments(machine),
        },
    }


def read_by(machine: Machine) -> list[Path]:
    """The files that the gateway reads when it starts; it is started anew when one changes."""
    code = sorted((machine.hub / jupyterhub.PACKAGE).rglob("*"))
    return [_settings_file(machine), _route(machine), *code]


def program(machine: Machine) -> Program:
    """What the supervisor is to keep running."""
    config = machine.hub / jupyterhub.PACKAGE / "dask_gateway_config.py"
    return Program(
        PROGRAM,
        [machine.interpreter("hub"), "-m", "dask_gateway_server", "-f", config],
        environment={"QHUB_SETTINGS": str(_settings_file(machine)), "NO_COLOR": "1"},
        priority=40,
        revision=jupyterhub.digest(read_by(machine)),
    )


def answers(machine: Machine) -> bool:
    """Whether the gateway answers through the hub's proxy."""
    return jupyterhub.answers(machine, f"{dask_service.PREFIX}/api/health")


def wait_healthy(machine: Machine) -> None:
    """Wait until the gateway answers through the hub's proxy.

    Raises:
        LocalError: it doesn't, or it keeps dying; with the end of its log.
    """
    jupyterhub.wait_for(machine, PROGRAM, answers, f"Dask-Gateway doesn't answer on {machine.url}")


def remove(machine: Machine, say: Say) -> None:
    """End the gateway and people's clusters, and remove what they left. Fine when there is none."""
    if not owned.is_ours(machine):
        return
    say("stopping Dask-Gateway")
    supervisor.uninstall(machine, [PROGRAM])
    ended = system.end(partial(owned.clusters, machine))
    if ended:
        say(f"ended {ended} processes of people's Dask clusters")
    _route(machine).unlink(missing_ok=True)
    limits.remove_all(str(machine.directory), limits.CLUSTERS)
    shutil.rmtree(machine.dask, ignore_errors=True)
    for name in _FILES:
        (machine.private / name).unlink(missing_ok=True)
