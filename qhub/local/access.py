"""Folders that only the members of some groups may enter.

One group is the folder's own; for several the folder gets an access list, as `setfacl -m g:…:r-x`
would give it (that program is on few machines, the kernel's interface on every Linux).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from qhub.errors import LocalError

_ACCESS = "system.posix_acl_access"
_OWNER, _OWN_GROUP, _GROUP, _MASK, _OTHERS = 0x01, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF


def access_list(gids: Sequence[int]) -> bytes:
    """The kernel's form of a list: all for the owner, reading for these groups, else nothing."""
    entries = [(_OWNER, 7, _NO_ID), (_OWN_GROUP, 0, _NO_ID)]
    entries += [(_GROUP, 5, gid) for gid in sorted(gids)]
    entries += [(_MASK, 5, _NO_ID), (_OTHERS, 0, _NO_ID)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def guard(folder: Path, gids: Sequence[int] | None) -> None:
    """Make a folder that these groups, or all people for None, may enter and read.

    Raises:
        LocalError: the file system knows no access lists, and there are several groups.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = access_list(gids) if gids is not None and len(gids) != 1 else b""
    mode, gid = (0o755, os.getegid()) if gids is None else (0o750, [*gids, os.getegid()][0])
    now = folder.stat()
    if _list(folder) == wanted and (wanted or (now.st_mode & 0o7777, now.st_gid) == (mode, gid)):
        return  # others may be at work in it: not even for a moment is it another
    if _list(folder):
        os.removexattr(folder, _ACCESS)
    folder.chmod(0o700)
    os.chown(folder, -1, os.getegid() if wanted else gid)
    if wanted:
        _set_list(folder, wanted)
    else:
        folder.chmod(mode)


def _list(folder: Path) -> bytes:
    try:
        return os.getxattr(folder, _ACCESS)
    except (OSError, AttributeError):
        return b""


def _set_list(folder: Path, wanted: bytes) -> None:
    try:
        os.setxattr(folder, _ACCESS, wanted)
    except (OSError, AttributeError) as error:
        raise LocalError(
            f"{folder} can't be opened to several groups: the file system has no access lists",
            "Name one group, or set local.directory to a folder on ext4, XFS or Btrfs.",
        ) from error
