"""Trees of files for the tests: made, described, and a source that has them."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qhub.backup.manifest import Header
from qhub.backup.owners import Owners
from qhub.backup.put import Restored
from qhub.backup.restore import WHOLE, Selection, put_back
from qhub.backup.save import Tally, save
from qhub.backup.store import Store, Whose

DEMO = Whose("demo")


def ignore(path: str, count: int) -> None:
    """A tick that nobody listens to."""


@dataclass
class Trees:
    """A source whose places are the folders in `homes` and `shared`."""

    folder: Path
    owners: Owners = field(default_factory=lambda: Owners(unix=False))
    documents_: dict[str, Path] = field(default_factory=dict)
    put_: dict[str, bytes] = field(default_factory=dict)

    def documents(self, scratch: Path) -> Iterator[tuple[str, Path]]:
        yield from sorted(self.documents_.items())

    def places(self) -> dict[str, Path]:
        found = [path for kind in ("homes", "shared") for path in (self.folder / kind).glob("*")]
        return {str(path.relative_to(self.folder)): path for path in sorted(found)}

    def skipped(self, place: str) -> frozenset[str]:
        return frozenset({f"{place}/.cache"})

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def put(self, name: str, data: Iterator[bytes]) -> None:
        self.put_[name] = b"".join(data)

    def place(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def saved(
    folder: Path, store: Store, *, tick: Any = ignore, keep: int = 7, config: Path | None = None
) -> tuple[Header, Tally]:
    """Back up the trees of a folder."""
    return save(Trees(folder), store, DEMO, config, keep, tick)


def restored(
    store: Store, folder: Path, selection: Selection = WHOLE, *, tick: Any = ignore
) -> Restored:
    """Restore the newest backup into a folder."""
    return put_back(Trees(folder), store, store.choose(None), selection, tick)


def described(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is to be the same after a restore, by path."""
    inodes: dict[int, int] = {}
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        entry = path.lstat()
        what: object = None
        if stat.S_ISLNK(entry.st_mode):
            what = path.readlink()
        elif stat.S_ISREG(entry.st_mode):
            same = inodes.setdefault(entry.st_ino, len(inodes)) if entry.st_nlink > 1 else -1
            what = (path.read_bytes(), same)
        found[str(path.relative_to(folder))] = (entry.st_mode, entry.st_mtime_ns, what)
    return found
