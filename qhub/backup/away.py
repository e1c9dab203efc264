"""This side of an `agent`: has the store, and gives it what it asks for."""

from __future__ import annotations

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from qhub.backup.agent import Line
from qhub.backup.manifest import Entry, Header
from qhub.backup.put import Restored
from qhub.backup.restore import Selection, places
from qhub.backup.save import Omission, Tally, earlier
from qhub.backup.store import Draft, Store, Tick, Whose, new_id
from qhub.errors import BackupError

_LINES = 500


class FarTrees(ABC):
    """Trees that an agent reads and writes; a `qhub.backup.source.Away`."""

    @abstractmethod
    def open(
        self, *, write: bool, places: Collection[str] = ()
    ) -> AbstractContextManager[tuple[Line, dict[str, Any]]]:
        """A line to an agent, and what its job says of the volumes.

        Args:
            write: whether it is to write.
            places: those that there have to be, made where they are missing.
        """

    def save(
        self, store: Store, draft: Draft, whose: Whose, config: Path | None, tick: Tick
    ) -> tuple[Header, Tally]:
        """Make a backup of what an agent reads."""
        content = config.read_bytes() if config else b""
        job = {"whose": dataclasses.astuple(whose), "id": new_id(store)}
        with self.open(write=False) as (line, volumes):
            line.send("save", content, **volumes, **job)
            said = _serve(line, store, tick, [*earlier(store)], draft)
        found = said["tally"]
        for key in ("unreadable", "left_out"):
            found[key] = [Omission(**one) for one in found[key]]
        return draft.finish(Header(**said["header"]), config), Tally(**found)

    def put_back(self, store: Store, header: Header, selection: Selection, tick: Tick) -> Restored:
        """Have an agent put back what is selected."""
        chosen = {"paths": list(selection.paths), "missing": selection.missing}
        wanted = places(store, header, selection)
        with self.open(write=True, places=wanted) as (line, volumes):
            line.send("restore", **volumes, header=header.model_dump(), selection=chosen)
            said = _serve(line, store, tick, [store.entries(header)], None)
        return Restored(**{**said, "failed": [tuple(one) for one in said["failed"]]})


def _serve(
    line: Line, store: Store, tick: Tick, known: list[Iterator[Entry]], draft: Draft | None
) -> dict[str, Any]:
    """Answer until the job is done.

    Raises:
        BackupError: It failed, or its end never came.
    """
    content: Iterator[tuple[bytes, bool]] = iter(())
    while True:
        message, _ = line.receive()
        match message["kind"]:
            case "tick":
                tick(message["path"], message["count"])
            case "add":
                sha256, size = store.add(_received(line))
                line.send("answer", sha256=sha256, size=size)
            case "entry" if draft is not None:
                draft.add(Entry(**message["entry"]))
            case "read" | "more" as kind:
                if kind == "read":
                    content = _pieces(store.read(message["sha256"]))
                piece, last = next(content)
                line.send("answer", piece, last=last)
            case "earlier":
                line.send("answer", count=len(known))
            case "lines":
                some = itertools.islice(known[message["number"]], _LINES)
                line.send("answer", "".join(entry.line() for entry in some).encode())
            case "done":
                return dict(message["result"])
            case "failed":
                raise BackupError(message["message"], hint=message["hint"])
            case kind:
                raise BackupError(f"the pod with the files says {kind!r}, which is not known")


def _pieces(content: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Pieces of a content, each with whether it is the last; an empty one where there is none."""
    piece = next(content, b"")
    for following in content:
        yield piece, False
        piece = following
    yield piece, True


def _received(line: Line) -> Iterator[bytes]:
    while (got := line.receive())[0]["kind"] != "end":
        if got[0]["kind"] == "data":
            yield got[1]
