"""Which processes and which folders are of a deployment.

Every process that a deployment starts carries `QHUB_DEPLOYMENT=<its folder>` in its environment,
and what it starts inherits that. So all of them are found, also when the hub and the supervisor
that knew of them are dead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from qhub.local import system
from qhub.local.facts import MARKER, Machine
from qhub.local.files import write_private

VARIABLE = "QHUB_DEPLOYMENT"
SERVER_VARIABLE = "QHUB_SERVER"
"""Set for everything that runs inside a person's server: whose it is."""
CLUSTER_VARIABLE = "QHUB_DASK"
"""Set beside that one for what runs in a person's Dask cluster: its name."""
INSTALL_VARIABLE = "QHUB_INSTALL"
"""Set for what makes an environment, which nothing but a destroy may end."""


def owner(directory: Path) -> Path | None:
    """The deployment folder that a directory belongs to; None without a marker."""
    try:
        marker = json.loads((directory / MARKER).read_text(encoding="utf-8"))
        return Path(marker["deployment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def installing(machine: Machine) -> dict[str, str]:
    """Marks an installer: it is of the deployment, but none of the supervisor's programs."""
    return {VARIABLE: str(machine.directory), INSTALL_VARIABLE: "1"}


def is_ours(machine: Machine) -> bool:
    """Whether the directory's marker names this deployment."""
    return owner(machine.directory) == machine.deployment


def claim(facts: Path) -> Machine | None:
    """The machine that these facts are of, its directory marked anew where the folder moved.

    None when there are no facts, or only those that a copy of the folder brought along.
    """
    before, machine = Machine.load(facts), Machine.of_folder(facts)
    if machine and before and owner(machine.directory) == before.deployment:
        mark(machine)
    return machine


def mark(machine: Machine) -> None:
    """Write the marker that makes a directory this deployment's."""
    content = {"project_name": machine.project_name, "deployment": str(machine.deployment)}
    write_private(machine.directory / MARKER, json.dumps(content) + "\n")


def has(directory: Path, pid: int | None) -> bool:
    """Whether a process is of the deployment that lives in `directory`."""
    return pid is not None and system.environment_of(pid).get(VARIABLE) == str(directory)


def processes(machine: Machine) -> Iterator[system.Process]:
    """Every process of this deployment."""
    directory = str(machine.directory)
    for process in system.processes():
        if system.environment(process).get(VARIABLE) == directory:
            yield process


def services(machine: Machine) -> Iterator[system.Process]:
    """Those of them that are not inside a person's server: the supervisor and its programs."""
    for process in processes(machine):
        environment = system.environment(process)
        if SERVER_VARIABLE not in environment and INSTALL_VARIABLE not in environment:
            yield process


def servers(machine: Machine) -> Iterator[tuple[str, system.Process]]:
    """Those inside people's servers, with whose they are."""
    for process in processes(machine):
        if name := system.environment(process).get(SERVER_VARIABLE):
            yield name, process


def clusters(machine: Machine) -> Iterator[system.Process]:
    """Schedulers and workers of people's Dask clusters."""
    for process in processes(machine):
        if CLUSTER_VARIABLE in system.environment(process):
            yield process
