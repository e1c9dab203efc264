"""Saving and restoring where the files are: this package, run by a pod that has the volumes.

It works as on any machine; only the store of contents stays where the command runs, and is asked
for through standard input and output. A message is a line of JSON, then as many bytes as it says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from qhub.backup.database import DATABASE, copied, replace, written
from qhub.backup.manifest import Entry, Header, read
from qhub.backup.owners import Owners
from qhub.backup.restore import Selection, put_back
from qhub.backup.save import Omission, Saving
from qhub.backup.source import CACHES
from qhub.backup.store import Draft, Store, Whose
from qhub.errors import BackupError, QhubError

BROKEN = ("the connection to the files broke", "run the same command again to go on")
"""What is said of it, and what to do."""


class Line:
    """Messages to and from the other side; what breaks off is an error."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def send(self, kind: str, body: bytes = b"", **content: Any) -> None:
        """Send one message."""
        head = {"kind": kind, "length": len(body), **content}
        self._sink.write(json.dumps(head).encode() + b"\n")
        self._sink.write(body)
        self._sink.flush()

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for one message.

        Raises:
            BackupError: The other side is gone.
        """
        head = self._source.readline()
        if not head.endswith(b"\n"):
            raise BackupError(*BROKEN)
        try:
            message: dict[str, Any] = json.loads(head)
        except ValueError as error:
            raise BackupError(f"the other side says {head[:80]!r}, which is no message") from error
        body = self._source.read(message["length"]) if message["length"] else b""
        if len(body) != message["length"]:
            raise BackupError(*BROKEN)
        return message, body


class FarStore(Store):
    """The store of the other side."""

    def __init__(self, line: Line, scratch: Path) -> None:
        super().__init__(scratch)
        self._line = line

    def tick(self, path: str, count: int) -> None:
        """Tell of a step."""
        self._line.send("tick", path=path, count=count)

    def add(self, data: Iterable[bytes]) -> tuple[str, int]:
        self._line.send("add")
        for chunk in data:
            self._line.send("data", chunk)
        self._line.send("end")
        answer = self._line.receive()[0]
        return answer["sha256"], answer["size"]

    def read(self, sha256: str) -> Iterator[bytes]:
        self._line.send("read", sha256=sha256)
        while True:  # a piece an answer, so that never both sides wait for the other to read
            answer, piece = self._line.receive()
            yield piece
            if answer["last"]:
                return
            self._line.send("more")

    def earlier(self) -> list[Iterator[Entry]]:
        """Entries of what earlier runs saved."""
        self._line.send("earlier")
        count = self._line.receive()[0]["count"]
        return [self._lines(number) for number in range(count)]

    def entries(self, header: Header) -> Iterator[Entry]:
        del header  # the other side knows which
        return self._lines(0)

    def _lines(self, number: int) -> Iterator[Entry]:
        while True:
            self._line.send("lines", number=number)
            lines = self._line.receive()[1].decode().splitlines()
            if not lines:
                return
            yield from read(lines)

    def scratch(self) -> Path:
        return self.root


class FarDraft(Draft):
    """The backup that the other side is making."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def add(self, entry: Entry) -> None:
        self._line.send("entry", entry=dataclasses.asdict(entry))

    def finish(self, header: Header, config: Path | None) -> Header:
        del config
        return header


class Volumes:
    """The volumes of a deployment as a pod has them; a `qhub.backup.source.Source`."""

    def __init__(
        self, owners: Owners, homes: dict[str, str], files: Path, hub: Path | None
    ) -> None:
        self._owners, self._homes, self._files, self._hub = owners, homes, files, hub

    @property
    def owners(self) -> Owners:
        return self._owners

    @property
    def folder(self) -> Path:
        return self._files

    @property
    def _database(self) -> Path | None:
        return self._hub / "jupyterhub.sqlite" if self._hub else None

    def documents(self, scratch: Path) -> Iterator[tuple[str, Path]]:
        """The hub's database, where it is in a volume."""
        if self._database is not None and self._database.exists():
            yield DATABASE, copied(self._database, scratch)

    def places(self) -> dict[str, Path]:
        """Homes and shared folders, also those of who was removed from the configuration."""
        found = {f"homes/{name}": Path(path) for name, path in self._homes.items()}
        for kind in ("homes", "shared"):
            folder = self._files / kind
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if path.is_dir() and not path.is_symlink():
                    found.setdefault(f"{kind}/{path.name}", path)
        return found

    def skipped(self, place: str) -> frozenset[str]:
        """Caches of a home."""
        if not place.startswith("homes/"):
            return frozenset()
        return frozenset(f"{place}/{name}" for name in CACHES)

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # the other side sees to it

    def place(self, name: str) -> Path:
        """A home or shared folder; one of nobody's is closed to all but root."""
        path = self.places().get(name) or self._files / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def put(self, name: str, data: Iterator[bytes]) -> None:
        """Put the hub's database back; nothing else of the kind is in a volume."""
        if name != DATABASE:
            return
        if self._database is None:
            raise BackupError(
                "the hub's database is not in a volume of its own, so it can't be put back",
                hint="restore files only (--user, --group)",
            )
        draft = Path(tempfile.mkdtemp(dir=self._hub)) / "jupyterhub.sqlite"
        try:
            written(draft, data, sys.executable)
            owner = (self._database if self._database.exists() else self._database.parent).stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
            replace(self._database, draft)
        finally:
            shutil.rmtree(draft.parent)


def _work(line: Line, job: dict[str, Any], config: bytes) -> dict[str, Any]:
    hub = Path(job["hub"]) if job["hub"] else None
    owners = Owners(**job["owners"])
    volumes = Volumes(owners, job["homes"], Path(job["files"]), hub)
    with tempfile.TemporaryDirectory() as scratch:
        store = FarStore(line, Path(scratch))
        if job["kind"] == "restore":
            header, selection = Header(**job["header"]), Selection(**job["selection"])
            done = put_back(volumes, store, header, selection, store.tick)
            return dataclasses.asdict(done)
        config_file = Path(scratch) / "qhub-config.yaml" if config else None
        if config_file:
            config_file.write_bytes(config)
        saving = Saving(store, volumes, FarDraft(line), store.tick, store.earlier())
        if hub is None:
            reason = "the hub's database is not in a volume (jupyterhub.overrides)"
            saving.tally.left_out.append(Omission(DATABASE, reason))
        header = saving.all(Whose(*job["whose"]), config_file, job["id"])
        return {"header": header.model_dump(), "tally": dataclasses.asdict(saving.tally)}


def main() -> None:
    """Do one job for the other side; its result, or why there is none, is the last message."""
    line = Line(sys.stdin.buffer, sys.stdout.buffer)
    job, config = line.receive()
    try:
        line.send("done", result=_work(line, job, config))
    except QhubError as error:
        line.send("failed", message=error.message, hint=error.hint)
    except OSError as error:
        line.send("failed", message=str(error), hint=None)
