"""A folder of backups: contents by their hash, manifests that name them.

What is in it is only readable for who made it. Everything is written beside its place and renamed,
so that whatever bears its name is whole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from qhub.backup.manifest import FORMAT, Entry, Header, check_format, read
from qhub.errors import BackupError, LockedError, UsageError

MARKER = "qhub-backup.json"
CONFIG = "config/qhub-config.yaml"
"""Name of the configuration among what is saved."""

_ABOUT = "Backups made by qhub; `qhub restore` puts them back. They hold people's files: keep them."
FULL = {errno.ENOSPC, errno.EDQUOT}
"""What the system says when there is no room."""

_CHUNK = 1 << 20

Tick = Callable[[str, int], None]
"""Takes the path that is worked on and the bytes that were done; may raise to end the work."""


class DiskFull(BackupError):
    """There is no room left."""


@contextlib.contextmanager
def told(root: Path) -> Iterator[None]:
    """Turn what the system says of the folder of backups into an error for people."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"no room is left for {root}") from error
        where = error.filename or root
        raise BackupError(f"{where} can't be used for backups: {error.strerror}") from error


@dataclass(frozen=True)
class Whose:
    """Which deployment backups are of."""

    project_name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.project_name} ({self.namespace})" if self.namespace else self.project_name


class Store:
    """A folder of backups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects = root / "objects"
        self._partial = root / "partial"
        self._scratch = root / "tmp"

    # Whose it is.

    def claim(self, whose: Whose) -> None:
        """Make the folder one of this deployment's backups.

        Raises:
            UsageError: It holds something else.
            BackupError: It can't be written, or a newer qhub made it.
        """
        with told(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            marker = self.root / MARKER
            if marker.exists():
                if (owner := self.whose()) != whose:
                    raise UsageError(
                        f"{self.root} holds backups of {owner}, not of {whose}",
                        hint="give each deployment a folder of its own",
                    )
            elif any(path.name not in ("lost+found", "lock") for path in self.root.iterdir()):
                raise UsageError(
                    f"{self.root} is not empty and holds no backups",
                    hint="name a folder that is not there yet, or a file ending in .tar.zst",
                )
            with contextlib.suppress(PermissionError):  # somebody else's; what is in it is closed
                self.root.chmod(0o700)
            for folder in (self._objects, self._partial, self._scratch, self.root / "backups"):
                folder.mkdir(mode=0o700, exist_ok=True)
            about = {"format": FORMAT, "about": _ABOUT, **vars(whose)}
            self._write(marker, f"{json.dumps(about, indent=1)}\n".encode())

    def whose(self) -> Whose:
        """Which deployment the backups are of.

        Raises:
            UsageError: It is no folder of backups.
            BackupError: A newer qhub made it.
        """
        marker = self.root / MARKER
        try:
            content = json.loads(marker.read_text(encoding="utf-8"))
            check_format(content, marker)
            return Whose(content["project_name"], content["namespace"])
        except FileNotFoundError:
            raise UsageError(f"{self.root} holds no backups of qhub") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{marker} can't be used: {error}") from error

    @contextlib.contextmanager
    def locked(self, *, write: bool) -> Iterator[None]:
        """Keep out those who write and, to write oneself, those who read.

        The lock is the kernel's, and gone with the process.

        Raises:
            LockedError: Another run has it.
        """
        flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
        with told(self.root):
            descriptor = os.open(self.root / "lock", flags, 0o600)
        with os.fdopen(descriptor) as lock:
            try:
                fcntl.flock(lock, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(
                    f"another run is at work on {self.root}", hint="wait for it, or end it"
                ) from None
            except OSError:
                pass  # a file system without locks; that of the deployment has to do
            yield

    # Contents.

    def object(self, sha256: str) -> Path:
        """Where a content lies."""
        return self._objects / sha256[:2] / sha256[2:]

    def has(self, entry: Entry) -> bool:
        """Whether the content of a file is there, by its size."""
        if not entry.sha256:
            return True
        try:
            return self.object(entry.sha256).stat().st_size == entry.data
        except OSError:
            return False

    def add(self, data: Iterable[bytes]) -> tuple[str, int]:
        """Keep a content; returns its hash, empty for an empty one, and its size."""
        draft = self._scratch / "object"
        total, size = hashlib.sha256(), 0
        with told(self.root):
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                for chunk in data:
                    total.update(chunk)
                    size += len(chunk)
                    with told(self.root):
                        _write_all(file, chunk)
        except BaseException:
            draft.unlink(missing_ok=True)  # on a full disk it would be in the way
            raise
        if not size:
            return "", 0
        path = self.object(total.hexdigest())
        with told(self.root):
            try:
                draft.rename(path)
            except FileNotFoundError:
                path.parent.mkdir(mode=0o700)
                draft.rename(path)
        return total.hexdigest(), size

    def read(self, sha256: str) -> Iterator[bytes]:
        """A content, in pieces; nothing for an empty one."""
        if not sha256:
            return
        with self.object(sha256).open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def damage(self, sha256: str) -> str | None:
        """What is wrong with a content; None when it is what it was."""
        total = hashlib.sha256()
        try:
            for chunk in self.read(sha256):
                total.update(chunk)
        except OSError as error:
            reason = "is missing" if error.errno == errno.ENOENT else str(error.strerror)
        else:
            if not sha256 or total.hexdigest() == sha256:
                return None
            reason = "was changed"
        return f"its content {reason}: {self.object(sha256).relative_to(self.root)}"

    # Backups.

    def backups(self) -> list[Header]:
        """The whole ones, oldest first."""
        found = sorted((self.root / "backups").glob("*/backup.json"))
        return sorted((Header.load(path) for path in found), key=lambda one: one.created)

    def choose(self, wanted: str | None) -> Header:
        """The backup of this id, or the newest; the beginning of an id is enough.

        Raises:
            UsageError: There is none, or more than one.
        """
        known = self.backups()
        found = [one for one in known if one.id.startswith(wanted or "")]
        if not known:
            raise UsageError(f"{self.root} holds no whole backup", hint="run `qhub backup` again")
        if not found or (wanted and len(found) > 1 and found[0].id != wanted):
            listed = ", ".join(one.id for one in known)
            count = f"{len(found)} backups are" if found else "no backup is"
            raise UsageError(f"{count} called {wanted!r}", hint=f"there are: {listed}")
        return found[-1] if not wanted else found[0]

    def folder(self, backup: str) -> Path:
        """Where a backup's manifest and header lie."""
        return self.root / "backups" / backup

    def entries(self, header: Header) -> Iterator[Entry]:
        """The manifest of a backup.

        Raises:
            BackupError: It is not what it was.
        """
        path = self.folder(header.id) / "manifest.jsonl"
        total = hashlib.sha256()
        try:
            with path.open("rb") as file:
                lines = (_summed(line, total) for line in file)
                yield from read(lines)
        except (OSError, ValueError) as error:
            raise BackupError(f"{path} can't be used: {error}") from error
        if total.hexdigest() != header.manifest_sha256:
            raise BackupError(f"{path} was changed since it was written; use another backup")

    # What an interrupted run had done.

    def unfinished(self) -> list[Path]:
        """Manifests of interrupted runs."""
        return sorted(self._partial.glob("*.jsonl"))

    @contextlib.contextmanager
    def draft(self) -> Iterator[Draft]:
        """A backup in the making; what it had done stays, for the next one to go on with."""
        with told(self.root):
            for left in self._scratch.glob("object"):
                left.unlink()
            number = len(self.unfinished())
            path = self._partial / f"{number:06}.jsonl"
            while path.exists():
                number += 1
                path = self._partial / f"{number:06}.jsonl"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", buffering=1) as file:
            yield Draft(self, path, file)

    def scratch(self) -> Path:
        """An empty folder for copies in the making."""
        folder = self._scratch / "copies"
        with told(self.root):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        return folder

    def keep(self, count: int) -> int:
        """Keep the newest backups, and only contents that they name; returns how many went."""
        known = self.backups()
        gone = known[:-count]
        with told(self.root):
            for header in gone:
                folder = self.folder(header.id)
                (folder / "backup.json").unlink()  # from here on it is no backup any more
                shutil.rmtree(folder)
            needed = {entry.sha256 for one in known[-count:] for entry in self.entries(one)}
            for part in self._objects.iterdir():
                for path in part.iterdir():
                    if part.name + path.name not in needed:
                        path.unlink()
        return len(gone)

    def _write(self, path: Path, content: bytes) -> None:
        draft = self._scratch / path.name
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)


