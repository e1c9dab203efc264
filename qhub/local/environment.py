"""Service environments: one for the hub's programs, one for people's servers.

Each is made by uv from pinned requirements in a folder of its own, `envs/NAME-HASH`, tried, and
only then does the link `envs/NAME` point at it. A changed list makes a new folder beside the old
one, which servers may still use; a folder without its `.complete` file is made again.
"""

from __future__ import annotations

import configparser
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from qhub.errors import LocalError
from qhub.local import owned, system
from qhub.local.facts import Machine
from qhub.local.files import write_private

_FORMAT = "2"
_TITLES = {"hub": "JupyterHub", "user": "JupyterLab"}
_SMOKE = {
    "hub": "import argon2, bcrypt, cryptography, jupyterhub, sqlalchemy, supervisor, tornado",
    "user": "import ipykernel, jupyter_server, jupyterhub, jupyterlab, tornado, zmq",
}
_NOBODY = 65534
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


def is_complete(folder: Path) -> bool:
    """Whether an environment was made to its end, in this very place, and its Python still runs."""
    try:
        made = (folder / ".complete").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return made == str(folder) and (folder / "bin" / "python").exists()


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
        _build(machine, name, folder, requirements.resolve())
    _point(machine.envs / name, folder)
    _remove_old(machine, name, folder)
    return folder


def _point(link: Path, folder: Path) -> None:
    if link.is_symlink() and link.resolve() == folder:
        return
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder.name)
    draft.replace(link)


def _build(machine: Machine, name: str, folder: Path, requirements: Path) -> None:
    from uv import find_uv_bin

    uv = find_uv_bin()
    python = folder / "bin" / "python"
    install = [uv, "pip", "install", "--python", str(python)]
    log = machine.logs / f"environment-{name}.log"
    with log.open("a", encoding="utf-8") as output:
        # uv inherits the lock: one that outlived its killed run is waited for.
        fcntl.flock(output, fcntl.LOCK_EX)
        if is_complete(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        output.truncate(0)
        log.chmod(0o600)
        steps = [
            [uv, "venv", "--no-project", "--python", str(machine.python), str(folder)],
            [*install, "--no-deps", "--compile-bytecode", "--requirement", str(requirements)],
        ]
        # Marked as ours, so that a destroy ends what an interrupted run left at work.
        marked = _uv_environment() | owned.installing(machine)
        for step in steps:
            _run(step, log, output.fileno(), marked)
        for path, text in _FILES.get(name, {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        if machine.unix:
            _open_to_all(folder)
        _run([str(python), "-I", "-c", _SMOKE.get(name, "")], log, output.fileno(), {}, machine)
    (folder / ".lock").unlink(missing_ok=True)  # uv's; everybody may write it
    write_private(folder / ".complete", f"{folder}\n", mode=0o644)


def _run(
    command: list[str],
    log: Path,
    output: int,
    environment: dict[str, str],
    as_nobody: Machine | None = None,
) -> None:
    """Run one step into the log; what every user must be able to run is run as nobody."""
    nobody = as_nobody is not None and as_nobody.unix
    status = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment or None,
        umask=0o022,
        user=_NOBODY if nobody else None,
        group=_NOBODY if nobody else None,
        extra_groups=[] if nobody else None,
        cwd="/",
    ).returncode
    if status != 0:
        cause, hint = _cause(log.read_text(encoding="utf-8", errors="replace"))
        raise LocalError(f"the packages could not be installed: {cause}", f"{hint} Log: {log}")


def _cause(output: str) -> tuple[str, str]:
    """What uv said, in one line, and what to do about it."""
    network = re.search(r"(?i)dns error|failed to lookup|connect(ion)?.*(refused|error)", output)
    if network or re.search(r"(?i)error sending request|timed out|failed to fetch", output):
        return (
            "the package index can't be reached",
            "Check the network; a mirror is set with PIP_INDEX_URL or UV_DEFAULT_INDEX.",
        )
    if re.search(r"(?i)no space left", output):
        return "the disk is full", "Free some space and deploy again."
    lines = [line.strip(" \u00d7│╰├─▶") for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)error|no solution|\w*Error", line)]
    return (errors or lines or ["uv said nothing"])[-1], "What follows is all in the log."


def _open_to_all(folder: Path) -> None:
    """Let every user read an environment: files from uv's cache may bear a narrow umask."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
            if mode != wanted and not path.is_symlink():
                path.chmod(wanted & 0o7777)


def _uv_environment() -> dict[str, str]:
    """The environment for uv: pip's settings of this machine count for it, too."""
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    pip = _pip_settings()
    for ours, theirs in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
        ("UV_NO_INDEX", "no-index"),
        ("UV_INSECURE_HOST", "trusted-host"),
        ("UV_HTTP_TIMEOUT", "default-timeout"),
        ("SSL_CERT_FILE", "cert"),
    ):
        value = os.environ.get(f"PIP_{theirs.upper().replace('-', '_')}") or pip.get(theirs)
        if value:
            environment.setdefault(ours, value)
    return environment


def _pip_settings() -> dict[str, str]:
    """The `[global]` and `[install]` settings of pip's files, the nearer ones winning."""
    home = Path.home()
    parser = configparser.RawConfigParser()
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    if named := os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(named))
    try:
        parser.read(files, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found |= {key: " ".join(value.split()) for key, value in parser.items(section)}
    return found


def _remove_old(machine: Machine, name: str, current: Path) -> None:
    """Remove folders of earlier requirements, as soon as no process runs from them."""
    for folder in machine.envs.glob(f"{name}-*"):
        if folder != current and not system.running_from(str(folder)):
            shutil.rmtree(folder, ignore_errors=True)


def broken(machine: Machine, name: str) -> str | None:
    """Why an environment can't be used; None when it can."""
    link = machine.envs / name
    if not link.is_symlink() or not link.exists():
        return f"the environment {name} is missing"
    if not is_complete(link.resolve()):
        return f"the environment {name} is incomplete"
    return None
