"""What this machine has and lacks for a deployment, and what to install; changes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qhub.errors import PreflightError
from qhub.hub.limits import Cgroup
from qhub.hub.profiles import graphics_cards
from qhub.local import accounts, installer, system
from qhub.local.facts import Machine
from qhub.local.machine import Resolution, shortages
from qhub.local.settings import HubSettings, MachineSettings

Level = Literal["ok", "warn", "fail"]
GIGABYTE = 1024**3
INDEX_SECONDS = 5.0
UV_SECONDS = 20.0
"""How long uv may take to ask for one package; it tries a few times."""

PARTS = {"psutil": "psutil", "uv": "uv", "py-rattler": "rattler"}
"""What `qhub[local]` brings along, with the module that shows it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    name: str
    level: Level
    message: str
    hint: str | None = None


def examine(machine: MachineSettings, hub: HubSettings, facts: Path) -> Iterator[Finding]:
    """Everything that a deployment of these settings needs of this machine."""
    missing = [name for name, module in PARTS.items() if not importlib.util.find_spec(module)]
    if missing:
        hint = "pip install 'qhub[local]'"
        yield Finding("parts of qhub", "fail", f"{', '.join(missing)} missing", hint)
        return  # nothing else can be looked at without them
    resolution = Resolution(machine, facts)
    chosen = resolution.machine()
    short = shortages(chosen)
    yield from _python(chosen)
    yield from _mode(chosen)
    for problem in [*resolution.problems, *short]:
        yield Finding("this machine", "fail", problem, _hint(problem))
    if not any("port" in problem for problem in resolution.problems):
        yield Finding("port", "ok", f"{chosen.address} {chosen.port} is free, or this deployment's")
    yield from _people(chosen, hub)
    yield from _disk(chosen)
    yield from _memory(hub)
    yield from _limits(chosen)
    yield from _cards(hub)
    yield index(installed=chosen.environment("user").exists())


def _python(machine: Machine) -> Iterator[Finding]:
    own = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", "ok", f"{own} runs qhub, {machine.python} runs the services")


def _mode(machine: Machine) -> Iterator[Finding]:
    if machine.unix:
        yield Finding("isolation", "ok", "each person gets a Unix account of their own")
    for notice in machine.notices:
        hint = _hint(notice)
        if hint is None and os.geteuid() != 0:
            hint = "deploy as root on a machine that people share"
        if machine.isolation == "bwrap":
            yield Finding("isolation", "ok", notice)
        else:
            yield Finding("isolation", "warn", notice, hint)


def _hint(problem: str) -> str | None:
    """The command that installs what a problem says is missing."""
    missing = {
        "useradd": "accounts",
        "no Python 3.11": "python",
        "(bubblewrap) is not": "bubblewrap",
    }
    for sign, package in missing.items():
        if sign in problem:
            return install(package)
    return None


def _people(machine: Machine, hub: HubSettings) -> Iterator[Finding]:
    try:
        accounts.preflight(hub, machine)
    except PreflightError as error:
        yield Finding("accounts", "fail", error.message, error.hint)
        return
    yield Finding("accounts", "ok", f"names and numbers of {len(hub.users)} users are free or ours")


def _disk(machine: Machine) -> Iterator[Finding]:
    existing = next(p for p in (machine.directory, *machine.directory.parents) if p.exists())
    free = shutil.disk_usage(existing).free / GIGABYTE
    yield Finding(
        "disk",
        "ok" if free > 10 else "warn",
        f"{free:.1f} GB free at {existing}; a deployment takes 2 GB, environments and data more",
        None if free > 10 else "choose a larger disk with local.directory",
    )


def _memory(hub: HubSettings) -> Iterator[Finding]:
    there = system.memory()
    default = next((p for p in hub.profiles if p.default), hub.profiles[0])
    too_big = [p.display_name for p in hub.profiles if (p.mem_limit or 0) > there]
    if too_big:
        message = f"{', '.join(too_big)}: more memory than the {there / GIGABYTE:.1f} GB there are"
        yield Finding("profiles", "warn", message, "lower mem_limit in profiles.jupyterlab")
    wanted = len(hub.users) * (default.mem_guarantee or default.mem_limit or 0)
    enough = wanted <= there
    yield Finding(
        "memory",
        "ok" if enough else "warn",
        f"{there / GIGABYTE:.1f} GB; {len(hub.users)} servers of {default.display_name} at once "
        f"are promised {wanted / GIGABYTE:.1f} GB",
        None if enough else "lower mem_guarantee, or expect that not all work at once",
    )


def _limits(machine: Machine) -> Iterator[Finding]:
    if platform.system() != "Linux":
        message = "this system has no limits for a whole server; each process has its own"
        yield Finding("limits", "warn", message)
    elif not machine.unix:
        message = "each process has its own limit of memory; a whole server's needs root"
        yield Finding("limits", "warn", message)
    elif Cgroup.of(str(machine.directory), "") is None:
        hint = "mount /sys/fs/cgroup, or start the container with it"
        yield Finding("limits", "warn", "the kernel offers no control groups here", hint)
    else:
        yield Finding("limits", "ok", "the kernel's control groups hold servers to their profiles")


