"""Saving: everything that a source has, as far as earlier backups don't hold it already."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qhub import __version__
from qhub.backup import attributes
from qhub.backup.manifest import Entry, Header, order, read
from qhub.backup.source import Away, Source
from qhub.backup.store import CONFIG, DiskFull, Draft, Store, Tick, Whose, new_id
from qhub.backup.tree import Found, Walk, chunks, entry_of, extents, open_file
from qhub.errors import BackupError

ATTEMPTS = 3
"""How often a file is read that changes while it is."""

PAUSE_SECONDS = 0.2
PATIENCE = 100
"""Files that never hold still before no more time is spent on waiting."""

FRESH_NS = 2 * 10**9
"""A file this new can change again without its time telling; the next backup reads it again."""


@dataclass
class Omission:
    """Something that the backup does not hold, or not as it is at one moment."""

    path: str
    reason: str


@dataclass
class Tally:
    """What came of making a backup.

    Args:
        copied: files whose content was read and written.
        copied_bytes: their size.
        unreadable: what should be in it and is not.
        left_out: what no backup holds: sockets, pipes, other file systems.
        unsettled: files that were changed while they were read, each time.
    """

    copied: int = 0
    copied_bytes: int = 0
    unreadable: list[Omission] = field(default_factory=list)
    left_out: list[Omission] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)


class Known:
    """What an earlier backup holds, read side by side with the walk of the present one."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries
        self._next = next(entries, None)

    def find(self, path: list[bytes]) -> Entry | None:
        """The entry of a path; paths are asked for in order."""
        while self._next is not None and self._next.order < path:
            self._next = next(self._entries, None)
        if self._next is not None and self._next.order == path:
            return self._next
        return None


class Saving:
    """One backup being made."""

    def __init__(
        self,
        store: Store,
        source: Source,
        draft: Draft,
        tick: Tick,
        before: Iterable[Iterator[Entry]],
    ) -> None:
        self._store, self._source, self._draft, self._tick = store, source, draft, tick
        self._known = [Known(entries) for entries in before]
        self._links: dict[int, Entry] = {}
        self._files = self._bytes = 0
        self.tally = Tally()

    def all(self, whose: Whose, config: Path | None, made: tuple[str, str]) -> Header:
        """Save documents and places; returns what is known of the backup."""
        documents = [*self._source.documents(self._store.scratch())]
        if config is not None:
            documents.append((CONFIG, config))
        places = self._source.places()
        steps: dict[str, Path] = {**dict(documents), **places}
        for name in sorted(steps, key=order):
            if name in places:
                self._place(name, steps[name])
            else:
                self._document(name, steps[name])
        backup, created = made
        header = Header(
            id=backup,
            project_name=whose.project_name,
            namespace=whose.namespace,
            qhub=__version__,
            created=created,
            manifest_sha256="",
            files=self._files,
            bytes=self._bytes,
            owners=self._source.owners,
            unsettled=len(self.tally.unsettled),
            unreadable=len(self.tally.unreadable),
        )
        return self._draft.finish(header, config)

    def _document(self, name: str, path: Path) -> None:
        """A file that nobody but who deploys can reach."""
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            entry = entry_of(name, "file", found)
            entry.sha256, entry.size = self._store.add(chunks(file.fileno(), found.st_size, None))
        self._note(entry, copied=True)

    def _place(self, name: str, folder: Path) -> None:
        self._links = {}
        for found in Walk(name, self._source.skipped(name), self._leave_out).of(folder):
            if found.entry.kind == "file":
                self._file(found)
            else:
                self._tick(found.entry.path, 0)
                self._draft.add(found.entry)

    def _file(self, found: Found) -> None:
        entry = found.entry
        first = self._links.get(entry.inode) if entry.linked else None
        if first is not None:
            entry = dataclasses.replace(first, path=entry.path, same_as=first.path)
            self._note(entry, copied=False)
            return
        held = self._held(entry)
        if held is not None:
            entry = dataclasses.replace(held, linked=entry.linked, same_as="")
        else:
            try:
                entry = self._copy(found)
            except FileNotFoundError:
                return  # gone since it was found
            except OSError as error:
                self._leave_out(entry.path, error.strerror or str(error), True)
                return
        if entry.linked:
            self._links[entry.inode] = entry
        self._note(entry, copied=held is None)

    def _held(self, entry: Entry) -> Entry | None:
        """What an earlier backup holds of a file, if the file was not touched since."""
        for known in self._known:
            held = known.find(entry.order)
            if held is not None and _untouched(held, entry):
                return held
        return None

    def _copy(self, found: Found) -> Entry:
        """Read a file until it holds still while that goes on."""
        for attempt in range(ATTEMPTS):
            if attempt and len(self.tally.unsettled) < PATIENCE:
                time.sleep(PAUSE_SECONDS)
            descriptor = open_file(found.parent, found.name)
            try:
                entry, settled = self._read(descriptor, found.entry.path)
            finally:
                os.close(descriptor)
            if settled:
                return entry
        entry.unsettled, entry.ctime = True, 0
        self.tally.unsettled.append(entry.path)
        return entry

    def _read(self, descriptor: int, path: str) -> tuple[Entry, bool]:
        now, before = time.time_ns(), os.fstat(descriptor)
        entry = entry_of(path, "file", before)
        entry.xattrs = attributes.read(descriptor)
        entry.extents = extents(descriptor, before)
        entry.sha256, size = self._store.add(self._ticking(descriptor, before.st_size, entry))
        entry.size = before.st_size if entry.extents is not None else size
        entry.linked, entry.inode = before.st_nlink > 1, before.st_ino
        after = os.fstat(descriptor)
        settled = size == entry.data and _times(before) == _times(after)
        if settled and before.st_ctime_ns < now - FRESH_NS:
            entry.ctime = before.st_ctime_ns
        return entry, settled

    def _ticking(self, descriptor: int, size: int, entry: Entry) -> Iterator[bytes]:
        self._tick(entry.path, 0)
        for chunk in chunks(descriptor, size, entry.extents):
            yield chunk
            self._tick(entry.path, len(chunk))

    def _note(self, entry: Entry, *, copied: bool) -> None:
        self._draft.add(entry)
        self._files += 1
        self._bytes += entry.data
        if copied:
            self.tally.copied += 1
            self.tally.copied_bytes += entry.data
        else:
            self._tick(entry.path, entry.data)

    def _leave_out(self, path: str, reason: str, needed: bool) -> None:
        (self.tally.unreadable if needed else self.tally.left_out).append(Omission(path, reason))


