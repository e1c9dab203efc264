"""Service environments: one for the hub's programs, one for people's servers.

Each is made by uv from pinned requirements in a folder of its own, `envs/NAME-HASH`, tried, and
only then does the link `envs/NAME` point at it. A changed list makes a new folder beside the old
one, which servers may still use; a folder without its `.complete` file is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from qhub.local import installer
from qhub.local.facts import Machine
from qhub.local.installer import Build, is_complete

_FORMAT = "2"
_TITLES = {"hub": "JupyterHub", "user": "JupyterLab"}
_SMOKE = {
    "hub": "import bcrypt, cryptography, dask_gateway_server, jupyterhub, sqlalchemy,"
    " supervisor, tornado",
    "user": "import bokeh, dask_gateway, ipykernel, jupyter_server, jupyterhub, jupyterlab,"
    " tornado, zmq",
}
_FILES = {
    # Else JupyterLab greets each person by asking whether it may fetch news.
    "user": {
        "share/jupyter/lab/settings/overrides.json": (
            '{"@jupyterlab/apputils-extension:notification":'
            ' {"fetchNews": "false", "checkForUpdates": false}}\n'
        )
    }
}


def _folder(machine: Machine, name: str, requirements: str) -> Path:
    """Where an environment goes; the same for the same requirements and Python."""
    key = "\n".join((_FORMAT, str(machine.python), machine.isolation, requirements))
    return machine.envs / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def apply(machine: Machine, name: str, requirements: Path, say: Callable[[str], None]) -> Path:
    """Make sure that an environment is there and in use; returns its folder.

    Raises:
        LocalError: it could not be made; the old one, if any, stays in use.
    """
    text = requirements.read_text(encoding="utf-8")
    folder = _folder(machine, name, text)
    if not is_complete(folder):
        count = sum(bool(line.strip()) and line[0] not in "#-" for line in text.splitlines())
        say(f"installing {_TITLES.get(name, name)} ({count} packages)")
        installer.make(
            machine,
            folder,
            machine.logs / f"install-{name}.log",
            lambda build: _install(build, name, requirements.resolve()),
        )
    installer.point(machine.envs / name, folder)
    _remove_old(machine, name, folder)
    return folder


def _install(build: Build, name: str, requirements: Path) -> None:
    folder = build.folder
    python = folder / "bin" / "python"
    build.uv("venv", "--no-project", "--python", build.machine.python, folder)
    flags = ("--no-deps", "--compile-bytecode", "--requirement", requirements)
    build.uv("pip", "install", "--python", python, *flags)
    for path, text in _FILES.get(name, {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    build.try_out(_SMOKE.get(name, ""))


def _remove_old(machine: Machine, name: str, current: Path) -> None:
    """Remove folders of earlier requirements, as soon as no process runs from them."""
    for folder in machine.envs.glob(f"{name}-*"):
        if folder != current:
            installer.remove_unused(folder)


def broken(machine: Machine, name: str) -> str | None:
    """Why an environment can't be used; None when it can."""
    link = machine.envs / name
    if not link.is_symlink() or not link.exists():
        return f"the environment {name} is missing"
    if not is_complete(link.resolve()):
        return f"the environment {name} is incomplete"
    return None
