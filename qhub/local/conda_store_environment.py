"""The environment of conda-store: `conda` from a conda channel, all else from the package index.

The package index lacks `conda`, the library; so the channels are asked before anything is changed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from qhub.errors import PreflightError
from qhub.hub import kernels
from qhub.local import installer, packages
from qhub.local.facts import Machine
from qhub.local.installer import Build, is_complete

NAME = "conda-store"
PACKAGES = (
    "python 3.12.*",
    "conda >=24.11,<26",
    # What conda and conda-store both need is of versions that both can take.
    "platformdirs >=4,<5",
    "setuptools <70",
    "urllib3 <2",
)
_FORMAT = "1"
_SMOKE = "import conda.models.match_spec, conda_lock, conda_store_server, uvicorn"
_SOLVE_SECONDS = 300


def folder(machine: Machine, channels: Sequence[str], requirements: str) -> Path:
    """Where it goes; the same for the same packages."""
    key = "\n".join((_FORMAT, machine.isolation, *channels, *PACKAGES, requirements))
    return machine.envs / f"{NAME}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def preflight(
    machine: Machine | None, deployment: Path, channels: Sequence[str], requirements: Path
) -> None:
    """Ask the channels whether they have what is needed, unless it is there already.

    Raises:
        PreflightError: they don't, or they can't be reached; nothing was changed.
    """
    text = requirements.read_text(encoding="utf-8")
    if machine and is_complete(folder(machine, channels, text)):
        return
    reason = _obstacle(deployment, channels)
    if reason:
        raise PreflightError(
            f"conda_store.enabled: conda-store can't be installed: {reason}",
            "It needs `conda`, which only conda channels have. Check the network, name a mirror or "
            "a folder under conda_store.channels, or take conda_store.enabled out: "
            "`environments:` are built without it, and `qhub-env` in a terminal of JupyterLab "
            "makes environments of one's own. Nothing was changed.",
        )


def _obstacle(deployment: Path, channels: Sequence[str]) -> str | None:
    with tempfile.TemporaryDirectory() as scratch:
        request = Path(scratch, "request.json")
        request.write_text(packages.wanted(deployment, channels, PACKAGES), encoding="utf-8")
        command = [sys.executable, "-m", "qhub.local.conda", str(request)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_SOLVE_SECONDS, cwd=scratch
            )
        except subprocess.TimeoutExpired:
            return f"{', '.join(channels)} gave no answer within {_SOLVE_SECONDS} seconds"
    return None if done.returncode == 0 else installer.cause(done.stdout + done.stderr)[0]


def apply(
    machine: Machine, channels: Sequence[str], requirements: Path, say: Callable[[str], None]
) -> None:
    """Make sure that it is there and in use.

    Raises:
        LocalError: it could not be made; the old one, if any, stays in use.
    """
    text = requirements.read_text(encoding="utf-8")
    made = folder(machine, channels, text)
    if not is_complete(made):
        say("installing conda-store")
        log = machine.logs / f"install-{NAME}.log"
        installer.make(machine, made, log, lambda build: _install(build, channels, text))
    installer.point(machine.envs / NAME, made)
    _sweep(machine, made)


def _install(build: Build, channels: Sequence[str], requirements: str) -> None:
    packages.conda(build, channels, PACKAGES)
    packages.pip(build, requirements.splitlines(), "--break-system-packages")
    packages.keep_versions(build)
    packages.compile_all(build)
    build.try_out(_SMOKE, through=[kernels.launcher(build.folder)])


def _sweep(machine: Machine, current: Path | None) -> None:
    """Remove what earlier lists made, as soon as no process runs from it."""
    for path in machine.envs.glob(f"{NAME}-*"):
        if current and path.name.split(".")[0] == current.name:
            continue
        if path.is_dir():
            installer.remove_unused(path)
        else:
            path.unlink(missing_ok=True)


def remove(machine: Machine) -> None:
    """Take it away."""
    (machine.envs / NAME).unlink(missing_ok=True)
    _sweep(machine, None)
