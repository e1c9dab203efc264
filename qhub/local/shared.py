"""The folders of groups: the `access` of each as owners and access lists.

What is made in a folder takes over its list, whatever umask a program has. Where the list is to be
another, all that is there gets it, too, while the folder is closed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from qhub.errors import LocalError
from qhub.hub import shared_place, shares
from qhub.local import access, accounts
from qhub.local.access import Rights
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder
from qhub.local.settings import HubSettings

_SETGID = 0o2000
"""Files made in such a folder belong to its group."""


def ensure(machine: Machine, settings: HubSettings, say: Callable[[str], None]) -> None:
    """A folder a group, open as its `access` says.

    Raises:
        LocalError: the file system has no access lists, and they are needed.
    """
    writers = {user.uid for user in settings.users.values() if shares.ADMIN in user.groups}
    for name, group in settings.groups.items():
        folder = machine.shared / name
        if not machine.unix:
            ensure_folder(folder, 0o700)
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            _open(folder, group.gid, _rights(settings, name))
        except OSError as error:
            if group.access != shares.READ_WRITE:
                raise LocalError(
                    f"{folder} can't be {group.access}: {error}",
                    access.HINT.format(f"Leave out access of the group {name}"),
                ) from error
            accounts.give(folder, None, group.gid)
            folder.chmod(_SETGID | 0o770)  # will do, with the umask that servers start with
        if group.access == shares.READ_ONLY:
            _take_over(folder, writers)
    if machine.unix and not shared_place.claim(str(machine.directory)):
        say(f"{shared_place.PLACE} is something else here: shared folders are in ~/shared alone")


def _rights(settings: HubSettings, name: str) -> Rights:
    group, admin = settings.groups[name], settings.groups.get(shares.ADMIN)
    if group.access == shares.READ_ONLY:
        return Rights(group=5, named={admin.gid: 7} if admin else {})
    return Rights(group=7, others=5 if group.access == shares.PUBLIC_READ else 0)


def _open(folder: Path, gid: int, rights: Rights) -> None:
    """Have a folder belong to a group, with these rights for all that is and will be in it."""
    wanted = rights.packed()
    if folder.stat().st_gid == gid and access.of(folder) == (wanted, wanted):
        return
    access.grant_folder(folder, rights)  # fails here, before anything changed, or not at all
    folder.chmod(0o700)
    os.chown(folder, -1, gid)
    for descriptor in _below(folder):
        _give(descriptor, gid, rights)
    folder.chmod(_SETGID | 0o700)
    access.grant_folder(folder, rights)


def _give(descriptor: int, gid: int, rights: Rights) -> None:
    """Hand a file or folder over; what its owner closed to the group stays closed."""
    mode = os.fstat(descriptor).st_mode
    os.fchown(descriptor, -1, gid)
    if not mode & stat.S_IRWXG:
        return
    if stat.S_ISDIR(mode):
        os.fchmod(descriptor, _SETGID | stat.S_IMODE(mode))
        access.grant_folder(descriptor, rights)
    else:
        access.grant(descriptor, (mode & stat.S_IRWXU) >> 6, rights)


def _take_over(folder: Path, writers: Collection[int]) -> None:
    """Nobody is to own what they may only read: owners can always write."""
    for descriptor in _below(folder):
        if os.fstat(descriptor).st_uid not in writers:
            os.fchown(descriptor, os.geteuid(), -1)


def _below(folder: Path) -> Iterator[int]:
    """All files and folders in a folder, opened, never through a link.

    A file that other folders hold as well is left out: it could be anybody's.
    """
    for _, folders, files, parent in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(name, flags, dir_fd=parent)
            except OSError:
                continue  # a link, or gone
            try:
                entry = os.fstat(descriptor)
                if stat.S_ISDIR(entry.st_mode) or (
                    stat.S_ISREG(entry.st_mode) and entry.st_nlink == 1
                ):
                    yield descriptor
            finally:
                os.close(descriptor)
