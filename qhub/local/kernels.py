"""Environments of the configuration: built ahead, each a kernel of those who may use it.

    environments/builds/NAME/HASH          the packages; only its groups may enter builds/NAME
    environments/builds/NAME/HASH.lock     what conda installed, HASH.txt what is there for pip
    environments/builds/NAME/current       link to the folder in use
    environments/everyone/kernels/NAME     link to the kernel in it, or for each of its groups
    environments/groups/GROUP/kernels/NAME

A kernel that runs goes on in its folder when another takes its place.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qhub.errors import LocalError
from qhub.hub import dask_environments, kernels
from qhub.local import access, installer, packages, specs
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private
from qhub.local.installer import Build, is_complete
from qhub.local.interpreter import reachable
from qhub.local.launcher import venv_setup, write_launcher
from qhub.local.settings import EnvironmentSettings, EnvironmentsSettings

Say = Callable[[str], None]
_REMOVED = ".removed"
"""Marks what is no longer configured, and goes as soon as no kernel runs in it."""
_SLOT_POLL_SECONDS = 0.1
_NICENESS = 10


def _builds(machine: Machine, name: str = "") -> Path:
    return machine.environments / "builds" / name


def log_file(machine: Machine, name: str) -> Path:
    """Where the building of an environment is told of."""
    return machine.logs / "environments" / f"{name}.log"


def apply(machine: Machine, name: str, settings: EnvironmentsSettings, say: Say) -> None:
    """Make sure that an environment is there, and a kernel of exactly those who may use it.

    Raises:
        LocalError: it could not be built; the old one, if any, stays in use.
    """
    spec = settings.environments[name]
    home = _builds(machine, name)
    folder = home / specs.fingerprint(spec, str(machine.python))
    _prepare(machine, home, spec)
    _publish(machine, name, spec)
    if not is_complete(folder):
        with _one_of(machine, settings.max_workers):
            say(f"building the environment {name}")
            _build(machine, name, folder, spec)
    installer.point(home / "current", folder)
    _publish(machine, name, spec)
    _sweep(machine, home, folder)


def remove(machine: Machine, name: str, say: Say) -> None:
    """Take an environment away: from all lists at once, its files once no kernel runs in it."""
    home = _builds(machine, name)
    for link in _links(machine, name):
        link.unlink(missing_ok=True)
    if home.is_dir():
        say(f"removing the environment {name}")
        (home / _REMOVED).touch()
        (home / "current").unlink(missing_ok=True)
        installer.remove_unused(home)
    log_file(machine, name).unlink(missing_ok=True)


def broken(machine: Machine, name: str) -> str | None:
    """Why an environment can't be used; None when it can."""
    link = _builds(machine, name) / "current"
    if not link.is_symlink() or not link.exists():
        return f"the environment {name} is missing"
    if not is_complete(link.resolve()):
        return f"the environment {name} is incomplete"
    if not any((path / "kernel.json").exists() for path in _links(machine, name)):
        return f"the kernel of {name} is missing"
    return None


def _prepare(machine: Machine, home: Path, spec: EnvironmentSettings) -> None:
    ensure_folder(machine.environments, 0o755 if machine.unix else 0o700)
    ensure_folder(_builds(machine), 0o755 if machine.unix else 0o700)
    ensure_folder(log_file(machine, "").parent, 0o700)
    _guard(machine, home, spec.groups)
    (home / _REMOVED).unlink(missing_ok=True)


def _guard(machine: Machine, folder: Path, groups: dict[str, int] | None) -> None:
    if machine.unix:
        access.guard(folder, None if groups is None else sorted(groups.values()))
    else:
        ensure_folder(folder, 0o700)


@contextmanager
def _one_of(machine: Machine, most: int) -> Iterator[None]:
    """Wait until fewer than `most` environments are built, by whichever process."""
    folder = ensure_folder(machine.environments / "slots", 0o700)
    slots = [(folder / str(number)).open("w") for number in range(most)]
    try:
        while not any(map(_locked, slots)):
            time.sleep(_SLOT_POLL_SECONDS)
        yield
    finally:
        for slot in slots:
            slot.close()


