"""Which processes and which folders are of a deployment.

Every process that a deployment starts carries `QHUB_DEPLOYMENT=<its folder>` in its environment,
and what it starts inherits that. So all of them are found, also when the hub and the supervisor
that knew of them are dead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qhub.local.facts import MARKER, Machine
from qhub.local.files import write_private

if TYPE_CHECKING:
    import psutil

VARIABLE = "QHUB_DEPLOYMENT"
SERVER_VARIABLE = "QHUB_SERVER"
"""Set for everything that runs inside a person's server: whose it is."""


def owner(directory: Path) -> Path | None:
    """The deployment folder that a directory belongs to; None without a marker."""
    try:
        marker = json.loads((directory / MARKER).read_text(encoding="utf-8"))
        return Path(marker["deployment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_ours(machine: Machine) -> bool:
    """Whether the directory's marker names this deployment."""
    return owner(machine.directory) == machine.deployment


def mark(machine: Machine) -> None:
    """Write the marker that makes a directory this deployment's."""
    content = {"project_name": machine.project_name, "deployment": str(machine.deployment)}
    write_private(machine.directory / MARKER, json.dumps(content) + "\n")


def environment_of(process: psutil.Process) -> dict[str, str]:
    """The environment that a process was started with; empty when it is gone or hidden."""
    import psutil

    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def has(directory: Path, pid: int | None) -> bool:
    """Whether a process is of the deployment that lives in `directory`."""
    import psutil

    if pid is None:
        return False
    try:
        return environment_of(psutil.Process(pid)).get(VARIABLE) == str(directory)
    except psutil.NoSuchProcess:
        return False


def processes(machine: Machine) -> Iterator[psutil.Process]:
    """Every process of this deployment, the one that asks and its parents left out."""
    import psutil

    me = psutil.Process(os.getpid())
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    directory = str(machine.directory)
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        if environment_of(process).get(VARIABLE) == directory:
            yield process


def end(find: Callable[[], Iterator[psutil.Process]], patience: float = 5.0) -> int:
    """Ask processes to end, then make them, until `find` finds none. Returns how many there were.

    They are looked for again and again, since one that dies can still have started another.
    """
    import psutil

    ended: set[int] = set()
    for attempt in range(10):
        alive = list(find())
        if not alive:
            break
        for process in alive:
            ended.add(process.pid)
            try:
                process.terminate() if attempt == 0 else process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(alive, timeout=patience)
    return len(ended)