class Draft:
    """A backup in the making."""

    def __init__(self, store: Store, path: Path, file: IO[str]) -> None:
        self._store, self._path, self._file = store, path, file
        self._sum = hashlib.sha256()

    def add(self, entry: Entry) -> None:
        """Note that an entry is saved."""
        line = entry.line()
        self._sum.update(line.encode())
        with told(self._store.root):
            self._file.write(line)

    def finish(self, header: Header, config: Path | None) -> Header:
        """Make it a backup: its header is written once all else is safely on the disk."""
        store = self._store
        header = header.model_copy(update={"manifest_sha256": self._sum.hexdigest()})
        with told(store.root):
            self._file.flush()
            folder = store.folder(header.id)
            folder.mkdir(mode=0o700)
            shutil.copyfile(self._path, folder / "manifest.jsonl")
            (folder / "manifest.jsonl").chmod(0o600)
            if config is not None:
                store._write(folder / Path(CONFIG).name, config.read_bytes())
            os.sync()
            store._write(folder / "backup.json", f"{header.model_dump_json(indent=1)}\n".encode())
            shutil.rmtree(store._scratch / "copies", ignore_errors=True)
            for path in store.unfinished():
                path.unlink()
        return header


def new_id(store: Store) -> tuple[str, str]:
    """An id and the time it stands for."""
    now = datetime.now(UTC)
    wanted = now.strftime("%Y-%m-%dT%H-%M-%SZ")
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, 100))]
    free = [name for name in names if not store.folder(name).exists()]
    return free[0], now.isoformat(timespec="microseconds")


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _summed(line: bytes, total: hashlib._Hash) -> str:
    total.update(line)
    return line.decode()
