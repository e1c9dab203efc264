"""Access lists of files: what `setfacl` gives, which is a program that few machines have.

The kernel's interface is on every Linux. A list says what the owner, the file's group, further
groups and all others may do: 4 read, 2 write, 1 execute or enter.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path

from qhub.errors import LocalError

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_OWNER, _USER, _OWN_GROUP, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF


@dataclass(frozen=True)
class Rights:
    """What a file's group, further groups by their gid, people by their uid, and others may do."""

    group: int = 0
    named: Mapping[int, int] = field(default_factory=dict)
    people: Mapping[int, int] = field(default_factory=dict)
    others: int = 0

    def packed(self, owner: int = 7, most: int = 7) -> bytes:
        """The kernel's form of a list; nobody but the owner may do more than `most`."""
        entries = [(_OWNER, owner, _NO_ID)]
        entries += [(_USER, may & most, uid) for uid, may in sorted(self.people.items())]
        entries += [(_OWN_GROUP, self.group & most, _NO_ID)]
        entries += [(_GROUP, may & most, gid) for gid, may in sorted(self.named.items())]
        mask = reduce(or_, [*self.named.values(), *self.people.values()], self.group) & most
        entries += [(_MASK, mask, _NO_ID), (_OTHERS, self.others & most, _NO_ID)]
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def of(file: Path | int) -> tuple[bytes, bytes]:
    """The list of a file, and that which new files in a folder get; empty where there is none."""
    return _list(file, _ACCESS), _list(file, _DEFAULT)


def grant(file: int, owner: int, rights: Rights) -> None:
    """Give an open file these rights; what its owner can't execute nobody can.

    Raises:
        OSError: the file system has no access lists.
    """
    _set_list(file, _ACCESS, rights.packed(owner, most=7 if owner & 1 else 6))


def grant_folder(folder: Path | int, rights: Rights) -> None:
    """Give a folder these rights, and whatever will be made in it.

    Raises:
        OSError: the file system has no access lists.
    """
    for kind in (_DEFAULT, _ACCESS):
        _set_list(folder, kind, rights.packed())


def guard(folder: Path, gids: Sequence[int] | None) -> None:
    """Make a folder that these groups, or all people for None, may enter and read.

    One group is the folder's own; for several the folder gets an access list.

    Raises:
        LocalError: the file system knows no access lists, and there are several groups.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    listed = gids is not None and len(gids) != 1
    wanted = Rights(named=dict.fromkeys(gids or (), 5)).packed() if listed else b""
    mode, gid = (0o755, os.getegid()) if gids is None else (0o750, [*gids, os.getegid()][0])
    now = folder.stat()
    same = (now.st_mode & 0o7777, now.st_gid) == (mode, gid)
    if _list(folder, _ACCESS) == wanted and (wanted or same):
        return  # others may be at work in it: not even for a moment is it another
    if _list(folder, _ACCESS):
        os.removexattr(folder, _ACCESS)
    folder.chmod(0o700)
    os.chown(folder, -1, os.getegid() if wanted else gid)
    if not wanted:
        folder.chmod(mode)
        return
    try:
        _set_list(folder, _ACCESS, wanted)
    except OSError as error:
        raise LocalError(
            f"{folder} can't be opened to several groups: the file system has no access lists",
            HINT.format("Name one group"),
        ) from error


def guard_for(folder: Path, uid: int) -> None:
    """Make a folder that, beside its owner, one person may enter and read.

    Raises:
        LocalError: the file system knows no access lists.
    """
    wanted = Rights(people={uid: 5}).packed()
    if _list(folder, _ACCESS) == wanted:
        return
    folder.chmod(0o700)
    try:
        _set_list(folder, _ACCESS, wanted)
    except OSError as error:
        raise LocalError(
            f"{folder} can't be opened to one person: the file system has no access lists",
            HINT.format("Leave conda_store.enabled out"),
        ) from error


HINT = "{}, or set local.directory to a folder on ext4, XFS or Btrfs."


def _list(file: Path | int, kind: str) -> bytes:
    try:
        return os.getxattr(file, kind)
    except (OSError, AttributeError):
        return b""


def _set_list(file: Path | int, kind: str, wanted: bytes) -> None:
    try:
        os.setxattr(file, kind, wanted)
    except AttributeError as error:  # only Linux has it
        raise OSError("no access lists") from error