def _cards(hub: HubSettings) -> Iterator[Finding]:
    asking = [profile for profile in hub.profiles if profile.gpus]
    there = graphics_cards()
    lacking = [profile.display_name for profile in asking if profile.gpus > there]
    if lacking:
        message = f"{', '.join(lacking)} asks for graphics cards that this machine lacks ({there})"
        yield Finding("graphics cards", "warn", message, "they are not offered until there are")
    elif asking:
        yield Finding("graphics cards", "ok", f"{there} for {len(asking)} profiles")


def index(*, installed: bool) -> Finding:
    """Whether packages can be had; a deployment that has its own does without."""
    settings = installer.uv_environment()
    if settings.get("UV_NO_INDEX") not in (None, "", "0", "false"):
        links = settings.get("UV_FIND_LINKS", "nowhere")
        return Finding("package index", "ok", f"none is asked; packages come from {links}")
    address = settings.get("UV_DEFAULT_INDEX") or settings.get("UV_INDEX_URL")
    shown = _without_password(address) if address else "that of Python"
    if address and not shown.startswith(("http://", "https://")):
        return Finding("package index", "ok", f"packages come from {shown}")
    if address:
        reason = _unreachable(f"{shown.rstrip('/')}/pip/", settings)
    else:
        reason = _uv_refused(settings)
    if reason is None:
        return Finding("package index", "ok", f"{shown} answers")
    return Finding(
        "package index",
        "warn" if installed else "fail",
        f"{shown} does not answer: {reason}",
        "set PIP_INDEX_URL to a mirror, or HTTPS_PROXY to the way out",
    )


def _without_password(address: str) -> str:
    scheme, mark, rest = address.partition("://")
    return scheme + mark + rest.rpartition("@")[2]


def _uv_refused(settings: Mapping[str, str]) -> str | None:
    """Why uv gets no package from the index that it takes where none is named."""
    try:
        done = subprocess.run(
            [installer.uv_program(), "pip", "compile", "--no-deps", "--refresh", "-"],
            input="pip\n",
            env=dict(settings),
            capture_output=True,
            text=True,
            timeout=UV_SECONDS,
        )
    except ModuleNotFoundError:
        return "uv, which would ask it, is missing"
    except (OSError, subprocess.SubprocessError) as error:
        return f"no answer in {UV_SECONDS:.0f} s" if hasattr(error, "timeout") else str(error)
    return None if done.returncode == 0 else installer.cause(done.stderr)[0]


def _unreachable(address: str, settings: Mapping[str, str]) -> str | None:
    import ssl

    name = settings.get("SSL_CERT_FILE")
    try:
        context = ssl.create_default_context(cafile=name)
        request = urllib.request.Request(address, method="HEAD")  # noqa: S310
        with urllib.request.urlopen(request, timeout=INDEX_SECONDS, context=context):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in (401, 403, 405) else f"status {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


# --- what to install ---------------------------------------------------------------------------

_PACKAGES = {
    "apt-get": {"accounts": "passwd", "python": "python3 python3-venv", "ssh": "openssh-client"},
    "dnf": {"accounts": "shadow-utils", "python": "python3.12", "ssh": "openssh-clients"},
    "zypper": {"accounts": "shadow", "python": "python312", "ssh": "openssh-clients"},
    "apk": {"accounts": "shadow", "python": "python3", "ssh": "openssh-client"},
    "pacman": {"accounts": "shadow", "python": "python", "ssh": "openssh"},
    "brew": {"accounts": "", "python": "python@3.12", "ssh": "openssh"},
}
_VERBS = {"pacman": "-S", "apk": "add"}


def install(what: str, which: Callable[[str], str | None] = shutil.which) -> str | None:
    """The command that installs a thing here: `sudo apt-get install git`; None if none is known."""
    for manager, packages in _PACKAGES.items():
        package = packages.get(what, what)
        if which(manager) and package:
            sudo = "" if manager == "brew" or os.geteuid() == 0 else "sudo "
            return f"{sudo}{manager} {_VERBS.get(manager, 'install')} {package}"
    return None


def tool(name: str, purpose: str, package: str | None = None) -> Finding:
    """Whether a program is there that some of the deployment does better with."""
    path = shutil.which(name)
    if path:
        return Finding(name, "ok", f"{path}, for {purpose}")
    return Finding(name, "warn", f"missing, for {purpose}", install(package or name))


def facts_of_system() -> dict[str, str | int]:
    """What kind of machine this is."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "processors": os.cpu_count() or 0,
        "memory_bytes": system.memory(),
        "user": "root" if os.geteuid() == 0 else "ordinary",
    }
