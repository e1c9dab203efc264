"""Putting a tree back into a place that its owner can change meanwhile.

A thing is made in a folder of the place that only who restores can enter, gets owner, mode and
times there, and is then renamed into its folder, which was opened from the place's own folder down,
name by name. So no link that somebody put there is ever followed, and no file is there by halves.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qhub.backup import attributes
from qhub.backup.manifest import Entry
from qhub.backup.owners import Owner, Renumbering
from qhub.backup.store import FULL, Store, Tick
from qhub.backup.tree import OPEN_FOLDER, STAGING, chunks, extents, open_file
from qhub.errors import BackupError

_NEW = "new"
"""Name of what is being made in the staging folder: one thing at a time."""

_NO_FOLDER = {errno.ENOTDIR, errno.ELOOP}
"""What the system says when a file or a link is asked to be a folder."""

_PRIVILEGES = stat.S_ISUID | stat.S_ISGID
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Restored:
    """What came of a restore: counts of things, and what could not be put back, with the reason."""

    written: int = 0
    bytes: int = 0
    right: int = 0
    kept: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Open:
    """A folder on the way to what is put back; `finish` what it is to be like in the end."""

    name: str
    descriptor: int
    finish: Entry | None


class Place:
    """One place that is being put back; used in `with`.

    Args:
        name: of the place: `homes/ada`.
        folder: where it is.
        store: has the contents.
        numbers: says whose files they become.
        missing: only put back what is not there; what is there stays as it is.
        result: takes what came of it.
        tick: is told of each step.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        store: Store,
        numbers: Renumbering,
        *,
        missing: bool,
        result: Restored,
        tick: Tick,
    ) -> None:
        self._name, self._folder, self._store, self._numbers = name, folder, store, numbers
        self._missing, self._result, self._tick = missing, result, tick
        # What lies in a shared folder is as open as the configuration says today.
        lists = numbers.by_number and name.startswith("homes/")
        self._attributes = attributes.Kept(numbers, lists=lists)
        self._way: list[_Open] = []
        self._staging = -1
        self._linked: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Place:
        root = os.open(self._folder, OPEN_FOLDER)
        self._way = [_Open("", root, None)]
        try:
            self._staging = _staging(root)
        except OSError as error:
            os.close(root)
            raise OSError(
                error.errno, f"{STAGING} in it can't be used: {error.strerror}"
            ) from error
        return self

    def __exit__(self, *error: object) -> None:
        while len(self._way) > 1:
            self._leave()
        _empty(self._staging)
        os.close(self._staging)
        root = self._way[0].descriptor
        with contextlib.suppress(OSError):  # its owner moved it
            os.rmdir(STAGING, dir_fd=root)
        os.close(root)

    def put(self, entry: Entry, *, wanted: bool) -> None:
        """Put one entry back; a folder that is not wanted itself is only passed on the way."""
        self._tick(entry.path, 0)
        *way, name = entry.path.removeprefix(self._name).strip("/").split("/")
        if not name:
            return  # the place itself is as the deployment made it
        if not self._at(way):
            self._fail(entry, "its folder could not be put back")
            return
        try:
            if entry.kind == "folder":
                self._put_folder(entry, name, wanted=wanted)
            else:
                self._put_thing(entry, name)
        except OSError as error:
            if error.errno in FULL:
                raise BackupError(
                    f"no room is left for {self._folder}",
                    hint="make room, then run the same command to go on",
                ) from error
            self._fail(entry, error.strerror or str(error))

    # Folders.

    def _at(self, way: list[str]) -> bool:
        """Be in a folder that was put back before; False when it was not."""
        known = [step.name for step in self._way[1:]]
        while known != way[: len(known)]:
            known.pop()
            self._leave()
        return known == way

    @property
    def _parent(self) -> int:
        return self._way[-1].descriptor

    def _put_folder(self, entry: Entry, name: str, *, wanted: bool) -> None:
        try:
            descriptor = os.open(name, OPEN_FOLDER, dir_fd=self._parent)
        except FileNotFoundError:
            descriptor = self._make_folder(name)
            self._result.written += 1
        except OSError as error:
            if error.errno not in _NO_FOLDER or self._missing or not wanted:
                raise
            os.unlink(name, dir_fd=self._parent)  # a file or a link took the folder's place
            descriptor = self._make_folder(name)
            self._result.written += 1
        else:
            if not wanted or self._missing or not self._may_change(descriptor, entry):
                self._way.append(_Open(name, descriptor, None))
                return
            _open_up(descriptor)
        self._way.append(_Open(name, descriptor, entry))

    def _make_folder(self, name: str) -> int:
        os.mkdir(_NEW, 0o700, dir_fd=self._staging)
        try:
            descriptor = os.open(_NEW, OPEN_FOLDER, dir_fd=self._staging)
            os.rename(_NEW, name, src_dir_fd=self._staging, dst_dir_fd=self._parent)
        except OSError:
            _empty(self._staging)
            raise
        return descriptor

    def _may_change(self, descriptor: int, entry: Entry) -> bool:
        """Whether a folder that is there is the one of the backup: of its owner, or of ours."""
        owner = self._owner(entry)
        wanted = os.geteuid() if owner is None else owner.uid
        return os.fstat(descriptor).st_uid in (wanted, os.geteuid())

    def _leave(self) -> None:
        step = self._way.pop()
        try:
            if step.finish is not None:
                self._finish(step.descriptor, step.finish)
        except OSError as error:
            self._fail(step.finish, error.strerror or str(error))
        finally:
            os.close(step.descriptor)

    # Files and links.

    def _put_thing(self, entry: Entry, name: str) -> None:
        if self._missing and _exists(self._parent, name):
            self._result.kept += 1
            return
        if self._is_right(entry, name):
            self._result.right += 1
            return
        try:
            if entry.kind == "link":
                self._make_link(entry)
            elif not self._make_name(entry):
                self._make_file(entry)
            made = os.stat(_NEW, dir_fd=self._staging, follow_symlinks=False)
            os.rename(_NEW, name, src_dir_fd=self._staging, dst_dir_fd=self._parent)
        except BaseException:
            _empty(self._staging)
            raise
        _empty(self._staging)  # renaming one name of a file to another of it leaves both
        if entry.linked and not entry.same_as:
            self._linked[entry.path] = (made.st_dev, made.st_ino)
        self._result.written += 1
        self._result.bytes += entry.data

    def _make_link(self, entry: Entry) -> None:
        os.symlink(entry.target, _NEW, dir_fd=self._staging)
        if (owner := self._owner(entry)) is not None:
            os.chown(_NEW, owner.uid, owner.gid, dir_fd=self._staging, follow_symlinks=False)
        times = (entry.mtime, entry.mtime)
        os.utime(_NEW, ns=times, dir_fd=self._staging, follow_symlinks=False)

    def _make_name(self, entry: Entry) -> bool:
        """Make another name of a file that was put back before; False when that can't be."""
        if entry.same_as not in self._linked:
            return False
        *way, name = entry.same_as.removeprefix(f"{self._name}/").split("/")
        try:
            with _opened(self._way[0].descriptor, way) as parent:
                os.link(
                    name, _NEW, src_dir_fd=parent, dst_dir_fd=self._staging, follow_symlinks=False
                )
            made = os.stat(_NEW, dir_fd=self._staging, follow_symlinks=False)
        except OSError:
            return False
        if (made.st_dev, made.st_ino) == self._linked[entry.same_as]:
            return True
        _empty(self._staging)  # somebody put another file there
        return False

    def _make_file(self, entry: Entry) -> None:
        descriptor = os.open(_NEW, _CREATE, 0o600, dir_fd=self._staging)
        try:
            total = hashlib.sha256()
            data = self._pieces(entry)
            for position, piece in data:
                total.update(piece)
                _write(descriptor, piece, position)
                self._tick(entry.path, len(piece))
            if entry.sha256 and total.hexdigest() != entry.sha256:
                raise BackupError(f"the content of {entry.path} in the backup was changed")
            os.ftruncate(descriptor, entry.size)
            self._finish(descriptor, entry)
        finally:
            os.close(descriptor)

    def _pieces(self, entry: Entry) -> Iterator[tuple[int, bytes]]:
        """The data of a file, each piece with its place in the file."""
        spans = iter(entry.extents or [[0, entry.size]])
        start, left = next(spans)
        for chunk in self._store.read(entry.sha256):
            while chunk:
                if not left:
                    start, left = next(spans, [entry.size, len(chunk)])  # more than it should be
                piece, chunk = chunk[:left], chunk[left:]
                yield start, piece
                start, left = start + len(piece), left - len(piece)

    def _is_right(self, entry: Entry, name: str) -> bool:
        """Whether what is there is what the backup holds, to the last bit."""
        with contextlib.suppress(OSError):
            found = os.stat(name, dir_fd=self._parent, follow_symlinks=False)
            if entry.kind == "link":
                return (
                    stat.S_ISLNK(found.st_mode)
                    and os.readlink(name, dir_fd=self._parent) == entry.target
                    and self._is_theirs(entry, found)
                )
            if entry.same_as:
                return self._linked.get(entry.same_as) == (found.st_dev, found.st_ino)
            descriptor = open_file(self._parent, name)
            try:
                right = self._holds(entry, descriptor)
            finally:
                os.close(descriptor)
            if right and entry.linked:
                self._linked[entry.path] = (found.st_dev, found.st_ino)
            return right
        return False

    def _holds(self, entry: Entry, descriptor: int) -> bool:
        found = os.fstat(descriptor)
        if (found.st_size, found.st_mtime_ns) != (entry.size, entry.mtime):
            return False
        if stat.S_IMODE(found.st_mode) != self._mode(entry) or not self._is_theirs(entry, found):
            return False
        if not self._attributes.right(descriptor, entry.xattrs):
            return False
        if extents(descriptor, found) != entry.extents:
            return False
        total = hashlib.sha256()
        for chunk in chunks(descriptor, entry.size, entry.extents):
            total.update(chunk)
            self._tick(entry.path, len(chunk))
        return not entry.data or total.hexdigest() == entry.sha256

    # Whose they are.

    def _owner(self, entry: Entry) -> Owner | None:
        return self._numbers.owner(self._name, entry.uid, entry.gid)

    def _is_theirs(self, entry: Entry, found: os.stat_result) -> bool:
        owner = self._owner(entry)
        return owner is None or (owner.uid, owner.gid) == (found.st_uid, found.st_gid)

    def _mode(self, entry: Entry) -> int:
        """Permissions; what gives privileges only where the owner is one of the people."""
        owner, shared = self._owner(entry), self._name.startswith("shared/")
        if entry.kind == "folder" and shared and self._numbers.from_one_account:
            return entry.mode | stat.S_ISGID | 0o070
        known = owner.known if owner is not None else os.geteuid() != 0
        return entry.mode if known else entry.mode & ~_PRIVILEGES

    def _finish(self, descriptor: int, entry: Entry) -> None:
        """Give an open file or folder its owner, mode, attributes and times."""
        if (owner := self._owner(entry)) is not None:
            os.fchown(descriptor, owner.uid, owner.gid)
        os.fchmod(descriptor, self._mode(entry))
        self._attributes.write(descriptor, entry.xattrs)
        os.utime(descriptor, ns=(entry.mtime, entry.mtime))

    def _fail(self, entry: Entry | None, reason: str) -> None:
        if entry is not None:
            self._result.failed.append((entry.path, reason))


def _staging(root: int) -> int:
    """The folder in which things are made ready, open and empty; nobody else can enter it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(STAGING, 0o700, dir_fd=root)
    descriptor = os.open(STAGING, OPEN_FOLDER, dir_fd=root)
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        os.close(descriptor)
        raise PermissionError(1, "it belongs to somebody else")
    os.fchmod(descriptor, 0o700)
    _empty(descriptor)
    return descriptor


def _empty(staging: int) -> None:
    """Remove what was left half-made."""
    for name in os.listdir(staging):
        found = os.stat(name, dir_fd=staging, follow_symlinks=False)
        (os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink)(name, dir_fd=staging)


@contextlib.contextmanager
def _opened(root: int, way: list[str]) -> Iterator[int]:
    """A folder, opened from another one down, name by name."""
    descriptor = os.dup(root)
    try:
        for name in way:
            inner = os.open(name, OPEN_FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _open_up(descriptor: int) -> None:
    """Let an ordinary user write in a folder of their own; it gets its mode back in the end."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if os.geteuid() != 0 and mode & 0o700 != 0o700:
        os.fchmod(descriptor, mode | 0o700)


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(descriptor, view, position)
        view, position = view[done:], position + done
