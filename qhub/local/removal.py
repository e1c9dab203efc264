"""Take a deployment off this machine: processes, accounts, control groups, sockets, files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from qhub.errors import LocalError
from qhub.hub import limits, shared_place
from qhub.local import (
    accounts,
    conda_store,
    dask_gateway,
    jupyterhub,
    kubessh,
    owned,
    supervisor,
    system,
)
from qhub.local.facts import MARKER, Machine

DATA = (
    "homes",
    "shared",
    "private/jupyterhub.sqlite",
    "private/cookie_secret",
    "private/ssh_host_ed25519_key",
    "private/ssh_host_ed25519_key.pub",
    "private/jitsi-secret",
    "conda-store",
)
"""What stays with `keep_data`, relative to the deployment's folder."""


def remove(facts: Path, keep_data: bool, say: Callable[[str], None]) -> None:
    """Remove all that is there, from however far a deployment got; fine when nothing is.

    Args:
        facts: the facts of the deployment; removed last, so that a cut-off run can go on.
        keep_data: leave homes, shared folders, the hub's database and the SSH host key.
        say: takes lines of progress.
    """
    machine = owned.claim(facts)
    if machine is None:
        facts.unlink(missing_ok=True)
        return
    ours = owned.is_ours(machine)
    if not ours and machine.directory.exists() and any(machine.directory.iterdir()):
        raise LocalError(
            f"{machine.directory} isn't marked as this deployment's, so it is left alone",
            f"Remove it by hand if it is, then {facts}.",
        )
    if ours:
        dask_gateway.remove(machine, say)  # first: it would start people's workers again
        kubessh.remove(machine, say)
        conda_store.remove(machine, say)
        jupyterhub.remove(machine, say)
    # Also where somebody removed the folder: what runs has lost it, and goes on all the same.
    supervisor.stop(machine)
    system.end(partial(owned.processes, machine))
    accounts.remove_all(machine)
    limits.remove_all(str(machine.directory))
    shared_place.release(str(machine.directory))
    _remove_sockets(machine)
    if ours:
        say(f"removing {machine.directory}" + (", data stays" if keep_data else ""))
        _remove_files(machine, keep_data)
    facts.unlink(missing_ok=True)


def _remove_sockets(machine: Machine) -> None:
    if machine.sockets != machine.supervisor and machine.sockets.is_dir():
        shutil.rmtree(machine.sockets)


def _remove_files(machine: Machine, keep_data: bool) -> None:
    """Remove the folder; links in it are removed, never followed."""
    mounted = system.mounts_below(machine.directory)
    if mounted:
        raise LocalError(
            f"{mounted[0]} is another file system, mounted in the deployment's folder",
            f"Unmount it, so that its files are not removed: umount {mounted[0]}",
        )
    kept = {machine.directory / path for path in DATA} if keep_data else set()
    _remove_tree(machine.directory, kept | {machine.directory / MARKER})
    if not kept:
        (machine.directory / MARKER).unlink(missing_ok=True)
        with contextlib.suppress(PermissionError):  # somebody else made it for us: it stays, empty
            machine.directory.rmdir()
        _remove_if_empty(machine.directory.parent)


def _remove_tree(folder: Path, kept: set[Path]) -> None:
    for path in folder.iterdir():
        if path in kept:
            continue
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        elif any(path in keeper.parents for keeper in kept):
            _remove_tree(path, kept)
        else:
            shutil.rmtree(path)


def _remove_if_empty(folder: Path) -> None:
    from qhub.local.machine import SERVER_DATA

    if folder == SERVER_DATA and folder.is_dir() and not any(folder.iterdir()):
        with contextlib.suppress(OSError):  # a file system of its own may be mounted there
            folder.rmdir()
