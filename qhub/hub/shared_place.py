"""`/shared`, where notebooks written for the cluster look for the folders of groups.

Each person's processes get it as a mount of their own, so that deployments beside each other don't
meet. On the machine itself it is a folder with a file for each deployment that uses it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

from .limits import Cgroup

PLACE = Path("/shared")
_NEW_MOUNTS, _BIND, _REC, _SLAVE = 0x20000, 0x1000, 0x4000, 1 << 19

_libc = ctypes.CDLL(None, use_errno=True)


def _mark(directory: str) -> Path:
    return PLACE / Cgroup.parent_name(directory)


def claim(directory: str) -> bool:
    """Have the place ready for a deployment; False where it is something else. Root only."""
    try:
        PLACE.mkdir()
        PLACE.chmod(0o755)
    except FileExistsError:
        if PLACE.is_symlink() or not PLACE.is_dir():
            return False
        marks = [path.name.startswith("qhub-") for path in PLACE.iterdir()]
        if not marks or not all(marks):  # an empty one may be where somebody mounts something
            return False
    except OSError:  # the root of this machine can't be written to
        return False
    _mark(directory).touch()
    return True


def release(directory: str) -> None:
    """Give the place up; it goes with the last deployment."""
    mark = _mark(directory)
    if mark.exists():
        mark.unlink()
        with contextlib.suppress(OSError):  # others use it
            PLACE.rmdir()


def enter(directory: str) -> None:
    """Let the calling process, and what it starts, find a deployment's shared folders there.

    Nothing happens where the place is not claimed, or where root may not mount: in a container.
    """
    if not _mark(directory).exists():
        return
    source = os.fsencode(Path(directory, "shared"))
    with contextlib.suppress(OSError):
        _call(_libc.unshare(_NEW_MOUNTS))
        _call(_libc.mount(b"none", b"/", None, _REC | _SLAVE, None))
        _call(_libc.mount(source, os.fsencode(PLACE), None, _BIND, None))


def _call(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
