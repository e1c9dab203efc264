"""What runs, who is online, and where reality is no longer what was applied."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from qhub.errors import MissingSecret
from qhub.local import (
    accounts,
    conda_store,
    conda_store_environment,
    credentials,
    dask_gateway,
    effective,
    environment,
    jupyterhub,
    kubessh,
    owned,
    ports,
    supervisor,
    tools,
    usage,
)
from qhub.local.facts import Machine
from qhub.local.hubapi import HubApi
from qhub.local.settings import FromEnvironment, FromFile, HubSettings, MachineSettings

MACHINE = "terraform_data.machine"
SUPERVISOR = "terraform_data.supervisor"
JUPYTERHUB = "terraform_data.jupyterhub"
DASK_GATEWAY = "terraform_data.dask_gateway"
KUBESSH = "terraform_data.kubessh"
CONDA_STORE = "terraform_data.conda_store"


@dataclass(frozen=True)
class Process:
    """A program under the supervisor, or all that runs for a person: `server-NAME`.

    `state` is one of supervisor's, in lower case.
    """

    name: str
    state: str
    pid: int | None
    uptime_seconds: float
    memory_bytes: int | None = None
    cpu_seconds: float | None = None


def processes(machine: Machine) -> list[Process]:
    """The programs of the deployment; empty when the supervisor doesn't run."""
    return [
        Process(
            name=info["name"],
            state=info["statename"].lower(),
            pid=info["pid"] or None,
            uptime_seconds=float(info["now"] - info["start"]) if info["pid"] else 0.0,
        )
        for info in supervisor.processes(machine)
    ]


def everything(machine: Machine) -> list[Process]:
    """The programs and what runs for people, with what each takes."""
    programs, people = usage.measure(machine)
    found = []
    for process in processes(machine):
        taken = programs.get(process.pid or 0)
        if taken:
            process = replace(
                process, memory_bytes=taken.memory_bytes, cpu_seconds=taken.cpu_seconds
            )
        found.append(process)
    now = time.time()
    return found + [
        Process(
            name=f"server-{name}",
            state="running",
            pid=taken.pid,
            uptime_seconds=max(0.0, now - taken.started),
            memory_bytes=taken.memory_bytes,
            cpu_seconds=taken.cpu_seconds,
        )
        for name, taken in sorted(people.items())
    ]


def online(machine: Machine) -> list[str]:
    """People whose server runs; empty when the hub doesn't answer."""
    try:
        return HubApi(machine).online()
    except (OSError, ValueError):
        return []


def logs(machine: Machine) -> dict[str, Path]:
    """The logs there are: programs', `environment-NAME`'s and people's: `server-`, `dask-NAME`."""
    found = {path.stem: path for path in sorted(machine.logs.glob("*.log"))}
    kinds = {"environment": "environments", "server": "servers", "dask": "dask"}
    for kind, folder in kinds.items():
        for path in sorted((machine.logs / folder).glob("*.log")):
            found[f"{kind}-{path.stem}"] = path
    return found


def drift_machine(machine: Machine, settings: MachineSettings | None = None) -> dict[str, str]:
    """Resources of 02-infrastructure that must be made again, with the reason.

    Args:
        machine: the facts as last applied.
        settings: what is wanted now; where given, its address is compared as well.
    """
    if not machine.directory.is_dir():
        return {MACHINE: f"the folder {machine.directory} is gone"}
    if not owned.is_ours(machine):
        return {MACHINE: f"the folder {machine.directory} has lost its mark"}
    found: dict[str, str] = {}
    if settings and (settings.address, settings.port) != (machine.address, machine.port):
        found[MACHINE] = "the address changed"
    elif not machine.python.exists():
        found[MACHINE] = f"the Python {machine.python} is gone"
    for name in ("hub", "user"):
        if reason := environment.broken(machine, name):
            found[f'terraform_data.environment["{name}"]'] = reason
    if supervisor.identity(machine) is None:
        found[SUPERVISOR] = "the supervisor doesn't run"
    return found


