"""Logs: they stay small while somebody writes to them, and are followed all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.hub import logs
from qhub.runner.folder import Folder
from qhub.runner.log import KEPT, RunLog
from qhub.stages.logs import tail

WRITER = """
import sys, time
number = 0
while True:
    print("line", number := number + 1, flush=True)
    time.sleep(0.001)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ben.log"


@pytest.fixture
def writer(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody who appends numbered lines without end."""
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-c", WRITER], stdout=output)
    yield process
    process.kill()
    process.wait()


def test_a_small_log_is_left_alone(log: Path) -> None:
    log.write_bytes(b"x" * logs.SIZE)
    logs.rotate(log)
    logs.rotate(log.with_name("nothing.log"))
    assert [path.name for path in log.parent.iterdir()] == ["ben.log"]


def test_only_so_many_parts_are_kept(log: Path) -> None:
    for number in range(6):
        log.write_bytes(b"%d" % number * (logs.SIZE + 1))
        logs.rotate(log)
    parts = {path.name: path.read_bytes()[:1] for path in log.parent.iterdir()}
    assert parts == {"ben.log": b"", "ben.log.1": b"5", "ben.log.2": b"4", "ben.log.3": b"3"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in log.parent.glob("*.1"))


@pytest.mark.usefixtures("writer")
def test_who_writes_goes_on_in_the_same_file(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SIZE", 2000)
    for _ in range(3):
        while log.stat().st_size <= 2000:
            pass
        logs.rotate(log)
    while not log.stat().st_size:
        pass
    assert b"\0" not in log.read_bytes()
    assert len(list(log.parent.iterdir())) == 4


@pytest.mark.parametrize("how", ["emptied", "replaced"])
def test_a_log_is_followed_over_its_rotation(log: Path, how: str) -> None:
    log.write_text("one\ntwo\nthree\nfo")
    lines = tail(log, 3, follow=True)
    assert [next(lines), next(lines)] == ["two", "three"]
    with log.open("a") as file:
        file.write("ur\nfive\n")
    assert [next(lines), next(lines)] == ["four", "five"]
    if how == "emptied":
        os.truncate(log, 0)
    else:
        with log.open("a") as file:
            file.write("last words\n")
        log.rename(log.with_name("ben.log.1"))
        log.write_text("six, which is longer than all that was in the file before\n")
        assert next(lines) == "last words"
        assert next(lines).startswith("six")
    with log.open("a") as file:
        file.write("7\n")
    assert next(lines) == "7"


@pytest.mark.usefixtures("writer")
def test_nothing_is_lost_when_a_log_is_replaced(log: Path) -> None:
    found = tail(log, 1000, follow=True)
    first = int(next(found).split()[1])
    before = log.rename(log.with_name("ben.log.1"))  # the writer goes on there for a while
    log.touch()
    while before.read_bytes().count(b"\n") < first + 60:
        time.sleep(0.01)
    seen = [int(next(found).split()[1]) for _ in range(50)]
    assert seen == list(range(first + 1, first + 51))


def test_without_following_a_line_that_is_cut_off_is_shown(log: Path) -> None:
    log.write_bytes(b"one\nt\xffo")
    assert list(tail(log, 5, follow=False)) == ["one", "t\N{REPLACEMENT CHARACTER}o"]


def test_runs_of_one_command_leave_the_logs_of_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.private.mkdir()
    logs = folder.private / "logs"
    with RunLog(folder, "deploy") as log:
        deploy = log.path
    for number in range(KEPT + 5):
        (logs / f"2026-01-01T00-00-{number:02}-backup.log").touch()
    with RunLog(folder, "backup"):
        pass
    assert deploy.exists()
    assert len(list(logs.glob("*-backup.log"))) == KEPT