def save(
    source: Source | Away, store: Store, whose: Whose, config: Path | None, keep: int, tick: Tick
) -> tuple[Header, Tally]:
    """Make a backup; takes up what an interrupted one had done.

    Args:
        source: what to save.
        store: where to.
        whose: the deployment.
        config: its configuration file, as written; None where there is none.
        keep: backups that stay, the new one among them.
        tick: is told of each step.

    Raises:
        UsageError: The folder of backups holds something else.
        BackupError: It can't be written, or is full.
    """
    try:
        store.claim(whose)
        with store.locked(write=True):
            resumed = bool(store.unfinished())
            with store.draft() as draft:
                if isinstance(source, Away):
                    header, tally = source.save(store, draft, whose, config, tick)
                else:
                    saving = Saving(store, source, draft, tick, earlier(store))
                    header, tally = saving.all(whose, config, new_id(store)), saving.tally
            if resumed or len(store.backups()) > keep:
                store.keep(keep)
    except DiskFull as error:
        raise BackupError(error.message, hint=_room(source, store)) from error
    return header, tally


def earlier(store: Store) -> Iterator[Iterator[Entry]]:
    """Entries of what interrupted runs had done, and of the newest whole backup.

    Those whose content is there: a pod that has the files asks for no single one.
    """
    for path in store.unfinished()[:-1]:  # the last one is the present draft
        yield filter(store.has, _trusted(path))
    for header in store.backups()[-1:]:
        yield filter(store.has, store.entries(header))


def _trusted(path: Path) -> Iterator[Entry]:
    """What an interrupted run wrote down, up to where it was cut off."""
    with path.open(encoding="utf-8") as lines:
        while line := lines.readline():
            try:
                yield next(read([line]))
            except ValueError:
                return


def _untouched(held: Entry, now: Entry) -> bool:
    return held.kind == "file" and held.ctime != 0 and _identity(held) == _identity(now)


def _identity(entry: Entry) -> tuple[int, ...]:
    return entry.size, entry.mtime, entry.ctime, entry.inode, entry.mode, entry.uid, entry.gid


def _times(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _room(source: Source | Away, store: Store) -> str:
    """What to do about a full disk, in numbers."""
    if isinstance(source, Away):
        return "make room, then run the same command to go on"
    total = sum(
        found.entry.size
        for name, folder in source.places().items()
        for found in Walk(name, source.skipped(name), lambda *_: None).of(folder)
    )
    held = sum(path.stat().st_size for path in store.root.glob("objects/*/*"))
    free = shutil.disk_usage(store.root).free
    return (
        f"the files are {total / 1e6:.1f} MB; the backups take {held / 1e6:.1f} MB so far, "
        f"{free / 1e6:.1f} MB are free. Make room, then run the same command to go on"
    )