def drift_jupyterhub(machine: Machine, settings: HubSettings | None = None) -> dict[str, str]:
    """Resources of 05-jupyterhub that must be made again, with the reason.

    Args:
        machine: the facts as last applied.
        settings: what accounts and secrets should be; as last applied where not given.
    """
    settings = settings or effective.applied(machine)
    reason = (
        _stopped(machine)
        or _edited(machine)
        or tools.broken(machine)
        or (settings and (_accounts(machine, settings) or _secrets(machine, settings)))
    )
    return {JUPYTERHUB: reason} if reason else {}


def drift_dask_gateway(machine: Machine) -> dict[str, str]:
    """The resource of 06-dask-gateway where it must be made again, with the reason."""
    reason = _program(machine, dask_gateway.PROGRAM, dask_gateway.read_by(machine))
    return {DASK_GATEWAY: reason} if reason else {}


def drift_kubessh(machine: Machine) -> dict[str, str]:
    """The resource of 08-kubessh where it must be made again, with the reason."""
    reason = kubessh.edited(machine) or _program(machine, kubessh.PROGRAM, kubessh.read_by(machine))
    return {KUBESSH: reason} if reason else {}


def drift_conda_store(machine: Machine) -> dict[str, str]:
    """The resource of 07-conda-store-server where it must be made again, with the reason."""
    files = conda_store.read_by(machine)
    reasons = (_program(machine, name, files) for name in conda_store.PROGRAMS)
    reason = (
        environment.broken(machine, conda_store_environment.NAME)
        or conda_store.edited(machine)
        or next(filter(None, reasons), None)
    )
    return {CONDA_STORE: reason} if reason else {}


def _program(machine: Machine, name: str, files: list[Path]) -> str | None:
    """Why a program is not as it was applied."""
    states = {process.name: process.state for process in processes(machine)}
    state = states.get(name, "not there")
    if state not in ("running", "starting"):
        return f"{name} is {state}"
    return _outdated(machine, name, files)


def _stopped(machine: Machine) -> str | None:
    states = {process.name: process.state for process in processes(machine)}
    for name in ("proxy", "hub"):
        if states.get(name) not in ("running", "starting"):
            return f"{name} is {states.get(name, 'not there')}"
    if not ports.is_free(machine.port, machine.address):
        return None
    return f"nothing listens on port {machine.port}"


def _edited(machine: Machine) -> str | None:
    """Whether a file that the programs read is no longer what they were started with."""
    for name, files in jupyterhub.read_by(machine).items():
        if reason := _outdated(machine, name, files):
            return reason
    return None


def _outdated(machine: Machine, name: str, files: list[Path]) -> str | None:
    try:
        program = (machine.supervisor / "conf.d" / f"{name}.ini").read_text(encoding="utf-8")
    except OSError:
        return f"the description of {name} is gone"
    if f'QHUB_REVISION="{jupyterhub.digest(files)}"' not in program:
        return f"the files of {name} were changed"
    if str(machine.environment("hub")) not in program:
        return f"{name} runs from an older environment"
    return None


def _accounts(machine: Machine, settings: HubSettings) -> str | None:
    if not machine.unix:
        return None
    ours = accounts.our_users(machine)
    for name, user in settings.users.items():
        if name not in ours:
            return f"the Unix user {accounts.account(name)} is gone"
        if ours[name].pw_uid != user.uid:
            return f"the Unix user {accounts.account(name)} has another uid"
    for name, group in settings.groups.items():
        entry = accounts.group_entry(name)
        if entry is None or entry.gr_gid != group.gid:
            return f"the Unix group {accounts.account(name)} is gone or has another gid"
    return None


def _secrets(machine: Machine, settings: HubSettings) -> str | None:
    """Whether a password, read from where it comes from, is no longer the one in use."""
    hashes = effective.known_hashes(machine)
    for name, user in settings.users.items():
        password = user.password
        if not isinstance(password, FromEnvironment | FromFile):
            continue
        try:
            secret = credentials.resolve(password, machine.deployment, name)
        except MissingSecret:
            continue  # nothing to compare with; deploying will ask for it
        if not credentials.matches(secret, hashes.get(name, "")):
            return f"the password of {name} changed"
    return None
