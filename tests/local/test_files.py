"""Who may read and write what a deployment made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psutil

from qhub.local import owned
from tests.local.deployment import Deployment


def _walk(folder: Path) -> list[Path]:
    found = [folder]
    for parent, folders, files in os.walk(folder):
        found += [Path(parent, name) for name in (*folders, *files)]
    return [path for path in found if not path.is_symlink()]


def test_private_things_are_private(hub: Deployment) -> None:
    machine = hub.machine
    for folder in (machine.private, machine.logs, machine.supervisor, machine.hub, machine.sockets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for path in (*_walk(machine.private), *_walk(machine.supervisor)):
        assert not path.stat().st_mode & 0o077, path


def test_nothing_is_writable_for_everybody(hub: Deployment) -> None:
    for path in _walk(hub.machine.directory):
        if not stat.S_ISSOCK(path.stat().st_mode):
            assert not path.stat().st_mode & stat.S_IWOTH, path


def test_homes_and_shared_folders_have_their_modes(hub: Deployment) -> None:
    machine = hub.machine
    for name in ("alice", "ben"):
        home = (machine.homes / name).stat()
        assert stat.S_IMODE(home.st_mode) == 0o700
        if hub.unix:
            assert home.st_uid == hub.settings["users"][name]["uid"]
    for name in ("sailors", "captains"):
        folder = (machine.shared / name).stat()
        assert stat.S_IMODE(folder.st_mode) == (0o2770 if hub.unix else 0o700)
        if hub.unix:
            assert (folder.st_uid, folder.st_gid) == (0, hub.settings["groups"][name]["gid"])


def test_no_secret_is_on_a_command_line_and_nothing_of_the_shell_goes_along(
    hub: Deployment,
) -> None:
    tokens = [path.read_text().strip() for path in hub.machine.private.glob("token-*")]
    for process in owned.processes(hub.machine):
        try:
            line = " ".join(process.cmdline())
            environment = process.environ()
        except psutil.Error:
            continue
        assert not any(token in line for token in tokens), line
        assert "PIP_CERT" not in environment
