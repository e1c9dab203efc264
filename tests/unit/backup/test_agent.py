"""Messages between a backup's store and the pod that has the files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.backup.agent import Line, Volumes
from qhub.backup.database import DATABASE
from qhub.backup.owners import Owners
from qhub.errors import BackupError
from qhub.kubernetes.data import code


class Dribble(io.RawIOBase):
    """Gives what it has in short pieces, as a network does."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data, self._piece = io.BytesIO(data), piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        some = self._data.read(min(self._piece, len(buffer)))
        buffer[: len(some)] = some
        return len(some)


def sent() -> bytes:
    sink = io.BytesIO()
    line = Line(io.BytesIO(), sink)
    line.send("data", b"\n{}\n" * 1000, path="homes/ada/odd\n\udcff")
    line.send("end")
    return sink.getvalue()


def received(data: bytes, piece: int = 1 << 16) -> Line:
    return Line(io.BufferedReader(Dribble(data, piece)), io.BytesIO())


@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_messages_arrive_in_whatever_pieces_they_come(piece: int) -> None:
    line = received(sent(), piece)
    head, body = line.receive()
    assert (head["kind"], head["path"]) == ("data", "homes/ada/odd\n\udcff")
    assert body == b"\n{}\n" * 1000
    assert line.receive()[0]["kind"] == "end"


@pytest.mark.parametrize("missing", [1, 40, 2000])
def test_an_end_that_is_missing_is_an_error(missing: int) -> None:
    line = received(sent()[:-missing])
    with pytest.raises(BackupError, match="broke"):
        _ = [line.receive() for _ in range(2)]


def test_what_is_no_message_is_told() -> None:
    with pytest.raises(BackupError, match="no message"):
        received(b"Killed\n").receive()


def volumes(folder: Path, homes: dict[str, str] | None = None) -> Volumes:
    return Volumes(Owners(unix=True), homes or {}, folder, None)


def test_a_home_is_the_volume_of_its_own_where_there_is_one(tmp_path: Path) -> None:
    own = tmp_path / "claim-ada"
    own.mkdir()
    (tmp_path / "shared/homes/ada").mkdir(parents=True)
    found = volumes(tmp_path / "shared", {"ada": str(own)})
    assert found.place("homes/ada") == found.places()["homes/ada"] == own
    assert found.place("homes/ben") == tmp_path / "shared/homes/ben"


def test_a_database_that_is_elsewhere_is_not_put_back(tmp_path: Path) -> None:
    nothing: Iterator[bytes] = iter(())
    with pytest.raises(BackupError, match="not in a volume"):
        volumes(tmp_path).put(DATABASE, nothing)
    assert not list(volumes(tmp_path).documents(tmp_path))


def test_the_pod_is_sent_all_that_it_imports() -> None:
    names = set(zipfile.ZipFile(io.BytesIO(code())).namelist())
    assert {"qhub/__init__.py", "qhub/errors.py", "qhub/backup/agent.py"} <= names
