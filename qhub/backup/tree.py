"""Reading a tree that somebody may be changing: from an open folder to a name in it, no other way.

A symbolic link is read, never followed, also where a folder becomes one between two steps.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qhub.backup import attributes
from qhub.backup.manifest import Entry

DEEPEST = 256
"""Folders inside each other; each takes an open file while what is in it is read."""

STAGING = ".qhub-restore"
"""Folder in a place where a restore makes files ready; no backup holds it."""

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without blocking, since a file may have become a pipe in which nobody writes.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_OTHER_KINDS = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

LeaveOut = Callable[[str, str, bool], None]
"""Takes the path of what is not saved, the reason, and whether it should have been."""


@dataclass(frozen=True)
class Found:
    """One step of a walk: an entry, and the open folder and the name by which to reach it."""

    entry: Entry
    parent: int
    name: str


class NotAFile(OSError):
    """What was a regular file when it was found is something else now."""


def open_file(parent: int, name: str) -> int:
    """Open a regular file for reading; nothing else, whatever takes its place meanwhile."""
    descriptor = os.open(name, _OPEN_FILE, dir_fd=parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile(f"{name} is no file any more")
    return descriptor


def entry_of(path: str, kind: str, found: os.stat_result) -> Entry:
    """What the system tells of a file, folder or link."""
    return Entry(
        path=path,
        kind=kind,  # type: ignore[arg-type]
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        mtime=found.st_mtime_ns,
    )


class Walk:
    """All that is in a place, in the order of a manifest.

    Args:
        place: its name; the paths of its entries begin with it.
        skipped: paths that are passed over.
        leave_out: is told of what can't be saved.
    """

    def __init__(self, place: str, skipped: frozenset[str], leave_out: LeaveOut) -> None:
        self._place = place
        self._skipped = skipped | {f"{place}/{STAGING}"}
        self._leave_out = leave_out
        self._device = 0

    def of(self, folder: Path) -> Iterator[Found]:
        """Walk through the folder; what is found can be opened until the next step."""
        try:
            descriptor = os.open(folder, OPEN_FOLDER)
        except OSError as error:
            self._leave_out(self._place, _reason(error), True)
            return
        self._device = os.fstat(descriptor).st_dev
        yield from self._folder(descriptor, self._place, 1)

    def _folder(self, descriptor: int, path: str, depth: int) -> Iterator[Found]:
        """An open folder and what is in it; closes it."""
        try:
            entry = entry_of(path, "folder", os.fstat(descriptor))
            entry.xattrs = attributes.read(descriptor)
            yield Found(entry, descriptor, ".")
            for name in sorted(os.listdir(descriptor), key=os.fsencode):
                inside = f"{path}/{name}"
                if inside in self._skipped:
                    continue
                try:
                    yield from self._step(descriptor, name, inside, depth)
                except FileNotFoundError:
                    continue  # gone since the folder was listed
                except OSError as error:
                    # Only a mount of a person's own is closed to root.
                    foreign = isinstance(error, PermissionError) and os.geteuid() == 0
                    self._leave_out(inside, _reason(error), not foreign)
        finally:
            os.close(descriptor)

    def _step(self, parent: int, name: str, path: str, depth: int) -> Iterator[Found]:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFDIR:
            if found.st_dev != self._device:
                self._leave_out(path, "another file system is mounted here", False)
            elif depth >= DEEPEST:
                self._leave_out(path, f"more than {DEEPEST} folders inside each other", True)
            else:
                descriptor = os.open(name, OPEN_FOLDER, dir_fd=parent)
                yield from self._folder(descriptor, path, depth + 1)
        elif kind == stat.S_IFLNK:
            entry = entry_of(path, "link", found)
            entry.target = os.readlink(name, dir_fd=parent)
            yield Found(entry, parent, name)
        elif kind == stat.S_IFREG:
            entry = entry_of(path, "file", found)
            entry.size, entry.linked = found.st_size, found.st_nlink > 1
            entry.ctime, entry.inode = found.st_ctime_ns, found.st_ino
            yield Found(entry, parent, name)
        else:
            self._leave_out(path, _OTHER_KINDS.get(kind, "neither file nor folder"), False)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def extents(descriptor: int, found: os.stat_result) -> list[list[int]] | None:
    """Offset and length of each piece of data of a file with holes; None when it has none."""
    if found.st_blocks * 512 >= found.st_size or not hasattr(os, "SEEK_DATA"):
        return None
    pieces, position = [], 0
    while position < found.st_size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
            position = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError:  # nothing but a hole up to the end, or the file shrank
            break
        pieces.append([start, min(position, found.st_size) - start])
    if pieces == [[0, found.st_size]]:
        return None
    return [piece for piece in pieces if piece[1] > 0]


def chunks(
    descriptor: int, size: int, pieces: list[list[int]] | None, chunk: int = 1 << 20
) -> Iterator[bytes]:
    """The data of an open file; of one that grows meanwhile no more than `size`."""
    for start, length in [[0, size]] if pieces is None else pieces:
        end = start + length
        while start < end:
            data = os.pread(descriptor, min(chunk, end - start), start)
            if not data:
                break
            yield data
            start += len(data)