def _locked(slot: IO[str]) -> bool:
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(machine: Machine, name: str, folder: Path, spec: EnvironmentSettings) -> None:
    def install(build: Build) -> None:
        os.nice(_NICENESS)  # what people do meanwhile comes first
        (_install_conda if specs.needs_conda(spec) else _install_venv)(build, spec)
        _describe_kernel(folder, name)
        packages.keep_versions(build)
        packages.compile_all(build)
        gids = sorted(spec.groups.values()) if spec.groups else ()
        build.try_out(f"import {specs.KERNEL}", gids, through=[kernels.launcher(folder)])

    try:
        installer.make(machine, folder, log_file(machine, name), install)
    except LocalError as error:
        stays = "; the old one stays in use" if (folder.parent / "current").exists() else ""
        cause = error.message.removeprefix(f"{installer.FAILED}: ")
        message = f"environment {name} could not be built{stays}: {cause}"
        raise LocalError(message, error.hint) from error


def _install_venv(build: Build, spec: EnvironmentSettings) -> None:
    """What the package index has, in a virtual environment."""
    machine, request = build.machine, specs.python_request(spec)
    python = _python(build, request) if request else machine.python
    # One that uv has to fetch belongs to the deployment, where everybody can run it.
    own = {"UV_PYTHON_INSTALL_DIR": str(machine.environments / "python")}
    build.uv("venv", "--no-project", "--python", python, build.folder, more=own)
    write_launcher(build.folder, venv_setup(build.folder))
    packages.pip(build, specs.requirements(spec))


def _install_conda(build: Build, spec: EnvironmentSettings) -> None:
    """What the channels have, by py-rattler; then pip's part into the same folder."""
    packages.conda(build, spec.channels, specs.conda_packages(spec))
    if spec.pip:
        packages.pip(build, spec.pip, "--break-system-packages")


def _python(build: Build, request: str) -> str:
    """An interpreter of this version that users can run; the version, for uv to fetch, if none."""
    flags = ("--only-installed", "--output-format", "json")
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    folders = [os.environ.get("PATH", ""), *map(str, pyenv.glob("versions/*/bin"))]
    more = {"PATH": os.pathsep.join(folders)}  # pyenv hides those that are not in use
    listed = build.uv_says("python", "list", *flags, request, more=more)
    paths = [Path(entry["path"]) for entry in json.loads(listed or "[]") if entry.get("path")]
    usable = (path for path in paths if not build.machine.unix or reachable(path))
    return str(next(usable, request))


def _describe_kernel(folder: Path, name: str) -> None:
    """Write what Jupyter starts; the pictures are ipykernel's."""
    kernel = folder / "kernel"
    pictures = folder / "share" / "jupyter" / "kernels" / "python3"
    if pictures.is_dir():
        shutil.copytree(pictures, kernel, dirs_exist_ok=True)
    kernel.mkdir(exist_ok=True)
    program = [str(kernels.launcher(folder)), str(folder / "bin" / "python")]
    description = {
        "argv": [*program, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": name,
        "language": "python",
        "metadata": {"debugger": True},
        "env": dask_environments.variable(name),
    }
    write_private(kernel / "kernel.json", json.dumps(description, indent=1) + "\n", mode=0o644)


def _links(machine: Machine, name: str) -> Iterator[Path]:
    """The places where a kernel is listed."""
    everyone = kernels.folder(machine.directory, None)
    groups = sorted((everyone.parent / "groups").glob("*"))
    for folder in (everyone, *groups):
        link = folder / "kernels" / name.lower()
        if link.is_symlink():
            yield link


def _publish(machine: Machine, name: str, spec: EnvironmentSettings) -> None:
    """List the kernel in use for all who may have it, and for nobody else."""
    target = _builds(machine, name) / "current" / "kernel"
    wanted: dict[Path, dict[str, int] | None] = {}
    if target.exists():
        for group in [None] if spec.groups is None else spec.groups:
            gids = {group: spec.groups[group]} if spec.groups and group else None
            wanted[kernels.folder(machine.directory, group)] = gids
    for folder, gids in wanted.items():
        if gids is not None:
            ensure_folder(folder.parent, 0o755 if machine.unix else 0o700)
        _guard(machine, folder, gids)
        listed = ensure_folder(folder / "kernels", 0o755 if machine.unix else 0o700)
        _link(listed / name.lower(), Path(os.path.relpath(target, listed)))
    for link in _links(machine, name):
        if link.parent.parent not in wanted:
            link.unlink(missing_ok=True)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _sweep(machine: Machine, home: Path, current: Path) -> None:
    """Remove earlier builds, and environments that are no longer configured, if nothing runs."""
    for path in home.iterdir():
        if path.name.split(".")[0] in ("current", current.name, ""):
            continue
        if path.is_dir():
            installer.remove_unused(path)
        else:
            path.unlink(missing_ok=True)
    for other in _builds(machine).iterdir():
        if (other / _REMOVED).exists():
            installer.remove_unused(other)
