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
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from qhub.backup.manifest import Entry, Header, read
from qhub.backup.owners import Owners
from qhub.backup.restore import Selection, put_back
from qhub.backup.save import Saving
from qhub.backup.store import Draft, Store, Whose
from qhub.errors import BackupError, QhubError

DATABASE = "database/jupyterhub.sqlite"
CACHES = (".cache",)


class Line:
    """Messages to and from the other side; what breaks off is an error."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def send(self, kind: str, body: bytes = b"", **content: Any) -> None:
        """Send one message."""
        head = {"kind": kind, "length": len(body), **content}
        self._sink.write(json.dumps(head).encode() + b"\n" + body)
        self._sink.flush()

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for one message.

        Raises:
            BackupError: The other side is gone.
        """
        head = self._source.readline()
        if not head.endswith(b"\n"):
            raise BackupError("the connection to the files broke", hint="run the same again")
        message: dict[str, Any] = json.loads(head)
        body = self._source.read(message["length"]) if message["length"] else b""
        if len(body) != message["length"]:
            raise BackupError("the connection to the files broke", hint="run the same again")
        return message, body


class FarStore(Store):
    """The store of the other side."""

    def __init__(self, line: Line, scratch: Path) -> None:
        super().__init__(scratch)
        self._line = line

    def tick(self, path: str, count: int) -> None:
        """Tell of a step."""
        self._line.send("tick", path=path, count=count)

    def has(self, entry: Entry) -> bool:
        self._line.send("has", entry=dataclasses.asdict(entry))
        return bool(self._line.receive()[0]["yes"])

    def add(self, data: Iterable[bytes]) -> tuple[str, int]:
        self._line.send("add")
        for chunk in data:
            self._line.send("data", chunk)
        self._line.send("end")
        answer = self._line.receive()[0]
        return answer["sha256"], answer["size"]

    def read(self, sha256: str) -> Iterator[bytes]:
        self._line.send("read", sha256=sha256)
        while True:
            self._line.send("more")  # so that never both sides wait for the other to read
            if not (piece := self._line.receive()[1]):
                return
            yield piece

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

    def __init__(self, owners: Owners, homes: dict[str, str], files: Path, hub: Path) -> None:
        self._owners, self._homes, self._files, self._hub = owners, homes, files, hub

    @property
    def owners(self) -> Owners:
        return self._owners

    @property
    def folder(self) -> Path:
        return self._files

    @property
    def _database(self) -> Path:
        return self._hub / "jupyterhub.sqlite"

    def documents(self, scratch: Path) -> Iterator[tuple[str, Path]]:
        """The hub's database, copied while the hub may write to it."""
        if not self._database.exists():
            return
        copy = scratch / "jupyterhub.sqlite"
        try:
            source = sqlite3.connect(f"{self._database.as_uri()}?mode=rw", uri=True)
            with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
                _check(target)
        except sqlite3.Error as error:
            raise BackupError(f"the hub's database can't be copied: {error}") from error
        yield DATABASE, copy

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
        """Put the database back, as the hub of today takes it; without tokens of services."""
        content = Path(tempfile.mkdtemp(dir=self._hub)) / "jupyterhub.sqlite"
        try:
            with content.open("wb") as file:
                file.writelines(data)
            if name == DATABASE:
                self._put_database(content)
        except sqlite3.Error as error:
            raise BackupError(f"the database of the backup can't be used: {error}") from error
        finally:
            shutil.rmtree(content.parent)

    def _put_database(self, draft: Path) -> None:
        with contextlib.closing(sqlite3.connect(draft)) as database:
            _check(database)
            database.execute("DELETE FROM api_tokens WHERE service_id IS NOT NULL")
            database.commit()
        done = subprocess.run(
            [sys.executable, "-m", "jupyterhub", "upgrade-db", f"--db=sqlite:///{draft}"],
            cwd=draft.parent,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise BackupError(
                f"the database of the backup does not fit this hub: {said[-1]}",
                hint="deploy with the qhub that made the backup, or restore files only (--user)",
            )
        owner = self._database if self._database.exists() else self._hub
        os.chown(draft, owner.stat().st_uid, owner.stat().st_gid)
        draft.chmod(0o600)
        for ending in ("-journal", "-wal", "-shm"):
            Path(f"{self._database}{ending}").unlink(missing_ok=True)
        draft.replace(self._database)


def _check(database: sqlite3.Connection) -> None:
    [answer] = database.execute("PRAGMA quick_check").fetchone()
    if answer != "ok":
        raise BackupError(f"the hub's database is damaged: {answer}")


def _work(line: Line, job: dict[str, Any], config: bytes) -> dict[str, Any]:
    volumes = Volumes(Owners(**job["owners"]), job["homes"], Path(job["files"]), Path(job["hub"]))
    with tempfile.TemporaryDirectory() as scratch:
        store = FarStore(line, Path(scratch))
        if job["kind"] == "restore":
            header, selection = Header(**job["header"]), Selection(**job["selection"])
            done = put_back(volumes, store, header, selection, store.tick)
            return dataclasses.asdict(done)
        written = Path(scratch) / "qhub-config.yaml" if config else None
        if written:
            written.write_bytes(config)
        saving = Saving(store, volumes, FarDraft(line), store.tick, store.earlier())
        header = saving.all(Whose(*job["whose"]), written, job["id"])
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
