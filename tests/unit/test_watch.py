"""`qhub status --watch`: goes on until Ctrl-C, for people, pipes and programs."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qhub.cli.progress import elapsed
from qhub.cli.status import lines
from qhub.runner.status import DeploymentStatus, StageStatus
from qhub.stages.base import Process

from .config.support import SECURITY

WATCH = [sys.executable, "-m", "qhub", "status", "--watch", "--interval", "0.5"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "qhub-config.yaml").write_text(f"project_name: demo\n{SECURITY}")
    return tmp_path


def started(here: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*WATCH, *arguments], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_lines_of_data(here: Path) -> None:
    process = started(here, "--output", "json")
    assert process.stdout
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    assert first["time"] <= second["time"]
    assert {stage["state"] for stage in second["stages"]} == {"absent"}
    assert ended(process) == (0, "")


def test_blocks_follow_the_file(here: Path) -> None:
    process = started(here)
    assert process.stdout
    shown = [process.stdout.readline()]
    assert shown[0].startswith("--- 2")
    (here / "qhub-config.yaml").write_text("project_name: 1\n")
    while "qhub validate" not in shown[-1]:
        shown.append(process.stdout.readline())
    (here / "qhub-config.yaml").write_text(f"project_name: demo\n{SECURITY}")
    while "qhub validate" in "".join(shown[shown.index("\n") :][-5:]):
        shown.append(process.stdout.readline())
    assert ended(process) == (0, "")
    assert "\x1b" not in "".join(shown)


def test_in_place_on_a_terminal(here: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(here)
        os.environ |= {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
        os.execv(sys.executable, WATCH)  # noqa: S606
    said = b""
    while said.count(b"Ctrl-C ends this") < 3:
        said += os.read(terminal, 10_000)
    os.write(terminal, b"\x03")
    try:
        while chunk := os.read(terminal, 10_000):
            said += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"02-infrastructure" in said
    assert b"Traceback" not in said


def test_a_broken_file_ends_it_before_it_starts(here: Path) -> None:
    (here / "qhub-config.yaml").write_text("project_name: 1\n")
    process = started(here)
    assert process.wait(60) == 2


def test_what_could_not_be_looked_at_is_not_well() -> None:
    assert not DeploymentStatus(notices=["the state can't be read"]).is_well


def test_what_a_process_takes_is_in_its_line() -> None:
    hub = Process("hub", "running", 7, 7322.0, memory_bytes=100 * 1024**2, cpu_seconds=3.0)
    found = DeploymentStatus([StageStatus("05-jupyterhub", "deployed")], processes=[hub])
    assert lines(found)[1].split() == [
        *("hub", "running", "pid", "7", "up", "2:02", "h", "100", "MB")
    ]
    assert lines(found, {7: 0.5})[1].endswith("50% CPU")


def test_a_line_fits_into_a_terminal() -> None:
    large = Process("server-somebody", "running", 4194304, 3599.0, memory_bytes=90 * 1024**3)
    line, _ = lines(DeploymentStatus(processes=[large]), {4194304: 12.5})
    assert len(line) <= 80, line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.21, "7.2 s"), (125, "2:05 min"), (12_000, "3:20 h"), (5 * 86_400, "5 days")],
)
def test_times(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text
